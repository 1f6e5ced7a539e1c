import type { Project } from '../plan/plan.ts'
import { Session } from '../runner/session.ts'
import type { Entry, Source } from '../sources/source.ts'
import type { CommonOptions } from './args.ts'
import type { Io } from './io.ts'

export interface SessionRequest {
  readonly project: Project
  readonly options: Pick<CommonOptions, 'env'> & { readonly rate?: number | undefined }
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
        metered(await SESSION_PARTS.openSource(address, context), meter),
    },
    variables: io.env,
    environment: options.env,
    signal: io.signal,
    perSecond: options.rate,
  })
  try {
    return await work(session, meter)
  } finally {
    await session.close()
  }
}

function metered(source: Source, meter: { bytes: number }): Source {
  const { scan, count } = source
  return {
    label: source.label,
    identity: () => source.identity(),
    async *scan(selection, from) {
      for await (const page of scan.call(source, selection, from)) {
        for (const entry of page.entries) meter.bytes += sizeOf(entry)
        yield page
      }
    },
    read: (keys) => source.read(keys),
    ...(count ? { count: () => count.call(source) } : {}),
    commands: () => source.commands(),
    close: () => source.close(),
  }
}

function sizeOf({ key, value }: Entry): number {
  const sum = (parts: readonly Buffer[]) => parts.reduce((bytes, it) => bytes + it.length, 0)
  const own = key.length
  switch (value?.type) {
    case undefined:
      return own
    case 'string':
      return own + value.bytes.length
    case 'hash':
      return own + sum(value.pairs)
    case 'list':
      return own + sum(value.items)
    case 'set':
      return own + sum(value.members)
    case 'zset':
      return own + sum(value.members) + 8 * value.scores.length
    case 'stream':
      return own + value.messages.reduce((bytes, it) => bytes + it.id.length + sum(it.pairs), 0)
  }
}
