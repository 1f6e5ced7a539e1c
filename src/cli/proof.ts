import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Diagnostic, didYouMean } from '../diagnostic.ts'
import { TargetError } from '../errors.ts'
import type { Graph } from '../graph/graph.ts'
import type { Project } from '../plan/plan.ts'
import type { Step } from '../plan/step.ts'
import { TYPE_NAMES } from '../plan/type-name.ts'
import type { ProofFailure, ProofStatement } from '../target/prove.ts'
import type { Target } from '../target/target.ts'
import { VERSION } from '../version.ts'
import { keepPrivate } from './files.ts'
import { proofStatements } from './proof-statements.ts'

export interface ProofRequest {
  readonly project: Project
  readonly graph: Graph<Step>
  /** Absent: on an embedded Postgres. */
  readonly target?: Target | undefined
  /** Told before an embedded Postgres is started. */
  readonly slow?: () => void
}

/**
 * Tries the DDL of the steps by running it and keeping nothing: on the target in scratch schemas, else on an embedded Postgres. What an
 * embedded Postgres said is remembered by the hash of the statements, since starting one takes seconds.
 */
export async function proveSteps({
  project,
  graph,
  target,
  slow,
}: ProofRequest): Promise<readonly Diagnostic[]> {
  const { build, statements } = await proofStatements({ project, graph, onTarget: target !== undefined })
  if (statements.length === 0) return []
  const { proveDdl } = await import('../target/prove.ts')
  if (target) {
    try {
      const { failures } = await proveDdl(target, build)
      return failures.map(toDiagnostic)
    } catch (error) {
      if (!(error instanceof TargetError) || !MAY_NOT.has(error.sqlState ?? '')) throw error
      return [noScratch(target.label), ...(await proveSteps({ project, graph, ...(slow ? { slow } : {}) }))]
    }
  }
  const file = join(project.root, '.kvmig', 'cache', `proof-${digestOf(statements)}.json`)
  let failures = readCache(file)
  if (!failures) {
    slow?.()
    failures = (await proveDdl(undefined, build)).failures
    writeCache(file, failures)
  }
  // A cached failure knows its statement by name; where that stands may have moved since.
  const places = new Map(statements.map(({ what, at }) => [what, at]))
  return failures.map((it) => toDiagnostic({ ...it, at: places.get(it.what) }))
}

function toDiagnostic({ at, what, message, unknown }: ProofFailure): Diagnostic {
  const where = at ? { at } : {}
  const type = /^type "(.+)" does not exist/.exec(message)?.[1]
  const meant = type === undefined ? undefined : didYouMean(type, TYPE_NAMES)
  const words = message.replace(/\.?$/, '.')
  return unknown
    ? {
        severity: 'warning',
        code: 'KV201',
        message: `${what} could not be tried here: ${words}`,
        hint: 'kvmig plan --live tries it on the target.',
        ...where,
      }
    : {
        severity: 'error',
        code: 'KV200',
        message: `Postgres refuses ${what}: ${words}`,
        ...(meant ? { hint: `Did you mean ${meant}?` } : {}),
        ...where,
      }
}

// insufficient_privilege, read_only_sql_transaction: access to look is enough for a plan.
const MAY_NOT: ReadonlySet<string> = new Set(['42501', '25006'])

const noScratch = (label: string): Diagnostic => ({
  severity: 'warning',
  code: 'KV202',
  message: `The role may not make a scratch schema on ${label}, so the DDL was tried on an embedded Postgres.`,
})

const digestOf = (statements: readonly ProofStatement[]): string =>
  createHash('sha256')
    .update(JSON.stringify([VERSION, statements.map(({ sql, what }) => [sql, what])]))
    .digest('hex')
    .slice(0, 32)

function readCache(file: string): readonly ProofFailure[] | undefined {
  try {
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as readonly ProofFailure[]) : undefined
  } catch {
    return undefined
  }
}

function writeCache(file: string, failures: readonly ProofFailure[]): void {
  try {
    keepPrivate(join(file, '..', '..'))
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, JSON.stringify(failures))
  } catch {
    // A read-only checkout proves again next time.
  }
}
