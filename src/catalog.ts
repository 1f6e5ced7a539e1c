import { CHECKS, checkSignatures } from './checks/index.ts'
import { KvmigError } from './errors.ts'
import type { Change, Executor } from './executors/executor.ts'
import { EXECUTORS as BY_KIND } from './executors/index.ts'
import type { MappingParts } from './mapping/compiled-project.ts'
import { DECODERS } from './mapping/decoders.ts'
import type { PlanCatalog } from './plan/catalog.ts'
import type { Step } from './plan/step.ts'
import type { SessionParts } from './runner/session.ts'
import { SOURCES } from './sources/index.ts'
import type { LiveContext, LiveStore } from './sources/live-store.ts'
import type { SourceAdapter } from './sources/source.ts'
import { openLedger } from './state/postgres-ledger.ts'
import { openTarget } from './target/connect.ts'
import { readTariffs } from './target/tariffs.ts'
import { TRANSFORMS } from './transforms/index.ts'

/** The one place that gathers all shelves; everything else is handed what it needs. Client libraries are loaded when a store is opened. */

const adapters = new Map(
  SOURCES.flatMap((adapter) => adapter.schemes.map((scheme) => [scheme, adapter] as const)),
)

function adapterOf(address: string) {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(address)?.[1]?.toLowerCase()
  return scheme === undefined ? undefined : adapters.get(scheme)
}

/** What mappings are compiled from. */
export const MAPPING_PARTS: MappingParts = {
  transforms: new Map(TRANSFORMS.map((it) => [it.name, it])),
  decoders: new Map(DECODERS.map((it) => [it.name, it])),
}

/** What the compiler has to know of the parts. */
export const PLAN_CATALOG: PlanCatalog = {
  transforms: MAPPING_PARTS.transforms,
  decoders: MAPPING_PARTS.decoders,
  checks: checkSignatures,
  sources: new Map(
    [...adapters].map(([scheme, { name, options }]) => [
      scheme,
      { driver: name, options: Object.keys((options.properties ?? {}) as object) },
    ]),
  ),
  tariffs: readTariffs(),
}

/** What a session opens stores with. */
export const SESSION_PARTS: SessionParts = {
  ...MAPPING_PARTS,
  openSource: (address, context) => {
    const adapter = adapterOf(address)
    if (adapter) {
      const { allowance, ...rest } = context
      // What costs nothing is not counted unless somebody limits it: counting is a line in the ledger.
      return adapter.open(address, adapter.bills || allowance?.isLimited ? context : rest)
    }
    // The address may come from the environment and hold a secret: it is not repeated.
    throw new KvmigError('ADDRESS', 'The address of the source is not one that kvmig understands.', {
      hint: `It begins with one of: ${[...adapters.keys()].map((it) => `${it}:`).join(', ')}.`,
    })
  },
  openLive: async (address, context) => {
    const adapter = adapterOf(address)
    return adapter?.openLive?.(address, counted(adapter, context))
  },
  canBeLive: (address) => adapterOf(address)?.openLive !== undefined,
  isBackup: (address) => adapterOf(address)?.isBackup === true,
  bills: (address) => isBilled(address),
  openTarget,
  createLedger: openLedger,
}

// What costs nothing is not counted unless somebody limits it: counting is a line in the ledger.
function counted({ bills }: SourceAdapter, { allowance, ...rest }: LiveContext): LiveContext {
  return allowance && (bills || allowance.isLimited) ? { ...rest, allowance } : rest
}

/** Does somebody pay for each command of such a store? */
export function isBilled(address: string): boolean {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(address)?.[1]?.toLowerCase()
  return (scheme !== undefined && adapters.get(scheme)?.bills) ?? false
}

/** Opens a store to take part in dual-write. Throws LIVE_UNABLE for one that cannot. */
export async function openLiveStore(address: string, context: LiveContext): Promise<LiveStore> {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(address)?.[1]?.toLowerCase()
  const adapter = scheme === undefined ? undefined : adapters.get(scheme)
  if (adapter?.openLive) return adapter.openLive(address, counted(adapter, context))
  const able = [...adapters].flatMap(([it, { openLive }]) => (openLive ? [`${it}:`] : []))
  throw new KvmigError(
    'LIVE_UNABLE',
    `A source of kind ${adapter?.name ?? 'unknown'} cannot be written to by the application's runtime.`,
    { hint: `Those that can begin with ${able.join(', ')}.` },
  )
}

/** One executor for each kind of step. */
// Each takes the kind it is listed under, which a lookup cannot tell the compiler.
export const EXECUTORS = BY_KIND as { readonly [K in Step['kind']]: Executor }

/** What a step would do, for people. A gate names every check that it asks, the mandatory ones too. */
export function describeStep(step: Step): Change {
  const change = EXECUTORS[step.kind].describe(step)
  if (step.kind !== 'gate') return change
  const asked = [...CHECKS.values()].filter(
    (it) =>
      (step.opens === 'B' ? it.mandatory : it.always?.includes(step.opens)) ||
      step.checks.some(({ check }) => check === it.name),
  )
  return { ...change, verb: 'gate', subject: step.opens, detail: asked.map((it) => it.name).join(', ') }
}

export { CHECKS }
