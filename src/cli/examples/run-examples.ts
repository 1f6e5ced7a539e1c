import type { Graph } from '../../graph/graph.ts'
import { answering } from '../../mapping/answering.ts'
import { forwardClaims } from '../../mapping/claim.ts'
import { type CompiledProject, compileProject } from '../../mapping/compiled-project.ts'
import type { Claim, CompiledMapping } from '../../mapping/mapping.ts'
import type { Example, ExampleEntry, Plan, Project } from '../../plan/plan.ts'
import type { Step } from '../../plan/step.ts'
import { printable } from '../../printable.ts'
import type { ComparedRow, TestedExample } from '../../report/report.ts'
import { counted, listed } from '../../report/wording.ts'
import { memorySource } from '../../sources/memory.ts'
import type { Entry } from '../../sources/source.ts'
import type { Row } from '../../value.ts'
import { compareRows } from './compare-rows.ts'
import { type Embedded, openEmbedded, type StoredRow } from './embedded.ts'

export interface ExamplesRequest {
  readonly project: Project
  readonly plans: readonly Plan[]
  /** Of these plans: the tables that they need. */
  readonly graph: Graph<Step>
  readonly signal: AbortSignal
}

/** Runs every example of the plans. An embedded Postgres is started once for all, and only if there is an example. */
export async function runExamples({
  project,
  plans,
  graph,
  signal,
}: ExamplesRequest): Promise<readonly TestedExample[]> {
  const examples = plans.flatMap((plan) => plan.examples.map((example) => ({ plan, example })))
  if (examples.length === 0) return []
  const { MAPPING_PARTS } = await import('../../catalog.ts')
  const compiled = compileProject(project, MAPPING_PARTS)
  const embedded = await openEmbedded({ project, graph, signal })
  try {
    const tested: TestedExample[] = []
    for (const { plan, example } of examples) {
      signal.throwIfAborted()
      tested.push(await runExample(plan, example, { compiled, embedded }))
    }
    return tested
  } finally {
    await embedded.close()
  }
}

interface Workbench {
  readonly compiled: CompiledProject
  readonly embedded: Embedded
}

async function runExample(
  plan: Plan,
  example: Example,
  { compiled, embedded }: Workbench,
): Promise<TestedExample> {
  const made = await forward(plan, example, compiled)
  const stored: StoredRow[] = []
  const rejects = [...made.rejects]
  for (const { mapping, row } of made.rows) {
    const outcome = await embedded.store(mapping, row)
    if ('refused' in outcome) {
      rejects.push({ code: outcome.code, message: outcome.refused })
    } else stored.push(outcome)
  }
  const rows: ComparedRow[] = []
  // An example that names no table expects no row at all; one that names some leaves the others open.
  const tables = example.rows.size > 0 ? [...example.rows.keys()] : [...new Set(stored.map((it) => it.table))]
  for (const table of tables) {
    const actual = stored.filter((it) => it.table === table)
    rows.push(...(await compareRows(table, example.rows.get(table) ?? [], actual, embedded)))
  }
  const codes = compareRejects(example.rejects, rejects)
  const differs = rows.some((it) => it.status !== 'same') || codes.expected.join() !== codes.actual.join()
  return {
    plan: plan.name,
    key: printable(example.entry.key),
    at: example.at,
    status: differs || made.message !== undefined ? 'fail' : 'pass',
    ...(made.message === undefined ? {} : { message: made.message }),
    rows,
    rejects: codes,
    notes: made.notes,
  }
}

interface Made {
  readonly notes: readonly string[]
  readonly rows: readonly { readonly mapping: CompiledMapping; readonly row: Row }[]
  readonly rejects: readonly Rejected[]
  /** Why the example is not about what it seems to be about. */
  readonly message?: string
}

type Rejected = { readonly code: string; readonly column?: string | undefined; readonly message: string }

async function forward(plan: Plan, example: Example, compiled: CompiledProject): Promise<Made> {
  const rows: { mapping: CompiledMapping; row: Row }[] = []
  const rejects: Rejected[] = []
  const unmapped = new Set<string>()
  let left = 0
  const router = compiled.router(plan.source)
  const store = memorySource([example.entry, ...example.beside].map(entryOf))
  // Whatever an example says of expiry, it is about an entry that is there.
  const source = answering(store, router, () => Number.NEGATIVE_INFINITY)
  let claim: Claim | undefined
  for await (const { entries } of source.read([example.entry.key])) {
    for (const entry of entries) {
      claim = forwardClaims(router.route(entry.key, entry.type), entry, (mapping) => ({
        row: (row) => rows.push({ mapping, row }),
        reject: (reject) => rejects.push(reject),
        filtered: () => {
          left += 1
        },
        unmapped: (field) => unmapped.add(field),
      }))
    }
  }
  const notes = [
    ...(unmapped.size > 0 ? [`No column takes ${listed([...unmapped])}.`] : []),
    ...(left > 0 ? [`"where" leaves out ${counted(left, 'record')} of it.`] : []),
  ]
  if (claim === undefined) return { rows, rejects, notes, message: 'No rule takes this key.' }
  if (claim.plan !== plan.name)
    return {
      rows: [],
      rejects: [],
      notes: [],
      message: `Another rule takes this key: ${claim.plan ?? 'one of the project'}.`,
    }
  return { rows, rejects, notes }
}

const entryOf = ({ key, value, expiresAt }: ExampleEntry): Entry => ({
  key,
  type: value.type,
  value,
  expiresAt: expiresAt ?? null,
  offset: 0,
  more: false,
})

// By code; with the column only where the example names it.
function compareRejects(expected: Example['rejects'], actual: readonly Rejected[]): TestedExample['rejects'] {
  const named = new Set(expected.filter((it) => it.column !== undefined).map((it) => it.code))
  const show = ({ code, column }: Omit<Rejected, 'message'>): string =>
    column !== undefined && named.has(code) ? `${code} (${column})` : code
  const wanted = expected.map(show).sort()
  const left = [...wanted]
  const unexpected = actual.filter((it) => {
    const at = left.indexOf(show(it))
    if (at !== -1) left.splice(at, 1)
    return at === -1
  })
  return {
    expected: wanted,
    actual: actual.map(show).sort(),
    reasons: unexpected.map(
      ({ code, column, message }) => `${code}${column === undefined ? '' : ` in ${column}`}: ${message}`,
    ),
  }
}
