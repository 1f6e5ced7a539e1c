import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { entryToLine } from '../../src/sources/ndjson/write.ts'
import { ndjson } from '../../src/sources/ndjson.ts'
import { inParts } from '../../src/sources/part.ts'
import { describeSource } from './conformance.ts'
import { byKey, entriesOf, hash, list, set, stream, string, zset } from './entries.ts'

const folder = mkdtempSync(join(tmpdir(), 'kvmig ndjson '))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0

function file(content: string | Buffer): string {
  const name = `dump ${files++}.ndjson`
  writeFileSync(join(folder, name), content)
  return `ndjson:./${name}`
}

const open = (address: string) => ndjson.open(address, { root: folder, signal: new AbortController().signal })
const EVERYTHING = { prefix: Buffer.alloc(0), want: () => 'entry' as const }

describeSource({
  name: 'ndjson',
  adapter: ndjson,
  reached: { not: 'it is a file on this machine' },
  start: async (entries) => {
    const address = file(entries.flatMap((entry) => [...inParts(entry)].map(entryToLine)).join(''))
    return { open: (context) => ndjson.open(address, { ...context, root: folder }), stop: async () => {} }
  },
})

describe('a line', () => {
  test.each([
    [string('a', 'b'), '{"key":"a","type":"string","value":"b","expires_at":null}'],
    [
      string(Buffer.from([0xff]), Buffer.from([0]), 5),
      '{"key":{"b64":"/w=="},"type":"string","value":"\\u0000","expires_at":5}',
    ],
    [
      hash('h', ['f', 'v', '', '']),
      '{"key":"h","type":"hash","value":[["f","v"],["",""]],"expires_at":null}',
    ],
    [list('l', ['1', '01']), '{"key":"l","type":"list","value":["1","01"],"expires_at":null}'],
    [set('s', ['x']), '{"key":"s","type":"set","value":["x"],"expires_at":null}'],
    [
      zset('z', [
        ['a', 0.1],
        ['b', Infinity],
        ['c', -Infinity],
        ['d', -0],
      ]),
      '{"key":"z","type":"zset","value":[["a",0.1],["b","inf"],["c","-inf"],["d",-0]],"expires_at":null}',
    ],
    [
      stream('x', [['1-2', ['f', 'v']]]),
      '{"key":"x","type":"stream","value":[["1-2",[["f","v"]]]],"expires_at":null}',
    ],
    [
      { key: Buffer.from('m'), type: 'unknown:ReJSON-RL' as const, expiresAt: null, offset: 0, more: false },
      '{"key":"m","type":"unknown:ReJSON-RL","expires_at":null}',
    ],
    // A byte order mark and U+FFFD are text like any other.
    [string('\ufeffa', '\ufffd'), '{"key":"\ufeffa","type":"string","value":"\ufffd","expires_at":null}'],
  ])('of %j is written so, and reads back the same', async (entry, line) => {
    expect(entryToLine(entry)).toBe(`${line}\n`)
    const source = await open(file(`${line}\n`))
    expect(await entriesOf(source.scan(EVERYTHING))).toEqual([entry])
    await source.close()
  })

  test.each([
    ['{"key":"a","type":"string","value":"secret-value"', 'it is not JSON'],
    ['["secret-value"]', 'it is no JSON object'],
    ['{"key":"a","type":"string","value":"x","expire_at":1}', 'did you mean "expires_at"?'],
    ['{"key":"a","type":"text","value":"secret-value"}', '"type" is none of string, hash'],
    ['{"type":"string","value":"x"}', '"key" is neither text'],
    ['{"key":5,"type":"string","value":"x"}', '"key" is neither text'],
    ['{"key":"a","type":"string","value":5}', 'the value is neither text'],
    ['{"key":"a","type":"string","value":null}', 'the value is neither text'],
    ['{"key":"a","type":"string","value":{"b64":"secret"}}', 'the value is neither text'],
    ['{"key":"a","type":"string","value":{"b64":"AA==","x":1}}', 'the value is neither text'],
    ['{"key":"a","type":"string","value":"\\ud800"}', 'half a surrogate pair'],
    ['{"key":"a","type":"hash","value":{"f":"secret-value"}}', 'the value of a hash is an array'],
    ['{"key":"a","type":"hash","value":[["f"]]}', 'what should be a pair is none'],
    ['{"key":"a","type":"zset","value":[["a","1"]]}', 'a score is neither'],
    ['{"key":"a","type":"zset","value":[["a",null]]}', 'a score is neither'],
    ['{"key":"a","type":"stream","value":[["1",[]]]}', 'the id of a message is no id'],
    ['{"key":"a","type":"string","value":"x","expires_at":"2026"}', '"expires_at" is neither'],
    ['{"key":"a","type":"string","value":"x","expires_at":1.5}', '"expires_at" is neither'],
    ['{"key":"a","type":"list","value":[],"offset":-1}', '"offset" is no count'],
    ['{"key":"a","type":"list","value":[],"more":1}', '"more" is neither'],
    ['{"key":"a","type":"unknown:x","value":"x"}', 'a type kvmig cannot read has a value'],
    [Buffer.from([0x22, 0xff, 0x22]), 'it is not UTF-8'],
  ])('%s stops the reading with file, line and reason, and without its content', async (line, reason) => {
    const address = file(
      Buffer.concat([Buffer.from('{"key":"ok","type":"string","value":"x"}\n\n'), Buffer.from(line)]),
    )
    const source = await open(address)
    const reading = entriesOf(source.scan(EVERYTHING))
    await expect(reading).rejects.toMatchObject({
      code: 'SOURCE_FORMAT',
      message: expect.stringContaining(reason),
    })
    await expect(reading).rejects.toThrow(`${address}:3: `)
    await expect(reading).rejects.not.toThrow(/secret/)
    await source.close()
  })
})

describe('a collection in several lines', () => {
  const parts = [...inParts(list('l', ['a', 'b', 'c', 'd', 'e']), 2)].map(entryToLine)

  test('says where a part belongs and whether another follows', () => {
    expect(parts).toEqual([
      '{"key":"l","type":"list","value":["a","b"],"expires_at":null,"more":true}\n',
      '{"key":"l","type":"list","value":["c","d"],"expires_at":null,"offset":2,"more":true}\n',
      '{"key":"l","type":"list","value":["e"],"expires_at":null,"offset":4}\n',
    ])
  })

  test.each([
    ['its beginning', [1, 2], ':1: '],
    ['its middle', [0, 2], ':2: '],
    ['its end', [0, 1], 'ends within a collection'],
  ])('cannot be read without %s', async (_, kept, expected) => {
    const source = await open(file(kept.map((index) => parts[index]).join('')))
    await expect(entriesOf(source.scan(EVERYTHING))).rejects.toThrow(expected)
    await source.close()
  })
})

test('blank lines, carriage returns and a missing last line feed do no harm', async () => {
  const source = await open(
    file('\r\n{"key":"a","type":"string","value":"1"}\r\n  \n{"key":"b","type":"string","value":"2"}'),
  )
  expect([...byKey(await entriesOf(source.scan(EVERYTHING))).keys()]).toEqual(['a', 'b'])
  await source.close()
})

test('a file that is not there is named', async () => {
  await expect(open('ndjson:./nowhere.ndjson')).rejects.toMatchObject({
    code: 'SOURCE_FILE',
    message: expect.stringContaining('there is no such file'),
  })
})

test('another content at the same path is another store', async () => {
  const first = await open(file('{"key":"a","type":"string","value":"1"}\n'))
  const second = await open(file('{"key":"a","type":"string","value":"2"}\n'))
  expect(await first.identity()).not.toBe(await second.identity())
  await Promise.all([first.close(), second.close()])
})

describe('a key that stands in two lines', () => {
  const lines = (...keys: string[]) =>
    keys.map((key) => `{"key":"${key}","type":"string","value":"1"}\n`).join('')

  test('is refused with both lines', async () => {
    const source = await open(file(lines('a', 'b', 'c', 'b')))
    await expect(entriesOf(source.scan(EVERYTHING))).rejects.toMatchObject({
      code: 'SOURCE_FORMAT',
      message: expect.stringMatching(
        /dump \d+\.ndjson:4: this line is no entry: its key stands in line 2 already/,
      ),
    })
  })

  test('is refused also where nobody wants it', async () => {
    const source = await open(file(lines('a', 'b', 'c', 'b')))
    const none = { prefix: Buffer.from('x'), want: () => 'nothing' as const }
    await expect(entriesOf(source.scan(none))).rejects.toThrow('line 2 already')
  })

  test('is not the same as a collection in several lines', async () => {
    const source = await open(file([...inParts(list('l', ['1', '2', '3']))].map(entryToLine).join('')))
    expect(await entriesOf(source.scan(EVERYTHING))).toHaveLength(1)
  })
})
