import type { Project } from '../plan/plan.ts'
import { printableSentence } from '../printable.ts'
import { Session } from '../runner/session.ts'
import { bytesOf } from '../sources/part.ts'
import type { Entry, Source } from '../sources/source.ts'
import { withPages } from '../sources/with-pages.ts'
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

function metered(source: Source, meter: { bytes: number }): Source {
  return withPages(source, async function* (pages) {
    for await (const page of pages) {
      for (const entry of page.entries) meter.bytes += sizeOf(entry)
      yield page
    }
  })
}

const sizeOf = ({ key, value }: Entry): number => key.length + (value ? bytesOf(value) : 0)
