import { didYouMean } from '../../diagnostic.ts'
import { EXIT, KvmigError } from '../../errors.ts'
import type { Project } from '../../plan/plan.ts'
import { columns, PLAIN, right } from '../../report/layout.ts'
import { bytes, counted, number } from '../../report/wording.ts'
import type { CommonOptions } from '../args.ts'
import { createCounter } from '../counter.ts'
import type { Io } from '../io.ts'
import { KeyFamilies, type KeyFamily } from '../key-families.ts'
import { loadProject } from '../project.ts'
import { withSession } from '../session.ts'

export interface InspectOptions extends CommonOptions {
  /** A name of the project's sources; may be left out if there is one. */
  readonly source?: string | undefined
  /** Keys to look at, at most. */
  readonly keys: number
  readonly json?: boolean | undefined
}

/** Samples a source and says what kinds of keys are there. Prints patterns, types, names of fields and sizes; never a value. */
export async function run(options: InspectOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const name = sourceName(project, options.source)
  return withSession({ project, options, io }, async (session) => {
    const source = await session.source(name)
    const counter = createCounter({ io, quiet: options.quiet, words: `Reading ${name}` })
    const families = new KeyFamilies()
    for await (const page of source.scan({ prefix: Buffer.alloc(0), want: () => 'entry' })) {
      io.signal.throwIfAborted()
      for (const entry of page.entries) families.add(entry)
      counter.tell(families.keys)
      if (families.keys >= options.keys) break
    }
    counter.finish()
    const all = await source.count?.()
    const found = families.list()
    const result = { source: name, label: source.label, keys: families.keys, of: all, families: found }
    io.stdout.write(options.json ? `${JSON.stringify(result, null, 2)}\n` : show(result))
    return EXIT.done
  })
}

interface Inspected {
  readonly source: string
  readonly label: string
  readonly keys: number
  /** Keys of the store, where it can tell. */
  readonly of: number | undefined
  readonly families: readonly KeyFamily[]
}

function show({ source, label, keys, of, families }: Inspected): string {
  const rest = of !== undefined && of > keys ? ` of ${number(of)}` : ''
  if (families.length === 0) return `${source} (${label}) is empty.\n`
  const lines = columns(
    [
      ['keys', 'type', 'pattern', 'holds', 'bytes', 'expire', 'for example'].map((it) => it),
      ...families.map((it) => [
        right(number(it.keys)),
        it.type,
        it.pattern,
        it.holds,
        right(bytes(it.bytes)),
        it.expiring === 0 ? '' : it.expiring === it.keys ? 'all' : number(it.expiring),
        it.sample,
      ]),
    ],
    PLAIN,
  )
  return [
    `${source} (${label}): ${counted(keys, 'key')}${rest} looked at, ${counted(families.length, 'kind')}`,
    '',
    ...lines,
    '',
    'Next: a rule for each kind, in a plan (mappings) or in the project (ignore, index, ephemeral); kvmig plan --live counts what is left.',
    '',
  ].join('\n')
}

function sourceName({ sources, file }: Project, asked: string | undefined): string {
  const names = [...sources.keys()]
  if (asked === undefined && names.length === 1) return names[0]!
  if (asked !== undefined && sources.has(asked)) return asked
  const meant = asked === undefined ? undefined : didYouMean(asked, names)
  throw new KvmigError(
    'SOURCE_UNKNOWN',
    asked === undefined
      ? 'Which source? There are several.'
      : `There is no source "${asked}".${meant ? ` Did you mean ${meant}?` : ''}`,
    { hint: `${file} has: ${names.join(', ')}.` },
  )
}
