import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { basename, dirname, resolve } from 'node:path'
import { MAPPING_PARTS, openLiveStore, PLAN_CATALOG } from '../catalog.ts'
import { formatDiagnostic } from '../diagnostic.ts'
import { KvmigError } from '../errors.ts'
import { forwardClaims } from '../mapping/claim.ts'
import { type CompiledProject, compileProject } from '../mapping/compiled-project.ts'
import { loadProject } from '../plan/load.ts'
import { mappingsOf, type Plan, type Project } from '../plan/plan.ts'
import { filesIn } from '../plan/project-files.ts'
import { resolveAddress } from '../runner/address.ts'
import type { LiveStore } from '../sources/live-store.ts'
import type { Entry } from '../sources/source.ts'
import { addMetrics } from '../state/metrics.ts'
import { type OutboxDepth, outboxDepth } from '../state/outbox.ts'
import { openLedger } from '../state/postgres-ledger.ts'
import { ROUTE_CHANNEL } from '../state/route.ts'
import { openTarget } from '../target/connect.ts'
import { listen } from '../target/listen.ts'
import { VERSION } from '../version.ts'
import { Engine, type EngineOptions } from './engine.ts'
import { forcedSides } from './forced-sides.ts'
import { prometheusText } from './prometheus.ts'
import type { FailurePolicy } from './protocol.ts'
import { compileRecordKind, type RecordKind, type Refusal } from './record-kind.ts'
import { recordStore, type Store } from './record-store.ts'
import { Recorder } from './recorder.ts'
import { RouteWatcher } from './route-watcher.ts'
import { Shadow } from './shadow.ts'
import type { JsValue } from './values.ts'

export interface ConnectOptions {
  /** The project file, or a project that was loaded already. Default: `migrations.yaml` of the working folder. */
  readonly project?: string | Project
  /** Where addresses and overrides come from. Default: the environment of the process. */
  readonly variables?: Readonly<Record<string, string | undefined>>
  /** A name of the project's environments. */
  readonly environment?: string
  /** What this process is called in `kvmig status`. Default: its host and a random id. */
  readonly instance?: string
  /** Connections to the target at the same time, at most. Default 10; one more is for what goes on in the background. */
  readonly connections?: number
  /** How long one statement, or one command of a source, may take. Default 5000. */
  readonly timeoutMillis?: number
  /** Which share of the reads is compared with the other side while a plan is in B or C, 0 to 1. Default 0.05. */
  readonly shadow?: number
  /** Plans whose records are taken over from the source when they are read in B and Postgres has none yet. Default: none. */
  readonly readThrough?: readonly string[]
}

/** Names of plans, and the rows and keys of their stores: what `kvmig types` writes. */
// An interface, so that a project can add its plans to it.
// biome-ignore lint/suspicious/noEmptyInterface: see above
export interface Plans {}

type RowOf<P> = P extends keyof Plans
  ? Plans[P] extends { row: infer R extends object }
    ? R
    : never
  : Record<string, JsValue>
type KeyOf<P> = P extends keyof Plans
  ? Plans[P] extends { key: infer K extends object }
    ? K
    : never
  : Record<string, JsValue>

/** The application's end of the migration. */
export interface Kvmig {
  readonly instance: string
  /**
   * The records of a plan; of one of its mappings, where it has several. Throws what makes dual-write impossible for them, by name: a
   * plan does not find out in B that it cannot be written.
   */
  store<P extends string>(plan: P, mapping?: string): Store<RowOf<P>, KeyOf<P>>
  /** What this instance measured, for Prometheus to scrape. */
  metrics(): Promise<string>
  /** Finishes what goes on in the background, says good-bye to the fleet, and closes the stores. */
  close(): Promise<void>
}

/** What tests change. */
export interface Internals extends Pick<EngineOptions, 'probe' | 'protocol'> {
  readonly pollMillis?: number
  readonly staleMillis?: number
  readonly settleMillis?: number
  /** Between two looks at the outbox; 0: never. */
  readonly drainMillis?: number
}

/**
 * Joins the migration: reads the plans, opens the stores, asks for the routes. Throws PLAN_REFUSED with every mistake of the plans, and
 * whatever the stores say.
 */
export async function connect(options: ConnectOptions = {}, internals: Internals = {}): Promise<Kvmig> {
  const variables = options.variables ?? process.env
  const project = await projectOf(options.project ?? 'migrations.yaml')
  const environment =
    options.environment === undefined ? undefined : project.environments.get(options.environment)
  if (options.environment !== undefined && !environment)
    throw new KvmigError(
      'ENVIRONMENT_UNKNOWN',
      `There is no environment "${options.environment}" in ${project.file}.`,
    )
  const forced = forcedSides(
    project.plans.map((it) => it.name),
    variables,
  )
  const compiled = compileProject(project, MAPPING_PARTS)
  const recorder = new Recorder()
  const timeoutMillis = options.timeoutMillis ?? 5000
  const instance = options.instance ?? `${hostname()}/${randomUUID().slice(0, 8)}`
  const closing = new AbortController()
  const address = environment?.target ?? project.target
  const url = resolveAddress(address, variables)
  const open = { root: project.root, insecure: address.insecure !== undefined }
  const target = await openTarget(url, { ...open, connections: options.connections ?? 10 })
  const closers: (() => Promise<void>)[] = [() => target.close()]
  try {
    // An embedded Postgres has one connection for everything.
    const background = target.kind === 'pglite' ? target : await openTarget(url, { ...open, connections: 2 })
    if (background !== target) closers.unshift(() => background.close())
    const stores = new Map<string, Promise<LiveStore>>()
    const live = (name: string): Promise<LiveStore> => {
      const opened = stores.get(name) ?? openLive(name)
      stores.set(name, opened)
      // Out of reach now is not out of reach for ever.
      opened.catch(() => stores.delete(name))
      return opened
    }
    const openLive = async (name: string): Promise<LiveStore> => {
      const source = environment?.sources.get(name) ?? project.sources.get(name)!
      return openLiveStore(resolveAddress(source, variables), {
        root: project.root,
        signal: closing.signal,
        timeoutMillis: Math.min(timeoutMillis, 2000),
      })
    }
    closers.unshift(async () => {
      for (const store of await Promise.allSettled(stores.values()))
        if (store.status === 'fulfilled') await store.value.close()
    })
    const watcher = await RouteWatcher.open({
      target: background,
      plans: project.plans.map((it) => it.name),
      instance: { id: instance, version: VERSION, host: hostname() },
      ...(internals.pollMillis !== undefined && { pollMillis: internals.pollMillis }),
      ...(internals.staleMillis !== undefined && { staleMillis: internals.staleMillis }),
    })
    closers.unshift(() => watcher.close())
    for (const [plan, side] of forced) refuseForced(plan, side, watcher.route(plan).phase)
    if (target.kind === 'postgres' && !target.pooled) {
      const ear = listen(url, open, ROUTE_CHANNEL, () => {
        watcher.look().catch(() => {})
      })
      closers.unshift(() => ear.close())
    }
    const engine = new Engine({
      target,
      background,
      ledger: openLedger(background),
      watcher,
      recorder,
      live,
      sourceOf: (plan) => planOf(project, plan).source,
      policyOf: (plan) => failureOf(planOf(project, plan)),
      isTracked: (kind) => compiled.tracked(kind.compiled.table.name),
      timeoutMillis,
      ...internals,
    })
    const shadow = new Shadow(engine, {
      share: options.shadow ?? 0.05,
      timeoutMillis,
      settleMillis: internals.settleMillis ?? 250,
      limit: 4,
    })
    const tasks = new Tasks(engine, {
      plans: project.plans.map((it) => it.name),
      instance,
      drainMillis: internals.drainMillis ?? 1000,
    })
    closers.unshift(
      () => shadow.close(),
      () => engine.close(),
      () => tasks.close(),
    )
    return {
      instance,
      store: (plan, mapping) => {
        const kind = kindOf(project, compiled, plan, mapping)
        // The rows are the plan's, as its types say.
        return recordStore({
          kind,
          engine,
          shadow,
          forced: forced.get(plan),
          readThrough: options.readThrough?.includes(plan) ?? false,
          claims: claimsOf(compiled, kind),
        }) as never
      },
      metrics: async () => {
        const depth: readonly OutboxDepth[] = await background
          .transaction(outboxDepth, { readOnly: true })
          .catch(() => [])
        return prometheusText(recorder.totals(), depth)
      },
      close: () => closeAll(closers, closing),
    }
  } catch (error) {
    await closeAll(closers, closing)
    throw error
  }
}

async function closeAll(closers: readonly (() => Promise<void>)[], closing: AbortController): Promise<void> {
  for (const close of closers) await close()
  closing.abort()
}

async function projectOf(given: string | Project): Promise<Project> {
  if (typeof given !== 'string') return given
  const path = resolve(given)
  const { project, diagnostics } = await loadProject({
    file: basename(path),
    root: dirname(path),
    files: filesIn(dirname(path)),
    catalog: PLAN_CATALOG,
  })
  if (!project) throw new KvmigError('PLAN_REFUSED', diagnostics.map(formatDiagnostic).join('\n'))
  return project
}

function planOf(project: Project, name: string): Plan {
  const plan = project.plans.find((it) => it.name === name)
  if (plan) return plan
  throw new KvmigError('PLAN_UNKNOWN', `There is no plan "${name}" in ${project.file}.`, {
    hint: `It has ${project.plans.map((it) => it.name).join(', ')}.`,
  })
}

// `writes: { failure: available }`, validated when the plan was loaded.
const failureOf = ({ later }: Plan): FailurePolicy =>
  (later.writes as { readonly failure?: FailurePolicy } | undefined)?.failure ?? 'strict'

function kindOf(
  project: Project,
  compiled: CompiledProject,
  planName: string,
  mappingName: string | undefined,
): RecordKind {
  const plan = planOf(project, planName)
  const mappings = mappingsOf(plan)
  const mapping =
    mappingName === undefined && mappings.length === 1
      ? mappings[0]!
      : mappings.find((it) => it.name === mappingName)
  if (!mapping)
    throw new KvmigError(
      'MAPPING_UNKNOWN',
      mappingName === undefined
        ? `Plan ${plan.name} has several mappings: say which.`
        : `Plan ${plan.name} has no mapping "${mappingName}".`,
      { hint: `store('${plan.name}', …) with one of ${mappings.map((it) => it.name).join(', ')}.` },
    )
  const made = compileRecordKind(
    plan,
    compiled.mapping(plan.name, mapping.name),
    MAPPING_PARTS,
    compiled.collides(mapping.into),
  )
  if ('because' in made) throw cannotDualWrite(plan.name, made)
  return made
}

const cannotDualWrite = (plan: string, { mapping, because }: Refusal): KvmigError =>
  new KvmigError(
    'DUAL_WRITE',
    `The records of ${plan} ${mapping} cannot be written to both sides: ${because}.`,
    {
      hint: 'This version writes records that are one place in the source and one row in the target.',
    },
  )

function claimsOf(compiled: CompiledProject, kind: RecordKind): (entry: Entry) => boolean {
  const router = compiled.router(kind.source)
  const nowhere = { row: () => {}, reject: () => {}, filtered: () => {}, unmapped: () => {} }
  return (entry) => {
    const claims = router.route(entry.key, entry.type)
    const claim = forwardClaims(claims, entry, () => nowhere)
    return claim?.kind === 'mappings' && claim.mappings.includes(kind.compiled)
  }
}

/** An override that reads where no data is would serve nothing, or what is long over. */
function refuseForced(plan: string, side: 'source' | 'target', phase: string): void {
  const impossible = side === 'target' ? phase === 'A' : phase === 'D'
  if (!impossible) return
  throw new KvmigError(
    'OVERRIDE',
    side === 'target'
      ? `The environment says to read ${plan} from Postgres, and it is in phase A: not all of it is there.`
      : `The environment says to read ${plan} from the source, and it is in phase D: nobody writes that any more.`,
    { hint: 'Take the variable away.' },
  )
}

/** What every instance does beside its work: it carries the outbox on, and tells what it measured. */
class Tasks {
  readonly #engine: Engine
  readonly #options: {
    readonly plans: readonly string[]
    readonly instance: string
    readonly drainMillis: number
  }
  readonly #timers: NodeJS.Timeout[] = []
  #working: Promise<void> = Promise.resolve()

  constructor(
    engine: Engine,
    options: { readonly plans: readonly string[]; readonly instance: string; readonly drainMillis: number },
  ) {
    this.#engine = engine
    this.#options = options
    if (options.drainMillis > 0)
      this.#every(options.drainMillis, async () => {
        while ((await this.#engine.drain(options.plans, OWN_MILLIS)) > 0);
      })
    this.#every(TELL_MILLIS, () => this.#tell())
  }

  async close(): Promise<void> {
    for (const it of this.#timers) clearInterval(it)
    await this.#working
    await this.#engine.close()
    await this.#tell().catch(() => {})
  }

  #every(millis: number, work: () => Promise<void>): void {
    let isBusy = false
    const timer = setInterval(() => {
      if (isBusy) return
      isBusy = true
      // Out of reach: there is a next time, and `kvmig status` shows what is waiting.
      const done = work()
        .catch(() => {})
        .finally(() => {
          isBusy = false
        })
      this.#working = Promise.all([this.#working, done]).then(() => {})
    }, millis)
    timer.unref()
    this.#timers.push(timer)
  }

  async #tell(): Promise<void> {
    const { recorder, background } = this.#engine.options
    const told = recorder.take()
    if (told.latencies.length + told.counters.length === 0) return
    try {
      await addMetrics(background, this.#options.instance, told)
    } catch (error) {
      recorder.putBack(told)
      throw error
    }
  }
}

/** So long a change is its writer's to carry. */
const OWN_MILLIS = 1000
const TELL_MILLIS = 5000
