import { EXIT, SourceError } from '../../errors.ts'
import { explainFault } from '../http-fault.ts'
import { explain as explainRedis } from '../redis/explain.ts'
import { ReplyError } from '../redis/resp.ts'
import { ShapeError } from './reply.ts'

/** What the answer to a request was, where it was no answer to a command. */
export interface Refusal {
  readonly status: number
  /** The text of `{"error": …}`. */
  readonly text: string | undefined
}

/**
 * What went wrong at an Upstash as a SourceError with a stable code and a sentence. The service's own words are not handed on: they may
 * hold the command, and with it keys and values.
 */
export function explain(label: string, error: unknown): SourceError {
  if (error instanceof SourceError) return error
  if (error instanceof ReplyError) return explainText(label, error.text) ?? explainRedis(label, error)
  if (error instanceof ShapeError)
    return new SourceError('SOURCE_PROTOCOL', `${label} does not answer as Upstash does: ${error.message}.`, {
      hint: 'Is this the REST address of the database (https://NAME.upstash.io), and is nothing in between that changes answers?',
    })
  return explainFault(label, error)
}

/** A request that was refused as a whole. */
export function explainRefusal(label: string, { status, text }: Refusal): SourceError {
  const known = text === undefined ? undefined : explainText(label, text)
  if (known) return known
  if (status === 401 || status === 403)
    return new SourceError('SOURCE_AUTH', `${label} refused the token.`, {
      hint: 'Copy it from the console again; was it rotated, or is it of another database?',
    })
  if (status === 429)
    return new SourceError('SOURCE_THROTTLED', `${label} says that it is asked too much (429).`, {
      hint: 'Give it fewer commands a second: budget: { per_second: 100 }, or --rate 100. Then run the same again: it goes on.',
    })
  if (status === 413) return tooLarge(label)
  if (status >= 500)
    return new SourceError('SOURCE_SERVER', `${label} fails within itself (${status}).`, {
      hint: 'Run the same again later: it goes on.',
    })
  if (text !== undefined && status === 400) return explainRedis(label, new ReplyError(text))
  return new SourceError('SOURCE_PROTOCOL', `${label} answers ${status}, which Upstash does not.`, {
    hint: 'Is this the REST address of the database (https://NAME.upstash.io)?',
  })
}

function explainText(label: string, text: string): SourceError | undefined {
  if (/^ERR max (daily )?requests? limit exceeded/.test(text)) return usedUp(label, text)
  if (/^WRONGPASS|^NOAUTH/.test(text)) return explainRefusal(label, { status: 401, text: undefined })
  if (/^ERR max request size exceeded/.test(text)) return tooLarge(label)
  const what = /^ERR max (single record|key) size exceeded/.exec(text)?.[1]
  if (what)
    return new SourceError(
      'SOURCE_TOO_LARGE',
      `${label} refused a write: ${what === 'key' ? 'its key' : 'what it would hold under one key'} is larger than the plan of the database allows.`,
      {
        hint: 'The console says how large they may be. Make it smaller, or take a larger plan: what waits in the outbox is written then.',
      },
    )
  if (/^ERR DB capacity quota exceeded/.test(text))
    return new SourceError(
      'SOURCE_OOM',
      `${label} is full: its storage quota is used up, and it refuses writes.`,
      {
        hint: 'Delete what is not needed, or take a larger plan: what waits in the outbox is written then.',
      },
    )
  if (/^ERR max concurrent connections/.test(text))
    return new SourceError('SOURCE_BUSY', `${label} has no connection left for one more client.`, {
      hint: 'Run the same again when there are fewer.',
    })
  const command = /^NOPERM .*'([a-z_|]+)' command/i.exec(text)?.[1]?.toUpperCase()
  if (command)
    return new SourceError('SOURCE_NOPERM', `The token for ${label} may not run ${command}.`, {
      hint:
        command === 'SCAN'
          ? 'A read-only token cannot list keys, and without them nothing can be copied or counted. Take the standard token, or one of an ACL user with +@read +scan.'
          : 'Take the standard token, or one of an ACL user who may read everything.',
    })
  const missing = /^ERR Command is not available: '([a-zA-Z_]+)'/.exec(text)?.[1]?.toUpperCase()
  if (missing)
    return new SourceError('SOURCE_COMMAND', `${label} does not offer the command ${missing}.`, {
      hint: 'Export a backup in the console, and read that: rdb:./backup.rdb.',
    })
  return undefined
}

const tooLarge = (label: string): SourceError =>
  new SourceError('SOURCE_TOO_LARGE', `${label} says that a request for a single key is too large.`, {
    hint: 'Export a backup in the console, and read that: rdb:./backup.rdb.',
  })

/** Nothing can be read until the quota begins anew: asking again would only fail again. */
function usedUp(label: string, text: string): SourceError {
  const daily = text.startsWith('ERR max daily')
  const limit = /Limit: (\d+)/.exec(text)?.[1]
  const now = new Date()
  const anew = daily
    ? Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + 1)
    : Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1)
  const many = limit === undefined ? '' : ` of ${Number(limit).toLocaleString('en-US')} commands`
  return new SourceError(
    'SOURCE_QUOTA',
    `The ${daily ? 'daily' : 'monthly'} quota${many} of ${label} is used up: it answers nothing until ${new Date(anew).toISOString().slice(0, 10)} (UTC).`,
    {
      hint: 'Run the same again then: it goes on where it stopped. Or export a backup in the console now, and read that: rdb:./backup.rdb. Or take a larger plan.',
      exitCode: EXIT.notYet,
    },
  )
}
