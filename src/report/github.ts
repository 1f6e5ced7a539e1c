import type { Diagnostic, Position } from '../diagnostic.ts'
import { printableSentence } from '../printable.ts'
import type { GateResult, Report, TestedExample } from './report.ts'
import { listed } from './wording.ts'

/**
 * Workflow commands (`::error file=…::…`) that GitHub shows beside the lines they are about: the mistakes of a plan, the findings that keep
 * a gate closed, steps and examples that failed, rows that differ. Nothing to tell: an empty text.
 */
export function github(report: Report): string {
  return annotations(report)
    .map((it) => `${command(it)}\n`)
    .join('')
}

interface Annotation {
  readonly level: 'error' | 'warning'
  readonly title: string
  readonly message: string
  readonly file?: string
  readonly at?: Position | undefined
}

function annotations(report: Report): readonly Annotation[] {
  switch (report.kind) {
    case 'plan':
      return [
        ...report.diagnostics.map(ofDiagnostic),
        ...(report.live?.drift ?? []).map(
          ({ table, message }): Annotation => ({ level: 'error', title: `Drift of ${table}`, message }),
        ),
      ]
    case 'apply':
      return [
        ...report.steps.flatMap(({ id, error }): Annotation[] =>
          error ? [{ level: 'error', title: id, message: sentence(error.message, error.hint) }] : [],
        ),
        ...report.gates.flatMap(ofGate),
      ]
    case 'phase':
      return [
        ...report.acts
          .filter(({ status }) => status === 'failed' || status === 'fired')
          .map(
            ({ plan, verb, detail }): Annotation => ({
              level: 'error',
              title: `${plan}: ${verb}`,
              message: detail,
            }),
          ),
        ...report.gates.flatMap(ofGate),
      ]
    case 'check':
      return report.gates.flatMap(ofGate)
    case 'diff':
      return report.plans.flatMap(({ plan, file, tables }) =>
        tables.flatMap(({ table, missing, different, extra }): Annotation[] => {
          const kinds = Object.entries({ missing, different, extra }).filter(([, { count }]) => count > 0)
          if (kinds.length === 0) return []
          return [
            {
              level: 'error',
              title: `${plan}: ${table} differs`,
              file,
              message: `${listed(kinds.map(([kind, { count }]) => `${count} ${kind}`))}.`,
            },
          ]
        }),
      )
    case 'test':
      return report.examples.filter(({ status }) => status !== 'pass').map(ofExample)
    case 'status':
    case 'trace':
    case 'rebuild':
      return []
  }
}

const ofDiagnostic = ({ severity, code, message, hint, at }: Diagnostic): Annotation => ({
  level: severity,
  title: code,
  message: sentence(message, hint),
  at,
})

const ofExample = ({ plan, key, at, message, rows, rejects }: TestedExample): Annotation => {
  const reasons = [
    message,
    ...rows.flatMap(({ table, status, columns }) => {
      if (status === 'missing' || status === 'extra') return [`a row of ${table} is ${status}`]
      return columns.filter(({ same }) => !same).map(({ column }) => `${table}.${column} differs`)
    }),
    rejects.expected.join() !== rejects.actual.join() && 'the rejects differ',
  ].filter((it): it is string => Boolean(it))
  return {
    level: 'error',
    title: `Example of ${plan}: ${key}`,
    at,
    message: `${listed([...new Set(reasons)])}.`,
  }
}

const ofGate = ({ plan, file, opens, findings }: GateResult): readonly Annotation[] =>
  findings
    .filter(({ status }) => status !== 'pass')
    .map(({ check, code, status, measured, expected, hint }) => ({
      level: status === 'pending' ? 'warning' : 'error',
      title: `${code} ${check}: gate ${opens} of ${plan}`,
      file,
      message: sentence(`${status}: ${measured} Expected ${expected}.`, hint),
    }))

const sentence = (message: string, hint: string | undefined): string =>
  hint ? `${message} ${hint}` : message

function command({ level, title, message, file, at }: Annotation): string {
  const properties = [
    ['file', at?.file ?? file],
    ['line', at?.line],
    ['col', at?.column],
    ['title', printableSentence(title)],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${escapeProperty(String(value))}`]))
  return `::${level} ${properties.join(',')}::${escapeData(printableSentence(message))}`
}

// As @actions/core escapes them; without it, a key could end the command and begin another.
const escapeData = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
const escapeProperty = (text: string): string =>
  escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
