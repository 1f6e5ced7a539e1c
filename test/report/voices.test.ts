import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { closing } from '../../src/report/closing.ts'
import { github } from '../../src/report/github.ts'
import { json } from '../../src/report/json.ts'
import { markdown, marker } from '../../src/report/markdown.ts'
import type { Report } from '../../src/report/report.ts'
import { text } from '../../src/report/text.ts'
import {
  checkReport,
  diagnostic,
  failedReport,
  livePlanReport,
  planReport,
  REPORTS,
  rebuildReport,
  testReport,
} from './reports.ts'

const cases = REPORTS.map((it) => [it.kind, it] as const)

/** The report with `poison` inside every text that could come from a store or a user. */
const poisoned = (report: Report, poison: string): Report => spoil(report, poison) as Report
function spoil(value: unknown, poison: string, name = ''): unknown {
  if (Array.isArray(value)) return value.map((it) => spoil(it, poison, name))
  if (typeof value === 'string') return OURS.has(name) ? value : value + poison
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, spoil(it, poison, key)]))
}
// Words of kvmig itself: which form a report takes depends on them.
const OURS = new Set([
  'kind',
  'status',
  'state',
  'phase',
  'outcome',
  'fate',
  'severity',
  'opens',
  'to',
  'symbol',
  'code',
  'command',
  'expected',
  'actual',
  'because',
  'level',
])
const HOSTILE =
  '\u001b[2J\n::error::x\r\n| <script>alert(1)</script> @ann #1 `x` **b** [a](http://b) \u202e%0A --> \\'

describe('text', () => {
  test.each(cases)('of %s stays in its lines, whatever a key holds', (_, report) => {
    const hostile = text(poisoned(report, HOSTILE))
    expect(hostile).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
    expect(hostile.split('\n')).toHaveLength(text(report).split('\n').length)
  })
})

describe('json', () => {
  test.each(cases)('of %s holds the whole report and its last line', (_, report) => {
    expect(JSON.parse(json(report))).toEqual({
      ...JSON.parse(JSON.stringify(report)),
      summary: closing(report),
    })
  })

  test.each(cases)('of %s holds no character that a terminal obeys, and loses none', (_, report) => {
    const hostile = poisoned(report, `${HOSTILE}\u009b\u2028\u{e0041}`)
    expect(json(hostile)).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    expect(JSON.parse(json(hostile))).toEqual({
      ...JSON.parse(JSON.stringify(hostile)),
      summary: closing(hostile),
    })
  })
})

describe('github', () => {
  /** As the runner reads it. */
  const read = (line: string) => {
    const [, level, properties, data] = /^::(\w+) (.*?)::(.*)$/.exec(line) ?? []
    const raw = (it: string) =>
      it
        .replaceAll('%2C', ',')
        .replaceAll('%3A', ':')
        .replaceAll('%0A', '\n')
        .replaceAll('%0D', '\r')
        .replaceAll('%25', '%')
    return {
      level,
      message: raw(data!),
      ...Object.fromEntries(properties!.split(',').map((it) => /^(.*?)=(.*)$/.exec(it)!.slice(1).map(raw))),
    }
  }
  const commands = (report: Report) => github(report).split('\n').slice(0, -1)

  test('points at the line of a mistake', () => {
    expect(github({ ...planReport, diagnostics: [diagnostic] })).toBe(
      '::error file=plans/messages.yaml,line=10,col=50,title=KV014::There is no transform "lowercas". Did you mean "lower"?\n',
    )
  })

  test('tells warnings, drift, failed steps, findings and examples', () => {
    expect([livePlanReport, failedReport, checkReport, testReport].map(github).join('')).toBe(
      `::warning title=KV107::A table refers to itself.
::error title=Drift of handles::column handle is varchar(40), declared text
::error title=messages/A/index/idx::messages/A/index/idx stopped: no space left on device Make room.
::error file=plans/messages.yaml,title=KV301 row_count%3A gate B of messages::fail: 1,000 in source, 998 in target. Expected the same number. Look at kvmig diff.
::error file=plans/messages.yaml,title=KV308 index_use%3A gate B of messages::unknown: The table has 3 rows. Expected a plan that uses idx_messages_thread.
::error file=plans/messages.yaml,line=60,col=5,title=Example of messages%3A message%3Am1::messages.from_user differs, messages.mood differs, messages.doc differs, a row of reactions is missing and the rejects differ.
`,
    )
  })

  test('says nothing where there is nothing to say', () => {
    expect(github(planReport)).toBe('')
  })

  test.each(cases)('of %s is one command a line, whatever a key holds', (_, report) => {
    const lines = commands(poisoned(report, HOSTILE))
    expect(lines).toHaveLength(commands(report).length)
    for (const line of lines)
      expect(read(line)).toMatchObject({ level: expect.stringMatching(/^(error|warning)$/) })
  })

  test('can be read back', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (file, message) => {
        const at = { file, line: 1, column: 2 }
        const [line] = commands({
          ...planReport,
          diagnostics: [{ severity: 'error', code: 'KV001', message, at }],
        })
        expect(read(line!)).toMatchObject({ level: 'error', file, line: '1', col: '2', title: 'KV001' })
      }),
    )
  })
})

describe('markdown', () => {
  test('of plan', () => {
    expect(markdown({ ...planReport, diagnostics: [diagnostic] })).toMatchInlineSnapshot(`
      "<!-- kvmig:plan:migrations.yaml: -->
      ### kvmig plan

      Plan: 1 error. Nothing has been changed. Mend the plan and run kvmig plan again.

      **Mistakes and warnings**

      | where | code |  |
      | --- | --- | --- |
      | \`plans/messages.yaml:10:50\` | ❌ KV014 | There is no transform "lowercas". Did you mean "lower"? |

      <details><summary>Shared</summary>

      | phase | step | subject |  | state |
      | --- | --- | --- | --- | --- |
      | A | \\+ extension | \`vector\` |  | done |

      </details>

      <details><summary>handles: 2 steps to do</summary>

      \`plans/handles.yaml\` · \`redis://localhost:6379/0\` · wave 1 · needed by messages

      | phase | step | subject |  | state |
      | --- | --- | --- | --- | --- |
      | A | \\+ table | \`handles\` | 2 columns | changed |
      | A | &#62; backfill | \`handle:{id} ► handles\` |  | again because of \`handles/A/table/handles\` |

      </details>

      <details><summary>messages: 3 steps to do</summary>

      \`plans/messages.yaml\` · \`redis://localhost:6379/0\` · wave 2

      | phase | step | subject |  | state |
      | --- | --- | --- | --- | --- |
      | A | \\+ table | \`messages\` | 4 columns | pending |
      | A | &#62; backfill | \`vibe:messages ► messages\` | each field | pending |
      | A | \\+ foreign key | \`messages.from_user ► handles.handle\` | on delete cascade | pending |
      |  | **gate B** |  | coverage, row\\_count, sample 10% |  |

      | one-way field |  |
      | --- | --- |
      | \`messages.from_user\` | lower loses the case |

      </details>
      "
    `)
  })

  test('of check', () => {
    expect(markdown(rebuildReport)).toMatchInlineSnapshot(`
      "<!-- kvmig:rebuild:migrations.yaml: -->
      ### kvmig rebuild

      Rebuild: 1,205 rows became 1,204 keys of redis://localhost:6379/1, by 12 commands. 1 mapping has no way back.

      **Written into redis://localhost:6379/1**

      | plan | match | rows | keys | there already | rows from elsewhere |
      | --- | --- | ---: | ---: | ---: | ---: |
      | messages | \`message:{id}\` | 1,204 | 1,203 | 1 | 2 |
      | handles | \`vibe:handles\` | 1 | 1 | 0 | 0 |

      <details><summary>No way back</summary>

      | plan | match | why |
      | --- | --- | --- |
      | messages | \`vibe:messages\` | from\\_user: lower: the case of letters is forgotten; no column keeps the name of the field |

      </details>
      "
    `)
    expect(markdown(checkReport)).toMatchInlineSnapshot(`
      "<!-- kvmig:check:migrations.yaml: -->
      ### kvmig check

      Check: gate B stays closed for messages. Mend what is listed, then ask again with kvmig check.

      <details><summary>✅ gate B of handles: open</summary>

      |  | check | measured | expected | for example |
      | --- | --- | --- | --- | --- |
      | ✅ pass | row\\_count | 1,000 in source, 1,000 in target. | the same number |  |

      </details>

      **❌ gate B of messages: closed**

      |  | check | measured | expected | for example |
      | --- | --- | --- | --- | --- |
      | ❌ fail | row\\_count KV301 | 1,000 in source, 998 in target. | the same number. Look at kvmig diff. | \`message:m1\`, \`message:m2\\n\` |
      | ❌ unknown | index\\_use KV308 | The table has 3 rows. | a plan that uses idx\\_messages\\_thread |  |
      "
    `)
  })

  test.each(cases)(
    'of %s keeps its tables and holds neither HTML, mentions nor references, whatever a key holds',
    (_, report) => {
      const plain = markdown(report).split('\n').slice(1)
      const hostile = markdown(poisoned(report, HOSTILE)).split('\n').slice(1)
      const bars = (line: string) => line.match(/\|/g)?.length ?? 0
      expect(hostile.map(bars)).toEqual(plain.map(bars))
      for (const line of hostile) {
        const outsideCode = line.replace(/<code>.*?<\/code>|`[^`]*`/g, '')
        expect(outsideCode).not.toMatch(/<script|(?<!\\)\*\*b|@ann|#1\b|(?<!\\)\[a/)
        expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u)
      }
    },
  )

  test('stays under 60,000 characters, leaving out the longest sections first', () => {
    const steps = Array.from({ length: 2000 }, (_, index) => ({
      ...planReport.plans[0]!.steps[0]!,
      id: `s${index}`,
    }))
    const long = { ...planReport.plans[0]!, plan: 'long', steps }
    const output = markdown({ ...planReport, plans: [long, planReport.plans[1]!] })
    expect(output.length).toBeLessThan(60_000)
    expect(output).toContain('**long: 2,000 steps to do**: 2,004 lines left out, too long for a comment.')
    expect(output).toContain('<summary>messages: 3 steps to do</summary>')
  })

  test('stays within any length, and begins with its marker', () => {
    fc.assert(
      fc.property(fc.constantFrom(...REPORTS), fc.nat(3000), fc.nat(40), (report, room, times) => {
        const many =
          report.kind === 'plan'
            ? { ...report, plans: Array.from({ length: times }, () => report.plans[0]!) }
            : report
        const longest = 1200 + room
        const output = markdown(many, longest)
        expect(output.length).toBeLessThan(longest)
        expect(output.startsWith(`${marker(report)}\n### kvmig ${report.kind}\n`)).toBe(true)
      }),
    )
  })

  test('is found again by its marker, which no other project or environment has', () => {
    expect(marker(planReport)).toBe('<!-- kvmig:plan:migrations.yaml: -->')
    expect(marker({ ...planReport, environment: 'staging' })).toBe(
      '<!-- kvmig:plan:migrations.yaml:staging -->',
    )
    expect(marker({ ...planReport, project: 'a--b:c/d -->' })).toBe(
      '<!-- kvmig:plan:a%2D%2Db%3Ac%2Fd%20%2D%2D%3E: -->',
    )
  })
})
