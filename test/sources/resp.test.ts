import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteStrings } from '../../src/byte-strings.ts'
import { ProtocolError, type Reply, ReplyError, Request, RespReader } from '../../src/sources/redis/resp.ts'

function read(...chunks: readonly (string | Buffer)[]): Reply[] {
  const replies: Reply[] = []
  const reader = new RespReader((reply) => replies.push(reply))
  for (const chunk of chunks) reader.push(Buffer.from(chunk))
  return replies
}

const b = (text: string) => Buffer.from(text)

describe('a reply', () => {
  test.each([
    ['+OK\r\n', 'OK'],
    ['+QUEUED\r\n', 'QUEUED'],
    ['+QUEENS\r\n', 'QUEENS'],
    ['+\r\n', ''],
    [':0\r\n', 0],
    [':-1\r\n', -1],
    [':1767830400000\r\n', 1767830400000],
    [':9225167212726300\r\n', 9225167212726300],
    [':-9223372036854775808\r\n', -(2 ** 63)],
    ['$-1\r\n', null],
    ['$0\r\n\r\n', b('')],
    ['$2\r\n\r\n\r\n', b('\r\n')],
    ['*-1\r\n', null],
    ['*0\r\n', []],
    ['*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n', [b('0'), [b('a'), b('b')]]],
    ['*3\r\n*0\r\n*1\r\n:1\r\n*-1\r\n', [[], [1], null]],
    ['-WRONGTYPE Operation\r\n', new ReplyError('WRONGTYPE Operation')],
    ['*2\r\n-ERR x\r\n:1\r\n', [new ReplyError('ERR x'), 1]],
  ])('%j is read, also a byte at a time', (bytes, expected) => {
    expect(read(bytes)).toEqual([expected])
    expect(read(...bytes)).toEqual([expected])
  })

  test.each([
    'HTTP/1.1 400 Bad Request\r\n',
    '\r\n',
    '$abc\r\n',
    ':\r\n',
    ':1x\r\n',
    ':12345678901234567x\r\n',
    '$99999999999999999999\r\n',
    '*x\r\n',
    `+${'x'.repeat(70_000)}`,
  ])('%j is refused', (bytes) => {
    expect(() => read(bytes)).toThrow(ProtocolError)
  })

  test('is a view of the chunk it arrived in, and owns its bytes where it came in several', () => {
    const chunk = Buffer.from('$5\r\nhello\r\n$5\r\nworld\r\n')
    const replies: Reply[] = []
    const reader = new RespReader((reply) => replies.push(reply))
    reader.push(chunk)
    expect((replies[0] as Buffer).buffer).toBe(chunk.buffer)
    reader.push(chunk.subarray(0, 7))
    const rest = Buffer.from(chunk.subarray(7, 11))
    reader.push(rest)
    rest.fill(0)
    expect(replies.map(String)).toEqual(['hello', 'world', 'hello'])
  })
})

test('any replies, cut anywhere, are the same replies', () => {
  const reply: fc.Memo<Reply> = fc.memo((depth) => {
    const simple = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((it): Reply => Buffer.from(it)),
      fc.maxSafeInteger() as fc.Arbitrary<Reply>,
      fc.constantFrom<Reply>(null, 'OK', 'QUEUED', 'string', new ReplyError('ERR no'), []),
    )
    return depth <= 1 ? simple : fc.oneof(simple, fc.array(reply(depth - 1), { maxLength: 5 }))
  })
  fc.assert(
    fc.property(
      fc.array(reply(4), { maxLength: 8 }),
      fc.array(fc.nat({ max: 30 }), { minLength: 1 }),
      (replies, cuts) => {
        const bytes = Buffer.concat(replies.map(encode))
        const chunks: Buffer[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = cuts[turn % cuts.length]! + 1
          chunks.push(bytes.subarray(at, at + size))
          at += size
        }
        expect(read(...chunks)).toEqual(replies)
      },
    ),
    { numRuns: 2000 },
  )
})

describe('arrays of strings in one piece', () => {
  const packing = (...chunks: readonly Buffer[]): Reply[] => {
    const replies: Reply[] = []
    const reader = new RespReader(
      (reply) => replies.push(reply),
      () => true,
    )
    for (const chunk of chunks) reader.push(chunk)
    return replies
  }

  test('are the same strings, wherever the bytes are cut', () => {
    const strings = fc.array(
      fc.uint8Array({ maxLength: 30 }).map((it) => Buffer.from(it)),
      { maxLength: 6 },
    )
    const other = fc.constantFrom<Reply>(null, 'OK', 7, new ReplyError('ERR no'), [], [[b('a'), b('b')]])
    const mixed = fc.array(fc.oneof(strings as fc.Arbitrary<Reply>, other), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(
        fc.array(mixed, { maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        (replies, cuts) => {
          const bytes = Buffer.concat(replies.map(encode))
          const places = [0, ...cuts.map((it) => it % (bytes.length + 1)).sort((x, y) => x - y), bytes.length]
          const chunks = places.slice(1).map((end, at) => bytes.subarray(places[at], end))
          expect(packing(...chunks).map(unpacked)).toEqual(replies)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('come packed where they lie in one chunk and inside of another array, and as a list elsewhere', () => {
    const reply = encode([[b('f'), b(''), b('\r\n'), b('v')], [b('alone')], [b('f'), null]])
    const [whole] = packing(reply) as [Reply[]]
    expect(whole[0]).toBeInstanceOf(ByteStrings)
    expect((whole[0] as ByteStrings).length).toBe(4)
    expect((whole[0] as ByteStrings).size).toBe(4)
    expect(whole.slice(1)).toEqual([[b('alone')], [b('f'), null]])
    const [cut] = packing(reply.subarray(0, 15), reply.subarray(15)) as [Reply[]]
    expect(Array.isArray(cut[0])).toBe(true)
    expect(packing(encode([b('a'), b('b')]))).toEqual([[b('a'), b('b')]])
  })

  test.each(['*1\r\n*2\r\n$\r\n$0\r\n\r\n', '*1\r\n*2\r\n$1x\r\na\r\n$0\r\n\r\n'])(
    '%j is refused',
    (bytes) => {
      expect(() => packing(b(bytes))).toThrow(ProtocolError)
    },
  )
})

test('any bytes are read or refused, and nothing else', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...'*$:+-0123456789\r\nax', '\r\n'), { maxLength: 60 }),
      (letters) => {
        try {
          read(letters.join(''))
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      },
    ),
    { numRuns: 5000 },
  )
})

test('requests are arrays of strings, however long', () => {
  const long = Buffer.alloc(5000, 'é')
  const request = new Request()
    .add('GET', b('k'))
    .add('SET', 'é', long)
    .addMany(
      'MGET',
      Array.from({ length: 1234 }, () => b('')),
    )
  expect(request.commands).toBe(3)
  expect(read(request.bytes())).toEqual([
    [b('GET'), b('k')],
    [b('SET'), b('é'), long],
    [b('MGET'), ...Array.from({ length: 1234 }, () => b(''))],
  ])
})

function encode(reply: Reply): Buffer {
  if (reply === null) return b('$-1\r\n')
  if (typeof reply === 'string') return b(`+${reply}\r\n`)
  if (typeof reply === 'number') return b(`:${reply}\r\n`)
  if (Buffer.isBuffer(reply)) return Buffer.concat([b(`$${reply.length}\r\n`), reply, b('\r\n')])
  if (reply instanceof ReplyError) return b(`-${reply.text}\r\n`)
  const items = reply instanceof ByteStrings ? reply.list() : reply
  return Buffer.concat([b(`*${items.length}\r\n`), ...items.map(encode)])
}

const unpacked = (reply: Reply): Reply => {
  if (reply instanceof ByteStrings) return reply.list()
  return Array.isArray(reply) ? reply.map(unpacked) : reply
}
