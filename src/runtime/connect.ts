import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { basename, dirname, resolve } from 'node:path'
import { isBilled, MAPPING_PARTS, openLiveStore, PLAN_CATALOG } from '../catalog.ts'
import { formatDiagnostic } from '../diagnostic.ts'
import { KvmigError } from '../errors.ts'
import { compileProject } from '../mapping/compiled-project.ts'
import { groupOf } from '../mapping/group.ts'
import { loadProject } from '../plan/load.ts'
import type { Project } from '../plan/plan.ts'
import { filesIn } from '../plan/project-files.ts'
import { resolveAddress, resolveOptions } from '../runner/address.ts'
import type { LiveStore } from '../sources/live-store.ts'
import { databaseOf } from '../sources/redis/address.ts'
import { commandKeys } from '../sources/redis/command-keys.ts'
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
import { entryStore } from './entry-store.ts'
import { forcedSides } from './forced-sides.ts'
import { KeyClaims } from './key-claims.ts'
import { claimsOf, failureOf, kindOf, kindsOf, manyRows, planOf, refuseEntries } from './kinds.ts'
import type { ConnectOptions, Kvmig } from './kvmig.ts'
import { metricsHandler } from './metrics-handler.ts'
import { prometheusText } from './prometheus.ts'
import { compileRecordKind } from './record-kind.ts'
import { recordStore } from './record-store.ts'
import { Recorder } from './recorder.ts'
import { RouteWatcher } from './route-watcher.ts'
import { Shadow } from './shadow.ts'
import { Spent } from './spent.ts'
import { Tasks } from './tasks.ts'
import { isUpstash, wrapUpstash } from './wrap/upstash.ts'
import { wrapClient } from './wrap/wrap.ts'

/** What tests change. */
export interface Internals extends Pick<EngineOptions, 'probe' | 'protocol'> {
  readonly pollMillis?: number
  readonly staleMillis?: number
  readonly settleMillis?: number
  /** Between two looks at the outbox; 0: never. */
  readonly drainMillis?: number
  /** Between two times of telling the ledger what was measured and spent. */
  readonly tellMillis?: number
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
  const target = await openTarget(url, {
    ...open,
    connections: options.connections ?? 10,
    answerMillis: timeoutMillis,
  })
  const closers: (() => Promise<void>)[] = [() => target.close()]
  try {
    // An embedded Postgres has one connection for everything.
    const background =
      target.kind === 'pglite'
        ? target
        : await openTarget(url, {
            ...open,
            connections: 2,
            answerMillis: Math.max(timeoutMillis, BACKGROUND_MILLIS),
          })
    if (background !== target) closers.unshift(() => background.close())
    const ledger = openLedger(background)
    const addressOf = (name: string): string =>
      resolveAddress(environment?.sources.get(name) ?? project.sources.get(name)!, variables)
    const spent = new Spent(ledger.spending, project.budget.perMonth, (name) => isBilled(addressOf(name)))
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
      return openLiveStore(addressOf(name), {
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
    // An instance that begins beyond the budget knows it at once.
    await spent.tell().catch(() => {})
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
      isUsedUp: (source) => spent.isUsedUp(source),
      isTracked: (kind) => compiled.tracked(kind.compiled.table.name),
      timeoutMillis,
      ...internals,
    })
    const shadow = new Shadow(engine, {
      share: options.shadow ?? 0.05,
      timeoutMillis,
      settleMillis: internals.settleMillis ?? 250,
      limit: 4,
      isOver: (source) => spent.isTight(source),
    })
    const tasks = new Tasks(engine, {
      plans: project.plans.map((it) => it.name),
      instance,
      drainMillis: internals.drainMillis ?? 1000,
      ownMillis: internals.ownMillis ?? 1000,
      tellMillis: internals.tellMillis,
      spent,
    })
    closers.unshift(
      // What is under way has its own limits: one for each half.
      () => watcher.finish(2 * timeoutMillis),
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
    const claimsOfSource = (source: string): KeyClaims =>
      new KeyClaims({ router: compiled.router(source), ...kinds })
    const runnerOf = (source: string): CommandRunner =>
      new CommandRunner({
        engine,
        shadow,
        claims: claimsOfSource(source),
        source,
        forced,
      })
    return {
      instance,
      store: (plan, mapping) => {
        const many = manyRows(project, plan, mapping)
        if (many) {
          const { source } = planOf(project, plan)
          refuseEntries(
            plan,
            kinds.entryKindOf(
              groupOf(planOf(project, plan), many).map((it) => compiled.mapping(plan, it.name)),
            ),
          )
          return entryStore({
            mapping: compiled.mapping(plan, many.name),
            engine,
            shadow,
            claims: claimsOfSource(source),
            runner: runnerOf(source),
            forced: forced.get(plan),
          }) as never
        }
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
        if (!isUpstash(client))
          return wrapClient(client, { ...parts, database: databaseOf(addressOf(source)) })
        return wrapUpstash(client, {
          ...parts,
          // Nothing was written by a store that nobody has opened.
          syncToken: async () => (await stores.get(source))?.syncToken,
        })
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

/** Nobody waits for what goes on in the background, or only where the route was not heard of for a while. */
const BACKGROUND_MILLIS = 5000

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
