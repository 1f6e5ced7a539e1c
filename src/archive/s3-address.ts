import { KvmigError } from '../errors.ts'

/** How the store encrypts what it keeps: with keys of its own, or with one of a key service. */
export interface Encryption {
  readonly kind: 'AES256' | 'aws:kms' | 'aws:kms:dsse'
  /** Id or ARN of the key; the account's own where none is said. */
  readonly key: string | undefined
}

export interface S3Address {
  readonly bucket: string
  readonly prefix: string
  /** Undefined: as the bucket does it. */
  readonly encryption: Encryption | undefined
}

const KINDS: ReadonlySet<string> = new Set(['AES256', 'aws:kms', 'aws:kms:dsse'])

/**
 * Reads `s3://bucket/prefix`, with `?encryption=AES256`, or `?encryption=aws:kms&key=ID`. Throws ARCHIVE_PLACE.
 */
export function readS3Address(address: string): S3Address {
  const [, bucket, prefix = '', query = ''] =
    /^s3:\/\/([^/?]+)(?:\/([^?]*?))?\/?(?:\?(.*))?$/i.exec(address) ?? []
  if (bucket === undefined) throw refused(`${address.split('?')[0]} names no bucket`)
  const said = new URLSearchParams(query)
  const kind = said.get('encryption') ?? undefined
  const key = said.get('key') ?? undefined
  for (const name of said.keys())
    if (name !== 'encryption' && name !== 'key') throw refused(`s3://${bucket} has an option "${name}"`)
  if (kind !== undefined && !KINDS.has(kind)) throw refused('encryption is AES256, aws:kms or aws:kms:dsse')
  if (key !== undefined && !kind?.startsWith('aws:kms')) throw refused('a key is for encryption=aws:kms')
  return {
    bucket,
    prefix,
    encryption: kind === undefined ? undefined : { kind: kind as Encryption['kind'], key },
  }
}

/** What a request says that makes an object. */
export const encryptionHeaders = (encryption: Encryption | undefined): Readonly<Record<string, string>> =>
  encryption === undefined
    ? {}
    : {
        'x-amz-server-side-encryption': encryption.kind,
        ...(encryption.key === undefined
          ? {}
          : { 'x-amz-server-side-encryption-aws-kms-key-id': encryption.key }),
      }

const refused = (what: string): KvmigError =>
  new KvmigError('ARCHIVE_PLACE', `The archive has no place: ${what}.`, {
    hint: 'Write s3://bucket/prefix, and behind it, if you like, ?encryption=AES256 or ?encryption=aws:kms&key=ID.',
  })
