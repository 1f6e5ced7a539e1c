import type { Claim } from '../../mapping/mapping.ts'
import type { EntryType, Project } from '../../plan/plan.ts'
import { showTable } from '../../plan/table.ts'
import { printable } from '../../printable.ts'
import type { TraceReport } from '../../report/report.ts'
import type { Session } from '../../runner/session.ts'
import type { KeyTrace } from '../../runner/trace-key.ts'

export interface TraceReportParts {
  /** Of the entry, key included. */
  readonly bytes: number
  readonly session: Session
  readonly trace: KeyTrace
  readonly project: Project
  readonly environment: string | undefined
}

/** Why there is a row for a key, or why there is none. */
export function createTraceReport({
  session,
  trace,
  bytes,
  project,
  environment,
}: TraceReportParts): TraceReport {
  const { source, key, type, expiresAt, fate, rows, rejects, quarantine } = trace
  return {
    kind: 'trace',
    project: project.file,
    ...(environment === undefined ? {} : { environment }),
    target: session.target.label,
    source,
    key: printable(key),
    ...(type === undefined
      ? {}
      : {
          entry: {
            type,
            bytes,
            ...(expiresAt === null ? {} : { expiresAt: new Date(expiresAt).toISOString() }),
          },
        }),
    fate: fate === 'not there' ? 'absent' : fate,
    rules: type === undefined ? [] : askedRules(session, trace, type as EntryType),
    rows: rows.map(({ table, part, state, columns }) => ({
      table,
      part,
      status: state === 'matching' ? 'same' : state === 'different' ? 'different' : 'missing',
      columns,
    })),
    rejects: [
      ...rejects.map(({ mapping, part, reject }) => ({ mapping, part, ...reject })),
      // What the quarantine says of records that would become rows today, or of a key that is gone.
      ...quarantine
        .filter((it) => !rejects.some((other) => other.mapping === it.mapping && other.part === it.part))
        .map(({ mapping, part, column, code, message, accepted }) => ({
          mapping,
          part,
          ...(column === undefined ? {} : { column }),
          code,
          message,
          ...(accepted === undefined ? {} : { accepted }),
        })),
    ],
  }
}

// The rules that fit the key, in the order in which they are asked; the first that claims it has it.
function askedRules(
  session: Session,
  { source, key, rule }: KeyTrace,
  type: EntryType,
): TraceReport['rules'] {
  let claimed = false
  return session.compiled
    .router(source)
    .route(key, type)
    .map((claim) => {
      const { plan, match, at, what } = describeClaim(claim)
      const claims = !claimed && rule !== undefined && rule.plan === plan && rule.match === match
      const answer = claims ? what : claimed ? 'a rule above has the key' : 'its where leaves the key out'
      claimed ||= claims
      return { ...(plan === undefined ? {} : { plan }), match, at, claims, answer }
    })
}

function describeClaim(claim: Claim) {
  if (claim.kind === 'skip') {
    const { skip, plan } = claim
    return { plan, match: skip.match.source, at: skip.at, what: `${skip.fate}: ${skip.because}` }
  }
  const mappings = claim.kind === 'mappings' ? claim.mappings : [claim.mapping]
  const { match, at } = mappings[0]!.mapping
  const into = mappings.map((it) => showTable(it.table.name)).join(', ')
  return {
    plan: claim.plan,
    match: match.source,
    at,
    what: claim.kind === 'reject' ? `refused: ${claim.reject.message}` : `into ${into}`,
  }
}
