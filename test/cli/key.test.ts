import { expect, test } from 'vitest'
import { readKey } from '../../src/cli/key.ts'
import { printable } from '../../src/printable.ts'

test.each([
  ['bytes that are no text', Buffer.from([0x62, 0x3a, 0x00, 0xff])],
  ['a line feed', Buffer.from('a\nb')],
  ['a zero width joiner', Buffer.from('a\u200db')],
  ['a character beyond the first plane', Buffer.from('tag\u{e0001}')],
  ['letters', Buffer.from('Größe:ж')],
  ['nothing unusual', Buffer.from('user:1')],
])('a key with %s is read in the form in which it is shown', (_, key) => {
  expect(readKey(printable(key))).toEqual(key)
})

test.each(['C:\\dir', 'a\\q', '\\d+', 'a\\xZZ', 'a\\x41', '\\u{110000}', 'back\\'])(
  'the backslash of %s means itself',
  (text) => {
    expect(readKey(text)).toEqual(Buffer.from(text))
  },
)

test('base64 is any bytes', () => {
  expect(readKey('base64:YVxu')).toEqual(Buffer.from('a\\n'))
  expect(() => readKey('base64:!')).toThrow('What follows base64: is no base64.')
})
