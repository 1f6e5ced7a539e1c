import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { basename, dirname, resolve } from 'node:path'
import { MAPPING_PARTS, openLiveStore, PLAN_CATALOG } from '../catalog.ts'
import { formatDiagnostic } from '../diagnostic.ts'
import { KvmigError } from '../errors.ts'
import { forwardClaims } from '../mapping/claim.ts'
import { type CompiledProject, compileProject } from '../mapping/compiled-project.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import { loadProject } from '../plan/load.ts'
import { mappingsOf, type Plan, type Project } from '../plan/plan.ts'
import { filesIn } from '../plan/project-files.ts'
import { resolveAddress, resolveOptions } from '../runner/address.ts'
import type { LiveStore } from '../sources/live-store.ts'
import { commandKeys } from '../sources/redis/command-keys.ts'
import type { Entry } from '../sources/source.ts'
import { HEARTBEAT_MILLIS } from '../state/instances.ts'
import { type OutboxDepth, outboxDepth } from '../state/outbox.ts'
import { openLedger } from '../state/postgres-ledger.ts'
import { ROUTE_CHANNEL } from '../state/route.ts'
import { RECORD_CHANNEL } from '../state/touches.ts'
import { openTarget } from '../target/connect.ts'
import { listen } from '../target/listen.ts'
import { VERSION } from '../version.ts'
import { Caches } from './caches.ts'
import { CommandRunner } from './command-run.ts'
import { Engine, type EngineOptions } from './engine.ts'
import { compileEntryKind, type EntryKind } from './entry-kind.ts'
import { forcedSides } from './forced-sides.ts'
import type { Plans } from './index.ts'
import { KeyClaims, type KeyClaimsParts } from './key-claims.ts'
import { type MetricsHandler, metricsHandler } from './metrics-handler.ts'
import { prometheusText } from './prometheus.ts'
import type { FailurePolicy } from './protocol.ts'
import { compileRecordKind, type RecordKind, type Refusal } from './record-kind.ts'
import { recordStore, type Store } from './record-store.ts'
import { Recorder } from './recorder.ts'
import { RouteWatcher } from './route-watcher.ts'
import { Shadow } from './shadow.ts'
import { Spent } from './spent.ts'
import { Tasks } from './tasks.ts'
import type { JsValue } from './values.ts'
import { isUpstash, wrapUpstash } from './wrap/upstash.ts'
import { wrapClient } from './wrap/wrap.ts'

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
  /** Whom a history of changes names (`audit: true`): asked at every write, so that it may be the user of the request. Default: `instance`. */
  readonly who?: () => string
  /** Plans whose records are taken over from the source when they are read in B, once it has caught up, and Postgres has none yet. Default: none. */
  readonly readThrough?: readonly string[]
}

/** What `kvmig types` wrote of a plan, or of one of its mappings where it has several. */
type Typed<P, M, Part extends string> = P extends keyof Plans
  ? Plans[P] extends { readonly mappings: infer All }
    ? M extends keyof All
      ? PartOf<All[M], Part>
      : Record<string, JsValue>
    : PartOf<Plans[P], Part>
  : Record<string, JsValue>

type PartOf<Rows, Part extends string> = Rows extends { readonly [name in Part]: infer T extends object }
  ? T
  : Record<string, JsValue>

/** The application's end of the migration. */
export interface Kvmig {
  readonly instance: string
  /**
   * The records of a plan; of one of its mappings, where it has several. Throws what makes dual-write impossible for them, by name: a
   * plan does not find out in B that it cannot be written.
   */
  store<P extends string, M extends string = never>(
    plan: P,
    mapping?: M,
  ): Store<Typed<P, M, 'row'>, Typed<P, M, 'key'>, Typed<P, M, 'input'>>
  /**
   * The application's client, of ioredis or @upstash/redis, with its commands on keys that a plan claims routed by that plan; all others reach the client as
   * they are. `source`: the name of the source that it is connected to; default: the only one. The client is still the application's to
   * close.
   */
  wrap<C extends object>(client: C, source?: string): C
  /** What this instance measured, for Prometheus to scrape. */
  metrics(): Promise<string>
  /** The same as an answer to a scrape, for `node:http`, Express, and servers in the way of fetch. */
  metricsHandler(): MetricsHandler
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
  /** So long a change is its writer's to carry. */
  readonly ownMillis?: number
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
    const ledger = openLedger(background)
    const spent = new Spent(ledger.spending, project.budget.perMonth)
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
        variables,
        options: resolveOptions(source, variables),
        allowance: spent,
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
    const caches = new Caches(project.plans, background, internals.pollMillis ?? HEARTBEAT_MILLIS)
    closers.unshift(() => caches.close())
    if (!caches.isEmpty && target.kind === 'postgres' && !target.pooled) {
      const ear = listen(url, open, RECORD_CHANNEL, (payload) => caches.heard(payload))
      closers.unshift(() => ear.close())
    }
    const engine = new Engine({
      caches,
      who: options.who ?? (() => instance),
      compiled,
      target,
      background,
      ledger,
      watcher,
      recorder,
      live,
      sourceOf: (plan) => planOf(project, plan).source,
      policyOf: (plan) => failureOf(planOf(project, plan)),
      kindOfTable: (table) => {
        const [mapping, ...others] = compiled.writers(table)
        if (!mapping || others.length > 0) return undefined
        const kind = compileRecordKind(
          planOf(project, mapping.plan),
          mapping,
          MAPPING_PARTS,
          compiled.collides(table),
        )
        return 'because' in kind ? undefined : kind
      },
      isTracked: (kind) => compiled.tracked(kind.compiled.table.name),
      timeoutMillis,
      ...internals,
    })
    const shadow = new Shadow(engine, {
      share: options.shadow ?? 0.05,
      timeoutMillis,
      settleMillis: internals.settleMillis ?? 250,
      limit: 4,
      isOver: () => spent.isUsedUp,
    })
    const tasks = new Tasks(engine, {
      plans: project.plans.map((it) => it.name),
      instance,
      drainMillis: internals.drainMillis ?? 1000,
      ownMillis: internals.ownMillis ?? 1000,
      spent,
    })
    closers.unshift(
      () => shadow.close(),
      () => engine.close(),
      () => tasks.close(),
    )
    const metrics = async (): Promise<string> => {
      const depth: readonly OutboxDepth[] = await background
        .transaction(outboxDepth, { readOnly: true })
        .catch(() => [])
      return prometheusText(recorder.totals(), depth)
    }
    const kinds = kindsOf(project, compiled)
    const runnerOf = (source: string): CommandRunner =>
      new CommandRunner({
        engine,
        claims: new KeyClaims({ router: compiled.router(source), ...kinds }),
        source,
        forced,
      })
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
      wrap: (client, source = project.sources.keys().next().value ?? '') => {
        if (!project.sources.has(source))
          throw new KvmigError('SOURCE_UNKNOWN', `There is no source "${source}" in ${project.file}.`)
        const parts = { runner: runnerOf(source), keysOf: commandKeys }
        if (!isUpstash(client)) return wrapClient(client, parts)
        return wrapUpstash(client, { ...parts, syncToken: async () => (await live(source)).syncToken })
      },
      metrics,
      metricsHandler: () => metricsHandler(metrics),
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

/** What is compiled once for all clients. */
function kindsOf(
  project: Project,
  compiled: CompiledProject,
): Pick<KeyClaimsParts, 'kindOf' | 'entryKindOf'> {
  const kinds = new Map<CompiledMapping, RecordKind | Refusal>()
  const entryKinds = new Map<string, EntryKind | Refusal>()
  return {
    kindOf: (mapping) => {
      const known =
        kinds.get(mapping) ??
        compileRecordKind(
          planOf(project, mapping.plan),
          mapping,
          MAPPING_PARTS,
          compiled.collides(mapping.table.name),
        )
      kinds.set(mapping, known)
      return known
    },
    entryKindOf: (mappings) => {
      const name = mappings.map((it) => `${it.plan}/${it.mapping.name}`).join(' ')
      const known =
        entryKinds.get(name) ?? compileEntryKind(planOf(project, mappings[0]!.plan), mappings, compiled)
      entryKinds.set(name, known)
      return known
    },
  }
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
