import { printable } from '../printable.ts'
import { closing } from './closing.ts'
import { applySections } from './markdown/apply.ts'
import { checkSections } from './markdown/check.ts'
import { diffSections } from './markdown/diff.ts'
import { phaseSections } from './markdown/phase.ts'
import { planSections } from './markdown/plan.ts'
import { rebuildSections } from './markdown/rebuild.ts'
import { joinSections, type Section } from './markdown/section.ts'
import { statusSections } from './markdown/status.ts'
import { prose } from './markdown/syntax.ts'
import { testSections } from './markdown/test.ts'
import { traceSections } from './markdown/trace.ts'
import type { Report } from './report.ts'

const VOICES: {
  readonly [K in Report['kind']]: (report: Extract<Report, { kind: K }>) => readonly Section[]
} = {
  plan: planSections,
  apply: applySections,
  check: checkSections,
  status: statusSections,
  diff: diffSections,
  test: testSections,
  trace: traceSections,
  rebuild: rebuildSections,
  phase: phaseSections,
}

/** What a comment on GitHub may hold, with room to spare. */
const LONGEST = 60_000

/**
 * A report for a pull request. Begins with a hidden marker by which a later run finds the comment and edits it, and with the text's last
 * line. Stays under 60,000 characters: the longest sections are left out first, and say so.
 */
export function markdown(report: Report, longest = LONGEST): string {
  // Each voice takes the kind it is listed under, which a lookup cannot tell the compiler.
  const voice = VOICES[report.kind] as (report: Report) => readonly Section[]
  const head = `${marker(report)}\n### kvmig ${report.kind}\n\n${prose(printable(closing(report), 1000))}\n`
  return head + joinSections(voice(report), longest - head.length - 1)
}

/** The same for every report of one kind about one project and environment, and for no other. */
export function marker({ kind, project, environment }: Report): string {
  const name = [kind, printable(project), environment ?? ''].map(encodeURIComponent).join(':')
  // Two hyphens would end an HTML comment for some readers.
  return `<!-- kvmig:${name.replaceAll('-', '%2D')} -->`
}
