import type { Diagnostic } from '../../diagnostic.ts'
import type { LiveSection, LiveSource, PlannedPlan, PlannedStep, PlanReport } from '../report.ts'
import { farOf, forecastText, furtherTexts, isOpen, roadHint, storageTexts } from '../text/plan.ts'
import { counted, listed, number } from '../wording.ts'
import { accountTable } from './account.ts'
import type { Section } from './section.ts'
import { code, paragraphs, prose, table } from './syntax.ts'

/** What would be done: mistakes first, then what the source and the target look like, then plan by plan. */
export function planSections({ diagnostics, plans, shared, removed, live }: PlanReport): readonly Section[] {
  return [
    { title: 'Mistakes and warnings', open: true, body: diagnosticTable(diagnostics) },
    {
      title: live ? `Target: ${live.target.title}` : 'Target',
      open: true,
      body: live ? prose(live.target.says) : '',
    },
    {
      title: 'Extensions',
      open: true,
      body: table(
        ['extension', ''],
        (live?.extensions ?? []).map((it) => [code(it.name), prose(it.says)]),
      ),
    },
    ...(live?.sources.flatMap(sourceSections) ?? []),
    {
      title: 'Drift of the target',
      open: true,
      body: table(
        ['table', ''],
        (live?.drift ?? []).map((it) => [code(it.table), prose(it.message)]),
      ),
    },
    { title: 'Forecast', open: true, body: forecastBody(live) },
    { title: 'Shared', body: stepTable(shared) },
    ...plans.map(planSection),
    {
      title: 'Done before, and not in the plans any more: apply takes it back',
      body: removed.map(({ subject, loss }) => `- ${code(subject)}: ${prose(loss)}`).join('\n'),
    },
  ]
}

const forecastBody = (live: LiveSection | undefined): string =>
  live?.forecast
    ? paragraphs(
        ...[forecastText(live.forecast), ...furtherTexts(live.forecast), ...storageTexts(live.forecast)].map(
          (it) => prose(it),
        ),
      )
    : ''

function planSection(planned: PlannedPlan): Section {
  const { plan, file, source, wave, neededBy, steps, oneWay, road } = planned
  const left = steps.filter(({ kind, state }) => kind !== 'gate' && state !== 'done').length
  const brought = neededBy.length > 0 ? ` · needed by ${prose(listed(neededBy))}` : ''
  return {
    title: `${plan}: ${counted(left, 'step')} to do`,
    body: paragraphs(
      `${code(file)} · ${code(source)} · wave ${wave}${brought}`,
      stepTable(steps),
      isOpen(planned)
        ? ''
        : paragraphs(
            table(
              ['mapping', 'goes', ''],
              road.map((it) => [code(it.match), farOf(it), prose(it.why)]),
            ),
            prose(roadHint(planned)),
          ),
      table(
        ['one-way field', ''],
        oneWay.map((it) => [code(`${it.table}.${it.column}`), prose(it.why)]),
      ),
    ),
  }
}

const stepTable = (steps: readonly PlannedStep[]): string =>
  table(
    ['phase', 'step', 'subject', '', 'state'],
    steps.map(({ phase, kind, change: { symbol, verb, subject, detail }, state, because }) =>
      kind === 'gate'
        ? ['', `**${prose(`${verb} ${subject}`)}**`, '', prose(detail), '']
        : [
            phase,
            prose(`${symbol} ${verb}`),
            code(subject),
            prose(detail),
            because === undefined ? state : `${state} because of ${code(because)}`,
          ],
    ),
  )

const diagnosticTable = (diagnostics: readonly Diagnostic[]): string =>
  table(
    ['where', 'code', ''],
    diagnostics.map((it) => [
      it.at ? code(`${it.at.file}:${it.at.line}:${it.at.column}`) : '',
      `${it.severity === 'error' ? '❌' : '⚠️'} ${it.code}`,
      prose(it.hint ? `${it.message} ${it.hint}` : it.message),
    ]),
  )

function sourceSections(live: LiveSource): readonly Section[] {
  const { source, coverage, uncovered, mappings } = live
  return [
    { title: `Keys of ${source}`, open: true, body: accountTable(live) },
    {
      title: `${counted(uncovered.length, 'pattern')} uncovered`,
      open: true,
      body: table(
        ['>keys', 'pattern', 'for example'],
        uncovered.map((it) => [number(it.keys), code(it.pattern), code(it.sample)]),
      ),
    },
    {
      title: 'Coverage',
      body: table(
        ['>keys', 'match', 'fate', 'plan'],
        coverage.map((it) => [number(it.keys), code(it.match), it.fate, prose(it.plan ?? 'project')]),
      ),
    },
    {
      title: 'Records',
      body: table(
        ['plan', 'mapping', '>keys', '>records', '>left out by where'],
        mappings.map((it) => [
          prose(it.plan),
          prose(it.mapping),
          number(it.keys),
          number(it.records),
          number(it.filtered),
        ]),
      ),
    },
    {
      title: 'Rejects to expect',
      open: true,
      body: table(
        ['>records', 'reason', 'plan', 'mapping', 'column', 'for example'],
        mappings.flatMap(({ plan, mapping, rejects }) =>
          rejects.map((it) => [
            number(it.records),
            prose(it.code),
            prose(plan),
            prose(mapping),
            it.column === undefined ? '' : code(it.column),
            code(it.sample),
          ]),
        ),
      ),
    },
    {
      title: 'Fields that no column takes',
      open: true,
      body: table(
        ['>records', 'field', 'plan', 'mapping', 'for example'],
        mappings.flatMap(({ plan, mapping, unmapped }) =>
          unmapped.map((it) => [
            number(it.records),
            code(it.field),
            prose(plan),
            prose(mapping),
            code(it.sample),
          ]),
        ),
      ),
    },
  ]
}
