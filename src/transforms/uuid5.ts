import { createHash } from 'node:crypto'
import { textArgument } from './literal.ts'
import { mapText } from './text-transform.ts'
import { ArgumentError, type Transform } from './transform.ts'

export const uuid5: Transform = {
  name: 'uuid5',
  summary: 'The UUID of a text in a namespace (RFC 9562, version 5): a UUID, or dns, url, oid, x500.',
  parameters: [{ name: 'namespace', type: 'text' }],
  takes: ['text'],
  gives: () => 'text',
  oneWay: 'a hash cannot be undone',
  create: (args) => {
    const name = textArgument(args, 0, 'The namespace')
    const namespace = NAMESPACES.get(name) ?? name
    if (!UUID.test(namespace))
      throw new ArgumentError('The namespace has to be a UUID, or one of dns, url, oid, x500.')
    const salt = Buffer.from(namespace.replaceAll('-', ''), 'hex')
    return { forward: mapText((text) => nameBased(salt, text)) }
  },
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const NAMESPACES: ReadonlyMap<string, string> = new Map([
  ['dns', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'],
  ['url', '6ba7b811-9dad-11d1-80b4-00c04fd430c8'],
  ['oid', '6ba7b812-9dad-11d1-80b4-00c04fd430c8'],
  ['x500', '6ba7b814-9dad-11d1-80b4-00c04fd430c8'],
])

function nameBased(namespace: Buffer, name: string): string {
  const bytes = createHash('sha1').update(namespace).update(name).digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x50
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
