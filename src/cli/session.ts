import type { Project } from '../plan/plan.ts'
import { printableSentence } from '../printable.ts'
import { Session } from '../runner/session.ts'
import { abilitiesOf } from '../sources/abilities.ts'
import { bytesOf } from '../sources/part.ts'
import type { Entry, Page, Source } from '../sources/source.ts'
import type { CommonOptions } from './args.ts'
import type { Io } from './io.ts'

export interface SessionRequest {
  readonly project: Project
  readonly options: Pick<CommonOptions, 'env'> & {
    readonly rate?: number | undefined
    readonly fast?: boolean | undefined
  }
  readonly io: Io
}

/** Bytes of keys and values that were read from all sources so far. */
export interface SourceMeter {
  readonly bytes: number
}

/** Opens the stores of a project, and closes them whatever happens. */
export async function withSession<T>(
  { project, options, io }: SessionRequest,
  work: (session: Session, meter: SourceMeter) => Promise<T>,
): Promise<T> {
  const { SESSION_PARTS } = await import('../catalog.ts')
  const meter = { bytes: 0 }
  const session = await Session.open({
    project,
    parts: {
      ...SESSION_PARTS,
      openSource: async (address, context) =>
        metered(await SESSION_PARTS.openSource(address, { ...context, gentle: !options.fast }), meter),
    },
    variables: io.env,
    environment: options.env,
    signal: io.signal,
    perSecond: options.rate,
    leaseMillis: leaseMillis(io),
    waiting: (sentence) => io.stderr.write(`kvmig: ${printableSentence(sentence)}\n`),
  })
  try {
    return await work(session, meter)
  } finally {
    for (const warning of session.warnings) io.stderr.write(`kvmig: warning  ${printableSentence(warning)}\n`)
    await session.close()
  }
}

// For tests, and for people whose database is slower than half a minute: undocumented on purpose.
const leaseMillis = ({ env }: Io): number | undefined =>
  env.KVMIG_LEASE_SECONDS === undefined ? undefined : Number(env.KVMIG_LEASE_SECONDS) * 1000

/** Counts the bytes of what a source gives. */
export function metered(source: Source, meter: { bytes: number }): Source {
  const measure = async function* (pages: AsyncIterable<Page>): AsyncIterable<Page> {
    for await (const page of pages) {
      for (const entry of page.entries) meter.bytes += sizeOf(entry)
      yield page
    }
  }
  return {
    label: source.label,
    identity: () => source.identity(),
    scan: (selection, from) => measure(source.scan(selection, from)),
    read: (keys) => measure(source.read(keys)),
    ...abilitiesOf(source),
    commands: () => source.commands(),
    close: () => source.close(),
  }
}

const sizeOf = ({ key, value }: Entry): number => key.length + (value ? bytesOf(value) : 0)
