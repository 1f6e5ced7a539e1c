import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CompiledMapping } from '../../src/mapping/mapping.ts'
import { compilePrefixes } from '../../src/mapping/prefixes.ts'
import { compilePlans, hash, set, string } from './compiled.ts'

const TABLES =
  'tables: { t: { columns: { id: text, v: text }, primary_key: [id] }, u: { columns: { id: text, v: text }, primary_key: [id] } }\n'

const rules = (...lines: readonly string[]): string =>
  `mappings:\n${lines.map((it) => `  - ${it}\n`).join('')}${TABLES}`

const USER = '{ match: "user:{id}", type: hash, into: t, fields: { id: $id, v: name } }'

describe('the router', () => {
  test('gives a key to the first rule that fits it, and a key that fits none to nobody', async () => {
    const { forward } = await compilePlans(
      rules(
        '{ match: "user:email:{_:rest}", index: mirrors users }',
        USER,
        '{ match: "user:{_:rest}", ignore: nothing in it }',
      ),
    )
    expect(forward(string('user:email:a@b', 'x')).claimed).toBe('index')
    expect(forward(hash('user:1', { name: 'Ann' })).rows).toMatchObject([{ cells: { id: '1', v: 'Ann' } }])
    expect(forward(hash('user:1:x', { name: 'Ann' })).claimed).toBe('ignored')
    expect(forward(hash('users:1', { name: 'Ann' })).claimed).toBe('uncovered')
    expect(forward(hash('', { name: 'Ann' })).claimed).toBe('uncovered')
  })

  test('asks what the project lets be after all plans', async () => {
    const compiled = await compilePlans(rules(USER))
    const skip = {
      kind: 'skip',
      fate: 'ephemeral',
      because: 'they come and go',
      at: { file: '', line: 1, column: 1 },
    } as const
    const { parseKeyPattern } = await import('../../src/plan/key-pattern.ts')
    const { createRouter } = await import('../../src/mapping/router.ts')
    const match = parseKeyPattern('{_:rest}', skip.at).pattern!
    const project = { ...compiled.project, skips: [{ ...skip, match }] }
    const router = createRouter('kv', project, (plan, name) => compiled.mapping(name, plan))
    expect(router.route(Buffer.from('user:1'), 'hash')).toMatchObject([{ kind: 'mappings' }])
    expect(router.route(Buffer.from('other'), 'hash')).toMatchObject([
      { kind: 'skip', skip: { fate: 'ephemeral' } },
    ])
    expect(router.route(Buffer.from('other'), 'hash')[0]).not.toHaveProperty('plan')
  })

  test('passes a key on where `where` says no, until a rule takes it', async () => {
    const { forward } = await compilePlans(
      rules(
        '{ match: "m:{id}", type: string, decode: json, where: r.kind == "a", into: t, fields: { id: $id, v: v }, unmapped: { drop: [kind], because: it chose the table } }',
        '{ match: "m:{id:rest}", type: string, decode: json, where: r.kind == "b", into: u, fields: { id: $id, v: v }, unmapped: { drop: [kind], because: it chose the table } }',
        '{ match: "m:{_}", ignore: of another kind }',
      ),
    )
    expect(forward(string('m:1', '{"kind":"a","v":"x"}')).rows).toMatchObject([{ into: 't' }])
    expect(forward(string('m:1', '{"kind":"b","v":"x"}')).rows).toMatchObject([{ into: 'u' }])
    expect(forward(string('m:1', '{"kind":"c","v":"x"}'))).toMatchObject({
      claimed: 'ignored',
      rows: [],
      filtered: [],
    })
  })

  test('rejects what `where` says no to only where the mapping says so, and no later rule takes it', async () => {
    const strict =
      '{ match: "{id:rest}", type: hash, where: "has(r.v)", otherwise: reject, into: t, fields: { id: $id, v: v } }'
    const { forward } = await compilePlans(
      rules(
        strict,
        '{ match: "old:{id}", type: hash, where: "has(r.name)", into: u, fields: { id: $id, v: name } }',
        '{ match: "cache:{_:rest}", ignore: made again }',
      ),
    )
    const code = (name: string, value: Record<string, string>) =>
      forward(hash(name, value)).rejects.map((it) => it.code)
    expect(forward(hash('a', { v: 'x' })).rows).toHaveLength(1)
    expect(code('a', { w: 'x' })).toEqual(['NOT_WANTED'])
    expect(forward(hash('old:1', { name: 'x' })).rows).toHaveLength(1)
    expect(code('old:1', { w: 'x' })).toEqual(['NOT_WANTED'])
    expect(forward(hash('cache:1', { w: 'x' })).claimed).toBe('ignored')
  })

  test('rejects records that `where` leaves out, one by one', async () => {
    const { forward } = await compilePlans(
      rules(
        '{ match: h, each: field, where: "field != \'x\'", otherwise: reject, into: t, fields: { id: $field, v: $value } }',
      ),
    )
    expect(forward(hash('h', { a: '1', x: '2' }))).toMatchObject({
      rows: [{ cells: { id: 'a' } }],
      rejects: [{ code: 'NOT_WANTED' }],
    })
  })

  test('claims a key for the whole group if one of its mappings takes it', async () => {
    const { forward } = await compilePlans(
      rules(
        '{ match: "m:{id}", type: string, decode: json, where: has(r.a), into: t, fields: { id: $id, v: a } }',
        '{ match: "m:{id}", type: string, decode: json, where: has(r.b), into: u, fields: { id: $id, v: b } }',
        '{ match: "m:{_}", ignore: neither }',
      ),
    )
    expect(forward(string('m:1', '{"a":"x","b":"y"}')).rows.map((it) => it.into)).toEqual(['t', 'u'])
    expect(forward(string('m:1', '{"b":"y"}')).rows.map((it) => it.into)).toEqual(['u'])
    expect(forward(string('m:1', '{"c":"y"}')).claimed).toBe('ignored')
  })

  test('quarantines a key of the wrong type, unless another rule has it', async () => {
    const plan = rules(USER, '{ match: "user:{id}", type: string, into: u, fields: { id: $id, v: $value } }')
    const { forward } = await compilePlans(plan)
    expect(forward(string('user:1', 'x')).rows).toMatchObject([{ into: 'u' }])
    const outcome = forward(set('user:1', ['x']))
    expect(outcome).toMatchObject({ claimed: 'p0', rejects: [{ code: 'KEY_TYPE_MISMATCH', part: '' }] })
    expect(outcome.rejects[0]?.message).toBe('Expected a hash, found a set.')
    const unknown = {
      key: Buffer.from('user:1'),
      type: 'unknown:TSDB-TYPE',
      expiresAt: null,
      offset: 0,
      more: false,
    } as const
    expect(forward(unknown).rejects).toMatchObject([{ code: 'KEY_TYPE_MISMATCH' }])
  })

  test('quarantines a key whose capture is of another type, unless another rule has it', async () => {
    const { forward } = await compilePlans(
      rules(
        '{ match: "m:{id:int}", type: string, into: t, fields: { id: $id | text, v: $value } }',
        '{ match: "m:{_:/[a-f]+/}", index: by letter }',
      ),
    )
    expect(forward(string('m:7', 'x')).rows).toMatchObject([{ cells: { id: '7' } }])
    expect(forward(string('m:abc', 'x')).claimed).toBe('index')
    expect(forward(string('m:xyz', 'x'))).toMatchObject({
      claimed: 'p0',
      rejects: [{ code: 'CAPTURE_TYPE', part: '' }],
    })
    expect(forward(string(Buffer.from([0x6d, 0x3a, 0xff]), 'x')).rejects).toMatchObject([
      { code: 'INVALID_UTF8_KEY' },
    ])
  })

  test('takes any type where a mapping looks at the key only', async () => {
    const { forward, mapping } = await compilePlans(
      rules('{ match: "seen:{id}", into: t, fields: { id: $id } }'),
    )
    expect(mapping('t').types).toHaveLength(6)
    expect(forward(set('seen:1', ['x'])).rows).toMatchObject([{ cells: { id: '1' } }])
  })

  test.each([
    ['type: string, fields: { id: $id, v: $value }', ['string']],
    ['fields: { id: $id, v: $value | text }', ['string']],
    ['fields: { id: $id, v: name }', ['hash']],
    ['decode: json, fields: { id: $id, v: name }', ['string']],
    ['each: field, fields: { id: $field, v: $value }', ['hash']],
    ['each: item, fields: { id: $item, v: $item }', ['list']],
    ['each: member, fields: { id: $member, v: $member }', ['set', 'zset']],
    ['each: message, fields: { id: $message, v: name }', ['stream']],
  ])('knows from %s which types it reads', async (text, types) => {
    const { mapping } = await compilePlans(
      `mappings:\n  - match: "k:{id}"\n    into: t\n    ${text.replace(/, fields/, '\n    fields')}\n${TABLES}`,
    )
    expect(mapping('t').types).toEqual(types)
  })

  test('reads no value of a key that is only almost a mapping’s', async () => {
    const { router } = await compilePlans(
      rules(
        '{ match: "m:{id:int}", type: string, into: t, fields: { id: $id | text } }',
        '{ match: "m:{_}", index: of all kinds }',
      ),
    )
    expect(router.mayClaim(Buffer.from('m:wait'))).toBe('key')
  })

  test('tells cheaply what a scan has to read of a key', async () => {
    const compiled = await compilePlans(
      rules(
        USER,
        '{ match: "user:email:{_}", index: mirrors users }',
        '{ match: "n:{id:int}", type: string, into: u, fields: { id: $id | text } }',
      ),
      'mappings:\n  - { match: "other:{id}", type: string, into: w, fields: { id: $id } }\ntables: { w: { columns: { id: text }, primary_key: [id] } }\n',
    )
    const may = (key: string, wanted?: ReadonlySet<CompiledMapping>) =>
      compiled.router.mayClaim(Buffer.from(key), wanted)
    expect(['user:1', 'other:1', 'n:5'].map((it) => may(it))).toEqual(['entry', 'entry', 'entry'])
    expect(['user:email:1', 'n:x'].map((it) => may(it))).toEqual(['key', 'entry'])
    expect(['user:1:2', 'x', ''].map((it) => may(it))).toEqual(['nothing', 'nothing', 'nothing'])
    const wanted = new Set([compiled.mapping('t')])
    expect(['user:1', 'other:1', 'n:x', 'x'].map((it) => may(it, wanted))).toEqual([
      'entry',
      'key',
      'key',
      'nothing',
    ])
  })
})

describe('the tree of prefixes', () => {
  test('finds what a look at every prefix finds, in order', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ':'), maxLength: 6 })
    fc.assert(
      fc.property(fc.array(text, { maxLength: 30 }), fc.array(text, { maxLength: 20 }), (prefixes, keys) => {
        const things = prefixes.map((prefix, id) => ({ prefix, id }))
        const find = compilePrefixes(things)
        for (const key of keys) expect(find(key)).toEqual(things.filter((it) => key.startsWith(it.prefix)))
      }),
      { numRuns: 2000 },
    )
  })
})
