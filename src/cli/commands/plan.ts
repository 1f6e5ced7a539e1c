import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { showOffset } from '../../checks/clock-offsets.ts'
import { type Diagnostic, hasErrors } from '../../diagnostic.ts'
import { EXIT } from '../../errors.ts'
import type { Compilation } from '../../plan/compile.ts'
import { type SavedPlan, savePlan } from '../../plan/saved-plan.ts'
import { createPlanReport } from '../../report/plan-report.ts'
import type { LiveSection, Loss, PlanReport } from '../../report/report.ts'
import { bytes } from '../../report/wording.ts'
import type { Session } from '../../runner/session.ts'
import type { CommonOptions } from '../args.ts'
import { compileProject } from '../compile.ts'
import { writeText } from '../files.ts'
import type { Io } from '../io.ts'
import { PlanMistakes } from '../plan-mistakes.ts'
import { type Format, printReport } from '../print-report.ts'
import { type Loaded, loadProject, projectFile } from '../project.ts'
import { proveSteps } from '../proof.ts'
import { roadOf } from '../road.ts'
import { basisOf } from '../saved.ts'
import { type SourceMeter, withSession } from '../session.ts'
import { shownAddress } from '../shown-address.ts'
import { pendingOf, type Standing } from '../standing.ts'

export interface PlanOptions extends CommonOptions {
  readonly plans: readonly string[]
  readonly live?: boolean | undefined
  readonly format: Format | 'mermaid'
  readonly json?: boolean | undefined
  readonly detailedExitcode?: boolean | undefined
  readonly out?: string | undefined
  readonly prove: boolean
}

/**
 * The dry run. Without `--live` no store is opened, so that it works in anybody's pull request; `--out` reads what the target remembers.
 * Mistakes are its result like any other, so they are printed where its result is.
 */
export async function run(options: PlanOptions, io: Io): Promise<number> {
  const format = options.json ? 'json' : options.format
  let compiled: Compilation
  let loaded: Loaded
  try {
    loaded = await loadProject(options, io)
    compiled = compileProject(loaded.project, options.plans)
  } catch (error) {
    if (!(error instanceof PlanMistakes)) throw error
    printReport(
      mistaken(error.diagnostics, projectFile(options, io), options.env),
      format === 'mermaid' ? 'text' : format,
      io,
    )
    return EXIT.couldNot
  }
  if (format === 'mermaid') {
    const { mermaidOf } = await import('../graph-drawing.ts')
    io.stdout.write(mermaidOf(compiled.graph))
    return EXIT.done
  }
  const report =
    options.live || options.out !== undefined
      ? await withSession({ project: loaded.project, options, io }, (session, meter) =>
          planWith(session, meter, { loaded, compiled, options, io }),
        )
      : await planOffline({ loaded, compiled, options, io })
  printReport(report, format, io)
  if (hasErrors(report.diagnostics)) return EXIT.couldNot
  return options.detailedExitcode && isPending(report) ? EXIT.changesPending : EXIT.done
}

interface Planning {
  readonly loaded: Loaded
  readonly compiled: Compilation
  readonly options: PlanOptions
  readonly io: Io
}

async function planOffline({ loaded, compiled, options, io }: Planning): Promise<PlanReport> {
  const proof = options.prove
    ? await proveSteps({ project: loaded.project, graph: compiled.graph, slow: sayThatItTakes(options, io) })
    : []
  return reportOf({ loaded, compiled, options, io, diagnostics: proof })
}

async function planWith(
  session: Session,
  meter: SourceMeter,
  { loaded, compiled, options, io }: Planning,
): Promise<PlanReport> {
  const { project } = loaded
  const { graph } = compiled
  const standing = await pendingOf(session, compiled)
  const target = options.live ? session.target : undefined
  const proof = options.prove
    ? await proveSteps({ project, graph, target, slow: sayThatItTakes(options, io) })
    : []
  let live: LiveSection | undefined
  if (options.live) {
    const { lookLive } = await import('../live.ts')
    live = await lookLive({ session, meter, compiled, standing, quiet: options.quiet, io })
  }
  const saved = options.out !== undefined && !hasErrors(proof) ? options.out : undefined
  if (saved !== undefined) {
    writeText(resolve(io.cwd, saved), savePlan(toSave({ loaded, compiled, standing, options })))
  }
  const diagnostics = [...proof, ...(live ? [...tooMuch(live), ...tooFar(live)] : [])]
  return reportOf({ loaded, compiled, options, io, diagnostics, session, standing, live, saved })
}

// A quota without a price ends in a server that takes no more writes.
function tooMuch({ forecast }: LiveSection): readonly Diagnostic[] {
  const { after = 0, tariff } = forecast?.storage ?? {}
  if (tariff?.storage === undefined || tariff.gbMonth !== undefined || after <= tariff.storage) return []
  return [
    {
      severity: 'warning',
      code: 'KV203',
      message: `After the copy the database takes about ${bytes(after)}; ${tariff.title ?? 'its tariff'} has ${bytes(tariff.storage)}.`,
    },
  ]
}

const tooFar = ({ clocks }: LiveSection): readonly Diagnostic[] =>
  clocks.map(({ source, aheadMillis }) => ({
    severity: 'warning',
    code: 'KV204',
    message: `The clock of source ${source} ${showOffset({ millis: aheadMillis }, 'that of the target')}: what expires is gone on one side and there on the other for so long.`,
  }))

// Whoever watches should know what the seconds are for.
const sayThatItTakes =
  ({ quiet }: PlanOptions, { stderr, isTerminal }: Io) =>
  (): void => {
    if (isTerminal && !quiet)
      stderr.write(
        'Trying the DDL on an embedded Postgres: a few seconds, remembered afterwards (--no-prove skips it).\n',
      )
  }

interface Parts extends Planning {
  readonly diagnostics: readonly Diagnostic[]
  readonly session?: Session
  readonly standing?: Standing
  readonly live?: LiveSection | undefined
  readonly saved?: string | undefined
}

async function reportOf(parts: Parts): Promise<PlanReport> {
  const { loaded, compiled, options, io, diagnostics, session, standing, live, saved } = parts
  const { project } = loaded
  const { describeStep, MAPPING_PARTS } = await import('../../catalog.ts')
  const { compileProject: compileMappings } = await import('../../mapping/compiled-project.ts')
  const { oneWayOf } = await import('../../mapping/way-back.ts')
  const mappings = session?.compiled ?? compileMappings(project, MAPPING_PARTS)
  const environment = options.env === undefined ? undefined : project.environments.get(options.env)
  return createPlanReport({
    project,
    compiled,
    describe: describeStep,
    diagnostics: [...loaded.diagnostics, ...diagnostics],
    address: (name) =>
      name === undefined
        ? (session?.target.label ?? shownAddress((environment?.target ?? project.target).url, io.env))
        : shownAddress((environment?.sources.get(name) ?? project.sources.get(name))!.url, io.env),
    oneWay: new Map(project.plans.map((it) => [it.name, oneWayOf(it, mappings)] as const)),
    road: new Map(
      project.plans.map((it) => [it.name, roadOf(it, mappings, session?.canBeLive(it.source))] as const),
    ),
    ...(standing ? { states: standing.states, removed: await removedOf(session, standing) } : {}),
    ...(options.env === undefined ? {} : { environment: options.env }),
    ...(live ? { live } : {}),
    ...(saved === undefined ? {} : { saved }),
  })
}

/** What apply will take back, since the plans do not name it any more. */
async function removedOf(
  session: Session | undefined,
  { removed, records }: Standing,
): Promise<readonly Loss[]> {
  if (!session || removed.length === 0) return []
  const { lossesOf } = await import('../losses.ts')
  return lossesOf(
    session,
    removed.map((id) => records.get(id)!),
  )
}

function toSave({
  loaded,
  compiled,
  standing,
  options,
}: Omit<Planning, 'io'> & { readonly standing: Standing }): SavedPlan {
  const { states, records } = standing
  return {
    ...basisOf({ loaded, graph: compiled.graph, states, records }),
    nonce: randomUUID(),
    phase: 'A',
    ...(options.env === undefined ? {} : { environment: options.env }),
    plans: options.plans,
  }
}

const isPending = ({ shared, plans, removed }: PlanReport): boolean =>
  removed.length > 0 ||
  [...shared, ...plans.flatMap((it) => it.steps)].some((it) => it.kind !== 'gate' && it.state !== 'done')

/** What can be said of a project that could not be read. */
const mistaken = (
  diagnostics: readonly Diagnostic[],
  project: string,
  environment: string | undefined,
): PlanReport => ({
  kind: 'plan',
  project,
  ...(environment === undefined ? {} : { environment }),
  target: '',
  shared: [],
  plans: [],
  removed: [],
  diagnostics,
})
