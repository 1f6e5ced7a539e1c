import { EXIT, KvmigError } from '../../errors.ts'
import type { RebuildReport } from '../../report/report.ts'
import { counted } from '../../report/wording.ts'
import { resolveAddress } from '../../runner/address.ts'
import { warnOfClearText } from '../../runner/clear-text.ts'
import { planRebuild, type RebuildPlan, type Rebuilt, rebuild } from '../../runner/rebuild.ts'
import type { Session } from '../../runner/session.ts'
import type { StoreWriter } from '../../sources/writer.ts'
import type { CommonOptions } from '../args.ts'
import { confirm } from '../confirm.ts'
import { createCounter } from '../counter.ts'
import type { Io } from '../io.ts'
import { printReport } from '../print-report.ts'
import { loadProject, plansNamed } from '../project.ts'
import { withSession } from '../session.ts'

export interface RebuildOptions extends CommonOptions {
  readonly plans: readonly string[]
  /** Address of the store to write into. */
  readonly into: string
  /** The store may hold other keys. */
  readonly beside?: boolean | undefined
  readonly yes?: boolean | undefined
  readonly json?: boolean | undefined
}

/** Makes the entries again of the rows in the target, through the inverse mapping, and writes them into a store: an empty one, unless said. */
export async function run(options: RebuildOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const plans = plansNamed(project, options.plans)
  return withSession({ project, options, io }, async (session) => {
    const what = await planRebuild(session, plans)
    const writer = await openWriter(options.into, session, io)
    try {
      const there = await writer.count()
      if (there > 0 && !options.beside)
        throw new KvmigError('STORE_NOT_EMPTY', `${writer.label} holds ${counted(there, 'key')}.`, {
          hint: 'Use an empty one; or say --beside: keys that are there already are then left as they are.',
        })
      const rows = what.mappings.reduce((sum, it) => sum + it.rows, 0)
      if (rows > 0) {
        const question = `Write ${counted(rows, 'row')} of ${session.target.label} as entries into ${writer.label}?`
        if (!(await confirm(`${lossesText(what)}${question}`, options.yes, io))) return EXIT.couldNot
      }
      const counter = createCounter({ io, quiet: options.quiet, words: 'Writing' })
      const done = await rebuild({ session, what, writer, progress: counter.tell }).finally(counter.finish)
      const report: RebuildReport = {
        kind: 'rebuild',
        project: project.file,
        ...(options.env === undefined ? {} : { environment: options.env }),
        target: session.target.label,
        into: writer.label,
        mappings: done.map((it) => mappingOf(it, what)),
        left: what.left.map(({ compiled, why }) => ({ ...namesOf(compiled), why })),
        commands: writer.commands(),
      }
      printReport(report, options.json ? 'json' : 'text', io)
      return EXIT.done
    } finally {
      await writer.close()
    }
  })
}

async function openWriter(address: string, { project, signal }: Session, io: Io): Promise<StoreWriter> {
  const place = { file: '--into', line: 1, column: 1, offset: 0 }
  const url = resolveAddress({ url: address, at: place }, io.env)
  const warning = warnOfClearText('--into', url, {})
  if (warning !== undefined) io.stderr.write(`kvmig: warning  ${warning}\n`)
  const { SOURCES } = await import('../../sources/index.ts')
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  const adapter = SOURCES.find((it) => scheme !== undefined && it.schemes.includes(scheme))
  if (adapter?.openWriter) return adapter.openWriter(url, { root: project.root, signal })
  const writable = SOURCES.filter((it) => it.openWriter).flatMap((it) => it.schemes.map((name) => `${name}:`))
  throw new KvmigError('SOURCE_READ_ONLY', `kvmig writes no stores of kind ${scheme ?? 'unknown'}:.`, {
    hint: `It writes ${writable.join(', ')}.`,
  })
}

const namesOf = ({ plan, mapping }: Rebuilt['compiled']) => ({
  plan,
  mapping: mapping.name,
  match: mapping.match.source,
})

function mappingOf(
  { compiled, rows, keys, kept }: Rebuilt,
  what: RebuildPlan,
): RebuildReport['mappings'][number] {
  const others = what.mappings.find((it) => it.compiled === compiled)?.others ?? 0
  return { ...namesOf(compiled), rows, keys, kept, others }
}

const lossesText = ({ left }: RebuildPlan): string =>
  left.length === 0
    ? ''
    : `${left.map(({ compiled: { plan, mapping }, why }) => `${plan} ${mapping.match.source} has no way back: ${why.join('; ')}.`).join('\n')}\n`
