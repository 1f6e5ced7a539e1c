import { KvmigError } from '../errors.ts'

/** The bytes of a key as somebody typed it: text, or `base64:…` for bytes that are no text. */
export function readKey(text: string): Buffer {
  if (!text.startsWith('base64:')) return Buffer.from(text)
  const key = Buffer.from(text.slice('base64:'.length), 'base64')
  if (
    key.length > 0 &&
    key.toString('base64').replace(/=+$/, '') === text.slice('base64:'.length).replace(/=+$/, '')
  )
    return key
  throw new KvmigError('USAGE', 'What follows base64: is no base64.')
}
