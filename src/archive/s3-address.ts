import { createHash } from 'node:crypto'
import { KvmigError } from '../errors.ts'

/** How the store encrypts what it keeps: with keys of its own, with one of a key service, or with one that comes with each request. */
export type Encryption =
  | {
      readonly kind: 'AES256' | 'aws:kms' | 'aws:kms:dsse'
      /** Id or ARN of the key; the account's own where none is said. */
      readonly key: string | undefined
    }
  | { readonly kind: 'customer' }

/** Nobody may delete or change what is there before so many days are over. */
export interface Lock {
  /** GOVERNANCE: but for who may by a right of their own; COMPLIANCE: nobody at all. */
  readonly mode: 'GOVERNANCE' | 'COMPLIANCE'
  readonly days: number
}

export interface S3Address {
  readonly bucket: string
  readonly prefix: string
  /** Undefined: as the bucket does it. */
  readonly encryption: Encryption | undefined
  /** Undefined: as the bucket does it. */
  readonly lock: Lock | undefined
}

const KINDS: ReadonlySet<string> = new Set(['AES256', 'aws:kms', 'aws:kms:dsse', 'customer'])
const OPTIONS: ReadonlySet<string> = new Set(['encryption', 'key', 'lock', 'days'])

/**
 * Reads `s3://bucket/prefix`, with `?encryption=AES256`, `?encryption=aws:kms&key=ID` or `?encryption=customer`, and with
 * `lock=GOVERNANCE&days=30` (or COMPLIANCE). Throws ARCHIVE_PLACE.
 */
export function readS3Address(address: string): S3Address {
  const [, bucket, prefix = '', query = ''] =
    /^s3:\/\/([^/?]+)(?:\/([^?]*?))?\/?(?:\?(.*))?$/i.exec(address) ?? []
  if (bucket === undefined) throw refused(`${address.split('?')[0]} names no bucket`)
  const said = new URLSearchParams(query)
  for (const name of said.keys())
    if (!OPTIONS.has(name)) throw refused(`s3://${bucket} has an option "${name}"`)
  return { bucket, prefix, encryption: encryptionOf(said), lock: lockOf(said) }
}

function encryptionOf(said: URLSearchParams): Encryption | undefined {
  const kind = said.get('encryption') ?? undefined
  const key = said.get('key') ?? undefined
  if (kind !== undefined && !KINDS.has(kind))
    throw refused('encryption is AES256, aws:kms, aws:kms:dsse or customer')
  if (key !== undefined && !kind?.startsWith('aws:kms')) throw refused('a key is for encryption=aws:kms')
  if (kind === undefined) return undefined
  return kind === 'customer' ? { kind } : { kind: kind as 'AES256', key }
}

function lockOf(said: URLSearchParams): Lock | undefined {
  const [mode, days] = [said.get('lock'), said.get('days')]
  if (mode === null && days === null) return undefined
  if (mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE') throw refused('lock is GOVERNANCE or COMPLIANCE')
  if (days === null || !/^[1-9]\d{0,4}$/.test(days)) throw refused('a lock holds for days=1 to 99999')
  return { mode, days: Number(days) }
}

/** What a request says that makes an object. */
export const encryptionHeaders = (encryption: Encryption | undefined): Readonly<Record<string, string>> =>
  encryption === undefined || encryption.kind === 'customer'
    ? {}
    : {
        [SSE]: encryption.kind,
        ...(encryption.key === undefined ? {} : { [`${SSE}-aws-kms-key-id`]: encryption.key }),
      }

/** What a request says that makes an object which is locked; `now` in milliseconds since 1970. */
export const lockHeaders = (lock: Lock | undefined, now: number): Readonly<Record<string, string>> =>
  lock === undefined
    ? {}
    : {
        'x-amz-object-lock-mode': lock.mode,
        'x-amz-object-lock-retain-until-date': new Date(now + lock.days * DAY_MILLIS).toISOString(),
      }

/**
 * What every request about an object says that is encrypted with a key of the customer's own: AWS_SSE_CUSTOMER_KEY, 32 bytes in base64. The
 * store forgets it. Throws ARCHIVE_PLACE, which does not repeat it.
 */
export function customerHeaders(
  encryption: Encryption | undefined,
  { AWS_SSE_CUSTOMER_KEY: text }: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  if (encryption?.kind !== 'customer') return {}
  const key = Buffer.from(text ?? '', 'base64')
  if (key.length !== 32)
    throw new KvmigError('ARCHIVE_PLACE', 'The archive has no place: encryption=customer wants a key.', {
      hint: 'Set AWS_SSE_CUSTOMER_KEY to 32 random bytes in base64 (openssl rand -base64 32), and keep it: without it the archive cannot be read.',
    })
  return {
    [`${SSE}-customer-algorithm`]: 'AES256',
    [`${SSE}-customer-key`]: key.toString('base64'),
    [`${SSE}-customer-key-md5`]: createHash('md5').update(key).digest('base64'),
  }
}

const SSE = 'x-amz-server-side-encryption'
const DAY_MILLIS = 86_400_000

const refused = (what: string): KvmigError =>
  new KvmigError('ARCHIVE_PLACE', `The archive has no place: ${what}.`, {
    hint: 'Write s3://bucket/prefix, and behind it, if you like, ?encryption=AES256, ?encryption=aws:kms&key=ID or ?encryption=customer, and lock=GOVERNANCE&days=30.',
  })
