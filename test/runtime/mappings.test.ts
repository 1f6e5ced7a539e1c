import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { openMappings } from '../../src/runtime/index.ts'

const string = (text: string) => ({ type: 'string', bytes: Buffer.from(text) }) as const
const mappings = await openMappings(resolve(import.meta.dirname, '../../migrations.yaml'))

test('says which rows an entry gives', () => {
  const message = { from: '@Ann', to: 'bo', text: 'hi', created_at: 1767830400000 }
  expect(mappings.forward({ key: 'message:m1', value: string(JSON.stringify(message)) })).toMatchObject({
    fate: 'taken',
    plan: 'messages',
    rows: [
      { table: 'messages', row: { id: 'm1', from_user: 'ann', text: 'hi', created_at: 1767830400000000n } },
    ],
    rejects: [],
  })
})

test('says why an entry gives none', () => {
  const typed = { from: 'ann', to: 'bo', text: 5, created_at: 1767830400000 }
  expect(mappings.forward({ key: 'message:m1', value: string(JSON.stringify(typed)) })).toMatchObject({
    rows: [],
    rejects: [{ code: 'TYPE_MISMATCH', column: 'text' }],
  })
})

test('knows what stays in the store, and what nobody has thought of', () => {
  expect(mappings.forward({ key: 'typing:ann:bo', value: string('1') })).toEqual({
    fate: 'left',
    as: 'ephemeral',
    because: 'over before it could be copied',
  })
  expect(mappings.forward({ key: 'surprise', value: string('1') })).toEqual({ fate: 'uncovered' })
})

test('goes back where a mapping can, and says why where it cannot', () => {
  const back = mappings.inverse('friends', 'friendships', [{ username: 'ann', friend: 'bo' }])
  expect(back).toMatchObject({ type: 'set', expiresAt: null })
  expect(back.key.toString()).toBe('friends:ann')
  expect(() => mappings.inverse('messages', 'messages', [])).toThrow('has no way back')
})
