import { describe, expect, test } from 'vitest'
import { compareRanks, rankOf } from '../../src/mapping/rank.ts'
import { compareRecords, decide, type Member, settle } from '../../src/mapping/resolve.ts'
import type { Conflict } from '../../src/plan/plan.ts'
import type { ColumnType } from '../../src/plan/table.ts'
import { encodeTuple, tupleFields } from '../../src/target/codec.ts'
import { builtInType } from '../../src/target/column-types.ts'
import type { Cell } from '../../src/value.ts'
import { ordersOf } from '../loading/shuffle.ts'

const INTEGER: ColumnType = { base: 'integer', array: false, sql: 'integer' }
const wire = (type: ColumnType, cell: Cell): Buffer | null =>
  tupleFields(
    encodeTuple(
      [{ ...builtInType({ ...type, base: type.base === 'enum' ? 'text' : type.base }), type }],
      [cell],
    ),
  )[0]!

const policies: Record<string, Conflict> = {
  error: { policy: 'error' },
  keep: { policy: 'keep' },
  update: { policy: 'update' },
  newest: { policy: 'newest', column: 'at' },
  least: { policy: 'least', column: 'at' },
}
const compare = rankOf([{ name: 'at', type: INTEGER }])

/** `1:keep key text at`: a record of the first mapping; without `at` its mapping does not fill that column, `-` is NULL. */
function member(line: string): Member {
  const [where, key, text, at] = line.split(' ')
  const [writer, policy] = where!.split(':')
  const cells = new Map<string, Buffer | null>([['text', Buffer.from(text!)]])
  if (at !== undefined) cells.set('at', at === '-' ? null : wire(INTEGER, Number(at)))
  return { writer: Number(writer), policy: policies[policy!]!, key: Buffer.from(key!), part: '', cells }
}

describe('settle', () => {
  test.each([
    ['one record has its row', ['1:error a x 1'], 'a'],
    ['equal records are one, that of the first key', ['1:error b x 1', '1:error a x 1'], 'a'],
    ['different ones are not', ['1:error a x 1', '1:error b y 1'], 'contested'],
    ['nor are three of which two agree', ['1:error a x 1', '1:error b x 1', '1:error c y 1'], 'contested'],
    ['keep chooses between mappings', ['1:keep a x', '2:keep b y'], 'a'],
    ['update does too', ['1:update a x', '2:update b y'], 'b'],
    ['but not within one', ['1:keep a x', '1:keep b y'], 'contested'],
    [
      'a row that the first fight over is not the next one’s',
      ['1:keep a x', '1:keep b y', '2:keep c z'],
      'contested',
    ],
    ['but the last takes it whoever fights over it', ['1:update a x', '1:update b y', '2:update c z'], 'c'],
    ['and cannot if it fights with itself', ['1:update a x', '2:update b y', '2:update c z'], 'contested'],
    ['the newest wins', ['1:newest a x 1', '1:newest b y 3', '1:newest c z 2'], 'b'],
    ['over any number that tie behind it', ['1:newest a x 2', '1:newest b y 3', '1:newest c z 2'], 'b'],
    [
      'but not over one that ties with it',
      ['1:newest a x 3', '1:newest b y 3', '1:newest c z 2'],
      'contested',
    ],
    ['unless they agree', ['1:newest b x 3', '1:newest a x 3', '1:newest c z 2'], 'a'],
    ['the least wins', ['1:least a x 4', '1:least b y -3'], 'b'],
    ['NULL is never the newest', ['1:newest a x -', '1:newest b y -2'], 'b'],
    ['nor the least', ['1:least a x -', '1:least b y 2'], 'b'],
    ['and ties with NULL', ['1:least a x -', '1:least b y -'], 'contested'],
    ['who says more has the row', ['1:error a x', '2:error b x 1'], 'b'],
    ['who says the same and more has it whoever comes first', ['1:error b x 1', '2:error a x'], 'b'],
    ['each mapping has its say in order', ['1:error a x 5', '2:newest b y 7', '3:keep c z'], 'b'],
    ['with its own policy', ['1:error a x 5', '2:newest b y 3', '3:update c z'], 'c'],
    ['a column that a mapping does not fill is as NULL', ['1:error a x', '2:newest b y 1'], 'b'],
  ])('%s', (_, lines, expected) => {
    for (const order of ordersOf(lines.map(member), 6)) {
      const verdict = settle(order, compare)
      expect(verdict === 'contested' ? verdict : verdict.key.toString()).toBe(expected)
    }
  })

  test('says the same of every two records as decide does, where that says anything', () => {
    const lines = [1, 2].flatMap((writer) =>
      ['x 1', 'x 2', 'y 2', 'y -', 'x'].map((cells) => [writer, cells] as const),
    )
    for (const policy of Object.keys(policies)) {
      for (const [ownerPlace, ownerCells] of lines) {
        for (const [place, cells] of lines) {
          const owner = member(`${ownerPlace}:${policy} a ${ownerCells}`)
          const record = member(`${place}:${policy} b ${cells}`)
          // The row that is there has every column of the new record.
          const there = new Map([...owner.cells, ...(owner.cells.has('at') ? [] : [['at', null] as const])])
          const decision = decide(record, owner, there, compare)
          if (decision === 'open') continue
          const verdict = settle([owner, record], compare)
          const expected = decision === 'takes over' ? record : owner
          if (verdict !== 'contested' && sameCells(verdict, expected)) continue
          expect(`${ownerPlace}:${policy} ${ownerCells}, ${place} ${cells}: ${decision}`).toBe('as settled')
        }
      }
    }
  })
})

const sameCells = (a: Member, b: Member) =>
  [...a.cells].every(
    ([name, cell]) =>
      (b.cells.get(name) ?? null) === cell || b.cells.get(name)?.equals(cell ?? Buffer.alloc(0)),
  )

test('records are in file order, then in the order of the bytes of their keys, then of their parts', () => {
  const ids = [
    { writer: 0, key: Buffer.from('b'), part: '' },
    { writer: 1, key: Buffer.from([0x61]), part: 'index:1' },
    { writer: 1, key: Buffer.from([0x61]), part: 'index:2' },
    { writer: 1, key: Buffer.from([0x61, 0]), part: '' },
    { writer: 1, key: Buffer.from([0xff]), part: '' },
  ]
  for (const order of ordersOf(ids, 5)) expect(order.sort(compareRecords)).toEqual(ids)
})

describe('values have an order', () => {
  const enumOf = (...labels: string[]): ColumnType => ({ base: 'enum', array: false, sql: 'mood', labels })
  const typeOf = (base: ColumnType['base'], more: Partial<ColumnType> = {}): ColumnType => ({
    base,
    array: false,
    sql: base,
    ...more,
  })
  test.each<[ColumnType, Cell[]]>([
    [typeOf('smallint'), [-32768, -1, 0, 1, 256, 32767]],
    [INTEGER, [-2147483648, -1, 0, 1, 65536, 2147483647]],
    [typeOf('bigint'), [-9007199254740993n, -1n, 0n, 1n, 9007199254740993n]],
    [
      typeOf('numeric'),
      [
        '-12345.6789',
        '-12345',
        '-1.5',
        '-0.0001',
        '0',
        '0.00009',
        '0.0001',
        '1',
        '9',
        '10',
        '9999.9999',
        '10000',
        '123456789012345678901234567890',
      ],
    ],
    [typeOf('real'), [-1.5, 0, 0.25, 3]],
    [typeOf('double precision'), [-1e300, -1.5, 0, 5e-324, 1e300]],
    [typeOf('timestamptz'), [-62135596800000000n, 0n, 946684800000000n, 1767830400000000n]],
    [typeOf('date'), [-719162, 0, 10957, 20000]],
    [typeOf('boolean'), [false, true]],
    [typeOf('text'), ['', 'A', 'B', 'a', 'aa', 'ä', '\uffff', '😀']],
    [typeOf('uuid'), ['00000000-0000-0000-0000-000000000001', 'f0000000-0000-0000-0000-000000000000']],
    [typeOf('bytea'), [Buffer.from([]), Buffer.from([1]), Buffer.from([1, 0]), Buffer.from([255])]],
    [enumOf('sad', 'ok', 'glad'), ['sad', 'ok', 'glad']],
  ])('of $base', (type, cells) => {
    const all = [null, ...cells].map((it) => wire(type, it))
    for (const [place, a] of all.entries()) {
      for (const [other, b] of all.entries())
        expect(Math.sign(compareRanks(type, a, b)!) + 0).toBe(Math.sign(place - other))
    }
  })

  test('but for those that kvmig knows nothing about, lists and documents', () => {
    for (const type of [
      typeOf('other'),
      typeOf('jsonb'),
      typeOf('json'),
      typeOf('vector'),
      { ...INTEGER, array: true },
    ]) {
      expect(compareRanks(type, Buffer.from('1'), Buffer.from('2'))).toBeUndefined()
      expect(compareRanks(type, null, null)).toBeUndefined()
    }
  })
})
