import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CompiledMapping } from '../../src/mapping/mapping.ts'
import type { Entry } from '../../src/sources/source.ts'
import type { Row } from '../../src/value.ts'
import { compilePlans, hash, json, list, set, stream, string, zset } from './compiled.ts'

const mappingOf = async (
  rule: string,
  columns: string,
  match = 'k:{id}',
  key = 'id',
): Promise<CompiledMapping> => {
  const { mapping } = await compilePlans(`mappings:
  - match: ${JSON.stringify(match)}
    into: t
    ${rule.replaceAll('\n', '\n    ')}
tables:
  t: { columns: { ${columns} }, primary_key: [${key}] }
`)
  return mapping('t')
}

function rowsOf(mapping: CompiledMapping, entry: Entry): Row[] {
  const rows: Row[] = []
  mapping.forward(entry, {
    row: (row) => rows.push(row),
    reject: ({ code, column, message }) => {
      throw new Error(`${code} ${column}: ${message}`)
    },
    filtered: () => {},
    unmapped: () => {},
  })
  return rows
}

const RECORD = `fields:
  id: $id
  name: name
  age: age
  ok: ok
  at: at | epoch_ms
  day: day | date
  tags: tags | default([])
  state: 'state | map({ A: active, X: deleted })'
  cents: cents | scale(2)
  street: address.street
  data: rest()
  expires: $expires_at`
const COLUMNS =
  "id: text, name: text, age: bigint, ok: boolean, at: timestamptz, day: date, tags: 'text[]', state: text, cents: 'numeric(12,2)', street: text, data: jsonb, expires: timestamptz"

describe('what stands in the key and in the record', () => {
  const same = (expression: string, type = 'text', match = 'k:{id}') =>
    mappingOf(
      `type: string\ndecode: json\nfields: { id: "${expression}", v: v }`,
      `id: ${type}, v: text`,
      match,
    )

  test.each<readonly [string, string | undefined, string | undefined, string, unknown]>([
    ['same($id, id)', undefined, undefined, 'k:a', { id: 'a', v: 'x' }],
    ['same(id, $id)', undefined, undefined, 'k:a', { id: 'a', v: 'x' }],
    ['same($id | int, id)', 'bigint', undefined, 'k:7', { id: 7, v: 'x' }],
    ['same($id | int, id | int)', 'bigint', undefined, 'k:7', { id: 7, v: 'x' }],
    ['same($id, id, meta.id)', undefined, undefined, 'k:a', { id: 'a', v: 'x', meta: { id: 'a' } }],
    ['same($day, day | date)', 'date', 'k:{day:date}', 'k:2026-01-31', { day: '2026-01-31', v: 'x' }],
    ['same($ok, ok)', undefined, 'k:{ok:rest}', 'k:a:b', { ok: 'a:b', v: 'x' }],
  ])(
    '%s is one column, and comes back in each of its places',
    async (expression, type, match, key, value) => {
      const mapping = await same(expression, type, match)
      expect(mapping.oneWay).toEqual([])
      expect(mapping.injective).toBe(true)
      const entry = json(key, value)
      const rows = rowsOf(mapping, entry)
      const back = mapping.inverse!(rows)
      expect(String(back.key)).toBe(key)
      expect(back.value?.type === 'string' && JSON.parse(String(back.value.bytes))).toEqual(value)
      expect(mapping.sourceOf!(rows[0]!.slice(0, 1)).key).toEqual(entry.key)
    },
  )

  test.each([
    ['something else', { id: 'b', v: 'x' }, 'NOT_THE_SAME'],
    ['nothing', { v: 'x' }, 'NOT_THE_SAME'],
    ['null', { id: null, v: 'x' }, 'NOT_THE_SAME'],
    ['another kind', { id: 1, v: 'x' }, 'TYPE_MISMATCH'],
    ['a list', { id: ['a'], v: 'x' }, 'TYPE_MISMATCH'],
  ])('a record that has %s there is rejected', async (_, value, code) => {
    const mapping = await same('same($id, id)')
    expect(() => rowsOf(mapping, json('k:a', value))).toThrow(code)
  })

  test('what stands behind it has no way back', async () => {
    const { oneWay } = await same('same($id, id) | int', 'bigint')
    expect(oneWay[0]).toEqual({ column: 'id', why: 'int stands behind same() and not inside' })
  })

  test('a name that its column holds in another form has no way back', async () => {
    const uuid = await mappingOf(
      'fields: { id: $id, v: $value }\ntype: string',
      'id: uuid, v: text',
      'k:{id:uuid}',
    )
    expect(uuid.oneWay).toEqual([
      { column: '*', why: 'the key cannot be made again: id does not keep how {id} was written' },
    ])
    const time = await mappingOf(
      'each: field\nfields: { id: $field | iso, v: $value }',
      'id: timestamptz, v: text',
      'h',
    )
    expect(time.oneWay).toEqual([{ column: '*', why: 'no column keeps the name of the field' }])
  })
})

test('a column that is merged of several records has no way back, whichever mapping says so', async () => {
  const compiled = await compilePlans(`mappings:
  - { match: 'old:{id}', type: string, into: t, conflict: keep, merge: { n: sum }, fields: { id: $id, n: $value | int } }
  - { match: 'new:{id}', type: string, into: t, conflict: keep, fields: { id: $id, n: $value | int } }
tables:
  t: { columns: { id: text, n: bigint }, primary_key: [id] }
`)
  for (const name of ['t', 't.2'])
    expect(compiled.mapping(name).oneWay).toEqual([{ column: 'n', why: 'made of several records (sum)' }])
})

describe('the way back', () => {
  test('writes a document from its columns, NULL left out', async () => {
    const mapping = await mappingOf(`decode: json\n${RECORD}`, COLUMNS)
    expect(mapping.oneWay).toEqual([])
    const entry = json(
      'k:a/é',
      {
        name: 'Ann',
        age: 12,
        ok: false,
        at: 1767866400123,
        day: '2026-01-08',
        tags: ['x', 'y'],
        state: 'X',
        cents: 1250,
        address: { street: 'S' },
        more: { a: [1] },
      },
      { expiresAt: 1767866400123 },
    )
    const rows = rowsOf(mapping, entry)
    const back = mapping.inverse?.(rows)
    expect(back).toMatchObject({ key: entry.key, type: 'string', expiresAt: 1767866400123 })
    const parsed = (value: Entry['value']): unknown =>
      value?.type === 'string' && JSON.parse(String(value.bytes))
    expect(parsed(back?.value)).toEqual(parsed(entry.value))
    const small = mapping.inverse?.(rowsOf(mapping, json('k:1', { name: null })))
    expect(small?.value).toEqual({ type: 'string', bytes: Buffer.from('{"tags":[]}') })
  })

  test('gives rows that are the same again, whatever the document', async () => {
    const mapping = await mappingOf(`decode: json\n${RECORD}`, COLUMNS)
    const optional = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined })
    const text = fc.string({ unit: 'grapheme' }).filter((it) => !it.includes('\0'))
    const document = fc.record(
      {
        name: optional(text),
        age: optional(fc.maxSafeInteger()),
        ok: optional(fc.boolean()),
        at: optional(fc.integer({ min: 946_684_800_000, max: 4_133_980_799_999 })),
        day: optional(
          fc
            .date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true })
            .map((it) => it.toISOString().slice(0, 10)),
        ),
        tags: optional(fc.array(text)),
        state: optional(fc.constantFrom('A', 'X')),
        cents: optional(fc.integer()),
        address: optional(fc.record({ street: text })),
        more: optional(fc.array(fc.oneof(text, fc.integer(), fc.boolean()))),
        __proto__x: optional(text),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(
        document,
        text.filter((it) => it !== '' && !it.includes(':')),
        optional(fc.nat()),
        (value, id, expiresAt) => {
          const rows = rowsOf(mapping, json(`k:${id}`, value, { expiresAt: expiresAt ?? null }))
          const back = mapping.inverse?.(rows) as Entry
          expect(rowsOf(mapping, { ...back, offset: 0, more: false })).toEqual(rows)
          // And in canonical form nothing changes any more.
          expect(mapping.inverse?.(rows)).toEqual(back)
        },
      ),
    )
  })

  test('writes each type of entry', async () => {
    const cases: readonly (readonly [mapping: CompiledMapping, entry: Entry])[] = [
      [
        await mappingOf('type: string\nfields: { id: $id, v: $value | int }', 'id: text, v: bigint'),
        string('k:1', '9007199254740993'),
      ],
      [
        await mappingOf(
          `type: hash\nfields: { id: $id, n: n | int, b: "b | bool(1, 0)", z: z | null_if('null') }`,
          'id: text, n: integer, b: boolean, z: text',
        ),
        hash('k:1', { n: '5', b: '1', z: 'null' }),
      ],
      [
        await mappingOf('each: field\ndecode: json\nfields: { id: $field, v: v }', 'id: text, v: text', 'h'),
        hash('h', { b: '{"v":"x"}', a: '{"v":"y"}' }),
      ],
      [
        await mappingOf(
          'each: item\nfields: { id: $id, n: $index, v: $item }',
          'id: text, n: integer, v: text',
          'k:{id}',
          'id, n',
        ),
        list('k:1', ['b', 'a', '']),
      ],
      [
        await mappingOf(
          'type: set\neach: member\nfields: { id: $id, v: $member }',
          'id: text, v: text',
          'k:{id}',
          'id, v',
        ),
        set('k:1', ['a', 'b']),
      ],
      [
        await mappingOf('type: set\nfields: { id: $id, v: $value }', "id: text, v: 'text[]'"),
        set('k:1', ['a', 'b']),
      ],
      [
        await mappingOf(
          'type: zset\neach: member\nfields: { id: $member, v: $score }',
          'id: text, v: double precision',
          'z',
        ),
        zset('z', [
          ['a', 1.5],
          ['b', -3],
        ]),
      ],
      [
        await mappingOf('each: message\nfields: { id: $message, v: v }', 'id: text, v: text', 's'),
        stream('s', [
          ['1-0', { v: 'x' }],
          ['1-1', { v: 'y' }],
        ]),
      ],
      [
        await mappingOf(
          'decode: bytes\nfields: { id: $id, n: $n, d: $d, v: $value }',
          'id: text, n: bigint, d: date, v: bytea',
          'k:{id}:{n:int}/{d:date}',
        ),
        string('k:é:5/2026-01-08', Buffer.from([0, 255])),
      ],
      [
        await mappingOf('type: string\nfields: { id: $key, v: $value }', 'id: text, v: text', 'k:{_:rest}'),
        string('k:a:b', 'x'),
      ],
    ]
    for (const [mapping, entry] of cases) {
      expect(mapping.oneWay).toEqual([])
      const { key, type, value, expiresAt } = entry
      expect(mapping.inverse?.(rowsOf(mapping, entry))).toEqual({ key, type, value, expiresAt })
    }
  })

  test('puts the items of a list into their order', async () => {
    const mapping = await mappingOf(
      'each: item\nfields: { id: $id, n: $index, v: $item }',
      'id: text, n: integer, v: text',
      'k:{id}',
      'id, n',
    )
    const rows = rowsOf(mapping, list('k:1', ['a', 'b', 'c']))
    expect(mapping.inverse?.([...rows].reverse()).value).toEqual(list('k:1', ['a', 'b', 'c']).value)
  })
})

describe('what the way back loses', () => {
  test.each<
    [
      what: string,
      rule: string,
      columns: string,
      oneWay: readonly { column: string; why: RegExp | string }[],
      match?: string,
    ]
  >([
    [
      'a one-way transform',
      'decode: json\nfields: { id: $id, v: v | lower }',
      'id: text, v: text',
      [{ column: 'v', why: 'lower: the case of letters is forgotten' }],
    ],
    [
      'arguments without a way back',
      "decode: json\nfields: { id: $id, v: \"v | null_if(['a', 'b'])\" }",
      'id: text, v: text',
      [{ column: 'v', why: /null_if: with these arguments/ }],
    ],
    [
      'a choice between fields',
      'decode: json\nfields: { id: $id, v: a ?? b }',
      'id: text, v: text',
      [{ column: 'v', why: /which of its sources/ }],
    ],
    [
      'one place of a list',
      'decode: json\nfields: { id: $id, v: "a[0]" }',
      'id: text, v: text',
      [{ column: 'v', why: /other places/ }],
    ],
    [
      'nothing, where the source form is kept too',
      'decode: json\nfields: { id: $id, v: v | lower, raw: v }',
      'id: text, v: text, raw: text',
      [],
    ],
    [
      'nothing, where a constant stands behind',
      'decode: json\nfields: { id: $id, v: v ?? const(x) }',
      'id: text, v: text',
      [],
    ],
    [
      'the value',
      'type: string\nfields: { id: $id }',
      'id: text',
      [{ column: '*', why: 'no column keeps the value' }],
    ],
    [
      'the key',
      'decode: json\nfields: { id: id, v: v }',
      'id: text, v: text',
      [{ column: '*', why: /no column keeps \{id\}/ }],
    ],
    [
      'an unnamed part of the key',
      'decode: json\nfields: { id: v }',
      'id: text',
      [{ column: '*', why: /unnamed part/ }],
      'k:{_}',
    ],
    [
      'the name of a field',
      'each: field\nfields: { id: $value }',
      'id: text',
      [{ column: '*', why: /name of the field/ }],
      'h',
    ],
    [
      'the order of items',
      'each: item\nfields: { id: $item }',
      'id: text',
      [{ column: '*', why: /order of the items/ }],
      'l',
    ],
    [
      'the score',
      'type: zset\neach: member\nfields: { id: $member }',
      'id: text',
      [{ column: '*', why: /score/ }],
      'z',
    ],
    [
      'how often it was encoded',
      'decode: json until object\nfields: { id: $id, v: v }',
      'id: text, v: text',
      [{ column: '*', why: /json until object: how often/ }],
    ],
    [
      'the rest of a document',
      'decode: json\neach: items\nfields: { id: $index, v: v }',
      'id: integer, v: text',
      [{ column: '*', why: /only a part/ }],
      'd',
    ],
  ])('is %s', async (_, rule, columns, oneWay, match) => {
    const mapping = await mappingOf(rule, columns, match)
    expect(mapping.oneWay).toEqual(
      oneWay.map(({ column, why }) => ({
        column,
        why: typeof why === 'string' ? why : expect.stringMatching(why),
      })),
    )
    expect(mapping.inverse === undefined).toBe(oneWay.length > 0)
  })
})

describe('rows can be told apart by their keys, and their source named', () => {
  test.each<[injective: boolean, rule: string, columns: string, key?: string, match?: string]>([
    [true, 'type: string\nfields: { id: $id, v: $value }', 'id: text, v: text'],
    [true, 'type: string\nfields: { id: $id | int, v: $value }', 'id: bigint, v: text'],
    [true, 'type: string\nfields: { id: "$id | add_prefix(\'u\')", v: $value }', 'id: text, v: text'],
    [true, 'type: string\nfields: { id: $key, v: $value }', 'id: text, v: text', 'id', 'k:{_:rest}'],
    [true, 'decode: json\nfields: { id: id, v: v }', 'id: text, v: text', 'id', 'k'],
    [true, 'each: field\ndecode: json\nfields: { id: $field, v: v }', 'id: text, v: text', 'id', 'h'],
    [true, 'each: item\nfields: { id: $id, n: $index }', 'id: text, n: integer', 'id, n'],
    [true, 'type: set\neach: member\nfields: { id: $id, m: $member }', 'id: text, m: text', 'id, m'],
    [true, 'each: message\nfields: { id: $message, v: v }', 'id: text, v: text', 'id', 's'],
    [
      true,
      'decode: json\neach: items\nfields: { id: $id, n: $index, v: v }',
      'id: text, n: integer, v: text',
      'id, n',
    ],
    [true, "decode: json\neach: '*'\nfields: { id: $name, v: v }", 'id: text, v: text', 'id', 'd'],
    [
      true,
      'decode: json\neach: a.*.*\nfields: { id: $name, n: $index, v: $item }',
      'id: text, n: integer, v: text',
      'id, n',
      'd',
    ],
    [true, 'type: string\nfields: { id: $n, v: $value }', 'id: integer, v: text', 'id', 'k:{n:int}'],
    [true, 'type: string\nfields: { id: $d, v: $value }', 'id: date, v: text', 'id', 'k:{d:date}'],
    [false, 'type: string\nfields: { id: $id, v: $value }', 'id: uuid, v: text'],
    [false, 'type: string\nfields: { id: $id | lower, v: $value }', 'id: text, v: text'],
    [false, 'type: string\nfields: { id: "$id | default(\'x\')", v: $value }', 'id: text, v: text'],
    [false, 'type: string\nfields: { id: $value, v: $id }', 'id: text, v: text'],
    [false, 'decode: json\nfields: { id: id, v: v }', 'id: text, v: text'],
    [false, 'type: string\nfields: { id: $a, v: $value }', 'id: text, v: text', 'id', 'k:{a}:{_}'],
    [
      false,
      'type: string\nfields: { id: $a, b: $b, v: $value }',
      'id: text, b: text, v: text',
      'id',
      'k:{a}:{b}',
    ],
    [false, 'each: field\ndecode: json\nfields: { id: id, v: v }', 'id: text, v: text', 'id', 'h'],
    [false, 'each: item\nfields: { id: $item, n: $index }', 'id: text, n: integer', 'id', 'l'],
    [false, 'type: set\neach: member\ndecode: json\nfields: { id: $member | text }', 'id: text', 'id', 's'],
    [false, 'type: set\neach: member\ntext: replace\nfields: { id: $member }', 'id: text', 'id', 's'],
    [false, 'decode: json\neach: a.*.*\nfields: { id: $name, v: $item }', 'id: text, v: text', 'id, v', 'd'],
    [
      false,
      "decode: json\neach: '*.*.*'\nfields: { id: $name, n: $index, v: $item }",
      'id: text, n: integer, v: text',
      'id, n',
      'd',
    ],
  ])('%s: %s', async (injective, rule, columns, key = 'id', match = 'k:{id}') => {
    expect((await mappingOf(rule, columns, match, key)).injective).toBe(injective)
  })
})

describe('fields of a hash that expire by themselves', () => {
  const fields = { a: 'x', b: 'y' }
  const timed: Entry = {
    ...hash('h', fields),
    value: {
      ...(hash('h', fields).value as Extract<Entry['value'], { type: 'hash' }>),
      expiries: [null, 1767866400123],
    },
  }
  const told = async (rule: string, columns: string, match = 'h', key = 'id') => {
    const mapping = await mappingOf(rule, columns, match, key)
    const unmapped: string[] = []
    mapping.forward(timed, {
      row: () => {},
      reject: ({ message }) => {
        throw new Error(message)
      },
      filtered: () => {},
      unmapped: (field) => unmapped.push(field),
    })
    return unmapped
  }

  test('have their expiry in a column, and take it back', async () => {
    const mapping = await mappingOf(
      'each: field\nfields: { id: $field, v: $value, at: $field_expires_at }',
      'id: text, v: text, at: timestamptz',
      'h',
    )
    expect(rowsOf(mapping, timed)).toEqual([
      ['a', 'x', null],
      ['b', 'y', 1767866400123000n],
    ])
    expect(mapping.inverse?.(rowsOf(mapping, timed))).toEqual({
      key: timed.key,
      type: 'hash',
      value: timed.value,
      expiresAt: null,
    })
    expect(mapping.inverse?.(rowsOf(mapping, hash('h', fields)))?.value).not.toHaveProperty('expiries')
  })

  test.each([
    ['each: field\nfields: { id: $field, v: $value }', 'id: text, v: text', ['$field_expires_at']],
    [
      'each: field\nfields: { id: $field, v: $value, at: $field_expires_at }',
      'id: text, v: text, at: timestamptz',
      [],
    ],
    [
      'each: field\nfields: { id: $field, v: $value }\nunmapped: { drop: [$field_expires_at], because: all are short }',
      'id: text, v: text',
      [],
    ],
    ['type: hash\nfields: { id: $key, a: a, b: b }', 'id: text, a: text, b: text', ['$field_expires_at']],
    [
      'type: hash\nfields: { id: $key, a: a, b: b }\nunmapped: { drop: [$field_expires_at], because: all are short }',
      'id: text, a: text, b: text',
      [],
    ],
    [
      'type: hash\nfields: { id: $key, a: a }\nunmapped: { drop: all, because: a cache }',
      'id: text, a: text',
      ['$field_expires_at'],
    ],
  ])('are never dropped unseen: %s', async (rule, columns, expected) => {
    expect(await told(rule, columns)).toEqual(expected)
  })

  test('have no single expiry where the hash is one record', async () => {
    await expect(
      mappingOf('type: hash\nfields: { id: $key, at: $field_expires_at }', 'id: text, at: timestamptz', 'h'),
    ).rejects.toThrow('There is no $field_expires_at here')
  })
})

test('one mapping of a group that takes the expiry, or drops it by name, is enough', async () => {
  const plan = (first: string, more = '') => `mappings:
  - { match: "k:{id}", type: string, into: t, fields: { id: $id, ${first} } }
  - { match: "k:{id}", type: string, into: u, fields: { id: $id }${more} }
tables:
  t: { columns: { id: text, at: timestamptz, v: text }, primary_key: [id] }
  u: { columns: { id: text }, primary_key: [id] }
`
  const takes = async (text: string) => {
    const { mapping } = await compilePlans(text)
    return [mapping('t').takesExpiry, mapping('u').takesExpiry]
  }
  expect(await takes(plan('at: $expires_at'))).toEqual([true, true])
  expect(
    await takes(plan('v: $value', ', unmapped: { drop: [$expires_at], because: sessions end anyway }')),
  ).toEqual([true, true])
  expect(await takes(plan('v: $value'))).toEqual([false, false])
})
