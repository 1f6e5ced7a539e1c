import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CompiledMapping } from '../../src/mapping/mapping.ts'
import { compileTogether, type RowOf } from '../../src/mapping/together.ts'
import type { Entry } from '../../src/sources/source.ts'
import { compilePlans, hash, json } from './compiled.ts'

/** Mappings of the same entries: each is the lines below its `match`, and fills a table of its own. */
async function together(rules: readonly (readonly [rule: string, columns: string, key: string])[]) {
  const { mapping } = await compilePlans(`mappings:
${rules.map(([rule], at) => `  - match: 'k:{id}'\n    into: t${at}\n    ${rule.replaceAll('\n', '\n    ')}`).join('\n')}
tables:
${rules.map(([, columns, key], at) => `  t${at}: { columns: { ${columns} }, primary_key: [${key}] }`).join('\n')}
`)
  const mappings = rules.map((_, at) => mapping(`t${at}`))
  return { mappings, ...compileTogether(mappings) }
}

function rowsOf(mappings: readonly CompiledMapping[], entry: Entry): RowOf[] {
  const rows: RowOf[] = []
  for (const mapping of mappings)
    mapping.forward(entry, {
      row: (row) => rows.push({ mapping, row }),
      reject: ({ code, column, message }) => {
        throw new Error(`${code} ${column}: ${message}`)
      },
      filtered: () => {},
      unmapped: () => {},
    })
  return rows
}

const JSON_RULE = 'type: string\ndecode: json\n'
const USER = [
  `${JSON_RULE}fields: { id: $id, name: name, city: address.city, data: rest(), until: $expires_at }`,
  'id: text, name: text, city: text, data: jsonb, until: timestamptz',
  'id',
] as const
const STREET = [
  `${JSON_RULE}fields: { id: $id, street: address.street }`,
  'id: text, street: text',
  'id',
] as const
const TAGS = [
  `${JSON_RULE}each: 'tags[*]'\nfields: { id: $id, place: $index, tag: $item }`,
  'id: text, place: integer, tag: text',
  'id, place',
] as const
const GAMES = [
  `${JSON_RULE}each: profile.games.*\nfields: { id: $id, game: $name, score: score, won: stats.won }`,
  'id: text, game: text, score: integer, won: integer',
  'id, game',
] as const

describe('entries of several mappings', () => {
  test('come back from the rows of all of them', async () => {
    const { mappings, inverse, oneWay } = await together([USER, STREET, TAGS, GAMES])
    expect(oneWay).toEqual([])
    const value = {
      name: 'Ann',
      address: { city: 'Rome', street: 'Via' },
      profile: { games: { go: { score: 1, stats: { won: 2 } }, chess: { score: 3 } } },
      tags: ['b', 'a', 'b'],
      more: { deep: [1] },
    }
    const entry = json('k:1', value, { expiresAt: 1_893_456_000_000 })
    const back = inverse!(rowsOf(mappings, entry).reverse())
    expect(JSON.parse(String((back.value as { bytes: Buffer }).bytes))).toEqual(value)
    expect(back.expiresAt).toBe(1_893_456_000_000)
  })

  test('give the same rows again, whatever they hold', async () => {
    const { mappings, inverse } = await together([USER, STREET, TAGS, GAMES])
    const word = fc.string({ unit: fc.constantFrom(...'ab"é\\ '), maxLength: 4 })
    const record = fc.record(
      {
        name: word,
        address: fc.record({ city: word, street: word }, { requiredKeys: [] }),
        tags: fc.array(word, { maxLength: 12 }),
        profile: fc.record(
          { games: fc.dictionary(word, fc.record({ score: fc.nat() }, { requiredKeys: [] })) },
          { requiredKeys: [] },
        ),
        other: fc.jsonValue({ maxDepth: 1 }),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(record, (it) => {
        const rows = rowsOf(mappings, json('k:1', it))
        const { value, expiresAt } = inverse!(rows)
        const again = { ...json('k:1', {}), type: value!.type, value, expiresAt } as Entry
        const shown = (all: readonly RowOf[]) => all.map(({ mapping, row }) => [mapping.mapping.name, row])
        expect(shown(rowsOf(mappings, again)).map(String).sort()).toEqual(shown(rows).map(String).sort())
      }),
    )
  })

  test('have a list that is empty where nothing is in it, and nothing around it that was not there', async () => {
    const { mappings, inverse } = await together([USER, TAGS, GAMES])
    const { value } = inverse!(rowsOf(mappings, json('k:1', { name: 'Ann' })))
    expect(JSON.parse(String((value as { bytes: Buffer }).bytes))).toEqual({ name: 'Ann', tags: [] })
  })

  test('are fields of a hash, too', async () => {
    const { mappings, inverse, oneWay } = await together([
      ['type: hash\nfields: { id: $id, a: a }', 'id: text, a: text', 'id'],
      ['type: hash\nfields: { id: $id, n: n | int }', 'id: text, n: bigint', 'id'],
    ])
    expect(oneWay).toEqual([])
    const { value } = inverse!(rowsOf(mappings, hash('k:1', { a: 'x', n: '7' })))
    expect(value?.type === 'hash' && value.pairs.map(String)).toEqual(['a', 'x', 'n', '7'])
  })

  test.each<readonly [string, readonly (readonly [string, string, string])[], string]>([
    [
      'a column that changes what it takes',
      [[`${JSON_RULE}fields: { id: $id, name: name | lower }`, 'id: text, name: text', 'id'], TAGS],
      't0.name: lower: the case of letters is forgotten',
    ],
    [
      'the same where another mapping keeps it',
      [[`${JSON_RULE}fields: { id: $id, name: name | lower }`, 'id: text, name: text', 'id'], USER],
      '',
    ],
    [
      'elements of a list that another mapping keeps whole',
      [
        [`${JSON_RULE}fields: { id: $id, tags: tags }`, 'id: text, tags: jsonb', 'id'],
        [
          `${JSON_RULE}each: 'tags[*]'\nfields: { id: $id, tag: $item | lower }`,
          'id: text, tag: text',
          'id, tag',
        ],
      ],
      '',
    ],
    [
      'no mapping of the whole',
      [TAGS, GAMES],
      't0.*: several mappings read the same entries, and none has a row for each of them',
    ],
    [
      'a mapping with where',
      [
        USER,
        [`${JSON_RULE}where: r.kind == 'x'\nfields: { id: $id, kind: kind }`, 'id: text, kind: text', 'id'],
      ],
      't1.kind: where its where says no, nobody has it',
    ],
    [
      'elements without their place',
      [
        USER,
        [`${JSON_RULE}each: 'tags[*]'\nfields: { id: $id, tag: $item }`, 'id: text, tag: text', 'id, tag'],
      ],
      't1.*: no column of its key says which element it is ($index or $name)',
    ],
    [
      'elements that are left out',
      [
        USER,
        [
          `${JSON_RULE}each: 'tags[*]'\nwhere: item != 'x'\nfields: { id: $id, place: $index, tag: $item }`,
          'id: text, place: integer, tag: text',
          'id, place',
        ],
      ],
      't1.*: elements that its where leaves out are nowhere',
    ],
    [
      'elements of elements',
      [
        USER,
        [
          `${JSON_RULE}each: 'tags[*].words[*]'\nfields: { id: $id, a: $parent_index, b: $index, word: $item }`,
          'id: text, a: integer, b: integer, word: text',
          'id, a, b',
        ],
      ],
      't0.*: several mappings read the same entries, one of them deeper inside than it could be put back',
    ],
    [
      'what stands around elements and only they have',
      [
        [`${JSON_RULE}fields: { id: $id, name: name }`, 'id: text, name: text', 'id'],
        [
          `${JSON_RULE}each: 'tags[*]'\nfields: { id: $id, place: $index, tag: $item, owner: $parent.owner }`,
          'id: text, place: integer, tag: text, owner: text',
          'id, place',
        ],
      ],
      't1.owner: it is gone where there are no elements',
    ],
  ])('%s: what is lost is said', async (_, rules, expected) => {
    const { oneWay } = await together(rules)
    expect(oneWay.map((it) => `${it.table}.${it.column}: ${it.why}`).join('\n')).toBe(expected)
  })
})
