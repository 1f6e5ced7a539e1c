import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EntryValue } from '../../src/sources/source.ts'
import {
  type Case,
  DISAGREEMENTS,
  type Expectation,
  fromBase64,
  type KeyExpectation,
  type KeyMapping,
  patternOf,
  planOf,
  problem,
  REASONS,
  read,
  type ValueMapping,
} from '../data/bad-input.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { cellText } from './cell-text.ts'
import { type Compiled, compilePlans, hash, list, set, string, zset } from './compiled.ts'

describe('a value', () => {
  const cases = read<Case<ValueMapping>>('values.jsonl')
  let database: FreshDatabase

  beforeAll(async () => {
    database = await freshDatabase()
    await database.query(`alter database ${database.name} set timezone = 'UTC'`)
  })
  afterAll(() => database.drop())

  test.each(cases.map((it) => [it.id, it] as const))(
    '%s',
    async (id, { source, mapping, expect: expectation }) => {
      const compiled = await compilePlans(planOf(mapping))
      const [, key, value] = source.setup[0]!
      const outcome = compiled.forward(string(fromBase64(key), fromBase64(value)))
      const type = compiled.mapping('t').columns[1]!.type
      let found: string | null | undefined
      if (outcome.rows[0]) {
        const text = cellText(outcome.rows[0].cells.v as never, type)
        const { rows } = await database.query(`select ($1::text)::${mapping.pg_type}::text as it`, [text])
        found = rows[0].it
      }
      expect(outcome.rows.length + outcome.rejects.length).toBe(1)
      const shown = fromBase64(value).toString()
      if (shown.length > 3) expect(outcome.rejects[0]?.message ?? '').not.toContain(shown)
      if (DISAGREEMENTS[id]) expect(problem(outcome.rejects[0]?.code, found, expectation)).not.toBe('')
      else expect(problem(outcome.rejects[0]?.code, found, expectation)).toBe('')
    },
  )
})

describe('a key', () => {
  test.each(read<Case<KeyMapping, KeyExpectation>>('keys.jsonl').map((it) => [it.id, it] as const))(
    '%s',
    async (id, it) => {
      const compiled = await compilePlans(`mappings:
  - match: ${JSON.stringify(patternOf(id, it.mapping.key_pattern))}
    type: string
    into: t
    fields: { id: $id, v: $value }
tables:
  t: { columns: { id: ${it.mapping.id_type}, v: text }, primary_key: [id] }
`)
      const outcomes = it.source.setup.map(([, key, value]) => ({
        key: key as string,
        outcome: compiled.forward(string(fromBase64(key), fromBase64(value))),
      }))
      const claimed = outcomes.filter(({ outcome }) => outcome.claimed !== 'uncovered')
      const rows = outcomes.flatMap(({ key, outcome }) =>
        outcome.rows.map(({ cells }) => ({ key, id: String(cells.id) })),
      )
      const rejects = outcomes.flatMap(({ key, outcome }) =>
        outcome.rejects.map(({ code }) => ({ key, reason: code })),
      )
      expect(claimed.map(({ key }) => key).sort()).toEqual([...it.expect.matched_keys].sort())
      if (id === 'keys/long_key_btree_limit') {
        // Stored exactly; how long a key an index takes is Postgres's to say when the row is loaded.
        expect(rows).toEqual([
          { key: it.expect.matched_keys[0], id: fromBase64(it.expect.matched_keys[0]).toString().slice(5) },
        ])
        return
      }
      if (id === 'keys/uuid_case_collision') {
        expect(new Set(rows.map((row) => row.id)).size).toBeLessThan(rows.length)
        return
      }
      expect(rows).toEqual(expect.arrayContaining([...it.expect.rows]))
      expect(rows.length).toBe(it.expect.rows.length)
      const reason = (name: string) => (name === 'NOT_AN_INTEGER' ? 'CAPTURE_TYPE' : (REASONS[name] ?? name))
      const wanted = it.expect.quarantine.map(({ key, reason: name }) => ({ key, reason: reason(name) }))
      expect(rejects).toEqual(expect.arrayContaining(wanted))
      expect(rejects.length).toBe(wanted.length)
    },
  )
})

describe('an entry of some type', () => {
  interface TypeMapping {
    readonly redis_type: 'string' | 'hash' | 'list' | 'set' | 'zset'
    readonly fields?: Readonly<Record<string, string>> | string
    readonly into?: string
    readonly expires_at?: boolean
  }
  interface TypeExpectation extends Expectation {
    readonly row?: Readonly<Record<string, string | null>>
    readonly rows?: readonly (readonly [number, string])[]
    readonly rows_any_order?: readonly string[]
    readonly expires_at?: null
  }

  function planOf(
    { redis_type: type, into, expires_at: expires }: TypeMapping,
    names: readonly string[],
  ): string {
    const each = into === 'rows(pos)' ? 'item' : into === 'rows' ? 'member' : undefined
    const columns = each ? ['v'] : type === 'hash' ? names : ['v']
    const expression = (name: string): string => (type === 'hash' && !each ? name : '$value')
    return `mappings:
  - match: t:{id}
    type: ${type}
    ${each ? `each: ${each}` : ''}
    into: t
    fields:
      id: $id
      ${each === 'item' ? 'position: $index' : ''}
      ${expires ? 'expires: $expires_at' : ''}
      ${columns.map((name) => `${name}: ${expression(name)}`).join('\n      ')}
    unmapped: { drop: all, because: not what is tested }
tables:
  t:
    columns: { id: text, position: integer, expires: timestamptz, ${columns.map((name) => `${name}: text`).join(', ')} }
    primary_key: [id${each === 'item' ? ', position' : each === 'member' ? ', v' : ''}]
`
  }

  /** What Redis would hold after these commands: as much of Redis as the corpus uses. */
  function heldAfter(
    setup: readonly (readonly string[])[],
  ): { readonly value: EntryValue; readonly ttl: number | null } | undefined {
    const fields = new Map<string, Buffer>()
    let value: EntryValue | undefined
    let ttl: number | null = null
    for (const [command, , ...encoded] of setup) {
      const args = encoded.map(fromBase64)
      if (command === 'HSET')
        for (let at = 0; at < args.length; at += 2) fields.set(String(args[at]), args[at + 1] as Buffer)
      if (command === 'HDEL') for (const name of args) fields.delete(String(name))
      if (command === 'SET') {
        value = { type: 'string', bytes: args[0] as Buffer }
        ttl = args[1] ? Number(args[2]) : null
      }
      if (command === 'SETBIT') {
        const bytes = Buffer.alloc(13)
        bytes[0] = 1
        bytes[12] = 8
        value = { type: 'string', bytes }
      }
      if (command === 'RPUSH') value = { type: 'list', items: args }
      if (command === 'SADD') value = { type: 'set', members: args }
      if (command === 'ZADD')
        value = { type: 'zset', members: [args[1] as Buffer], scores: [Number(args[0])] }
    }
    if (fields.size > 0)
      value = { type: 'hash', pairs: [...fields].flatMap(([name, it]) => [Buffer.from(name), it]) }
    return value && { value, ttl }
  }

  const entry = ({ value, ttl }: { readonly value: EntryValue; readonly ttl: number | null }) => {
    const options = { expiresAt: ttl === null ? null : Date.parse('2026-01-01T00:00:00Z') + ttl * 1000 }
    if (value.type === 'string') return string('t:1', value.bytes, options)
    if (value.type === 'hash') return hash('t:1', value.pairs, options)
    if (value.type === 'list') return list('t:1', value.items, options)
    if (value.type === 'set') return set('t:1', value.members, options)
    if (value.type === 'zset')
      return zset(
        't:1',
        value.members.map((it, at) => [it, value.scores[at]!]),
        options,
      )
    throw new Error(value.type)
  }

  test.each(read<Case<TypeMapping, TypeExpectation>>('types.jsonl').map((it) => [it.id, it] as const))(
    '%s',
    async (_, it) => {
      const held = heldAfter(it.source.setup)
      const { action, reason, row, rows, rows_any_order: anyOrder } = it.expect
      if (action === 'no_row') {
        expect(held).toBeUndefined()
        return
      }
      const names = row
        ? Object.keys(row)
        : typeof it.mapping.fields === 'object'
          ? Object.keys(it.mapping.fields)
          : []
      const compiled: Compiled = await compilePlans(planOf(it.mapping, names))
      const outcome = compiled.forward(entry(held as NonNullable<typeof held>))
      if (action === 'quarantine') {
        const reasons = [reason ?? []].flat().map((name) => REASONS[name] ?? name)
        expect(reasons).toContain(outcome.rejects[0]?.code)
        expect(outcome.rows).toEqual([])
        return
      }
      expect(outcome.rejects).toEqual([])
      if (rows) expect(outcome.rows.map(({ cells }) => [cells.position, cells.v])).toEqual(rows)
      else if (anyOrder) expect(outcome.rows.map(({ cells }) => cells.v).sort()).toEqual([...anyOrder].sort())
      else expect(outcome.rows[0]?.cells).toMatchObject(row ?? { expires: null })
    },
  )
})
