import { isUtf8 } from 'node:buffer'
import { afterEach, describe, expect, test } from 'vitest'
import { Held } from '../../src/mapping/held.ts'
import { parseKeyPattern } from '../../src/plan/key-pattern.ts'
import { PART } from '../../src/sources/part.ts'
import type { Answer, Question } from '../../src/sources/question.ts'
import {
  CAPABILITIES,
  type Capability,
  type Entry,
  type Selection,
  type Source,
  type SourceAdapter,
  type SourceContext,
} from '../../src/sources/source.ts'
import { type FaultyProxy, startProxy } from '../setup/proxy.ts'
import { buffer, byKey, entriesOf, hash, list, pagesOf, set, stream, string, zset } from './entries.ts'
import { scanTwice } from './scan-twice.ts'

/** A store that holds the entries of a test. */
export interface Started {
  open(context: SourceContext): Promise<Source>
  stop(): Promise<void>
  /** There where the store is reached by the network. */
  readonly network?: Network
}

export interface Network {
  readonly port: number
  /** By another port, behind which is the same. */
  open(context: SourceContext, port: number): Promise<Source>
  /** The next requests are answered with these statuses, one each. Only where the store speaks HTTP. */
  refuse?(...statuses: readonly number[]): void
  /** What is listed comes twice from now on: once more, in a page that follows; gives whether it did. Only where the store speaks HTTP. */
  twice?(): () => boolean
}

export interface SourceUnderTest {
  readonly name: string
  /** The driver: what it says it lacks is left out, and all else has to be shown. */
  readonly adapter: Pick<SourceAdapter, 'lacks'>
  /** Puts exactly these entries into a store. */
  start(entries: readonly Entry[]): Promise<Started>
  /** An entry as such a store gives it, which `start` is then handed; undefined where it cannot hold it. */
  readonly as?: (entry: Entry) => Entry | undefined
  /** How the store is reached: then faults on the way are tried too. */
  readonly reached: 'by tcp' | 'by http' | { readonly not: string }
  /** What this one cannot show besides, and why. */
  readonly skip?: readonly { readonly test: string; readonly because: string }[]
}

const EVERY_KEY = parseKeyPattern('{_:rest}', { file: '', line: 1, column: 1 }).pattern!

/** One thing that is in each collection. */
const itemsOf = (entries: readonly Entry[]): readonly Buffer[] =>
  entries.flatMap(({ value }) => {
    if (value?.type === 'hash') return value.pairs.slice(0, 1)
    if (value?.type === 'list') return value.items.slice(-1)
    return value?.type === 'set' || value?.type === 'zset' ? value.members.slice(0, 1) : []
  })

/** What every source promises, whatever it reads from. */
export function describeSource({
  name,
  adapter: { lacks },
  start,
  as = (it) => it,
  reached,
  skip = [],
}: SourceUnderTest): void {
  const opened: { source: Source; started: Started; proxy?: FaultyProxy }[] = []

  const open = async (entries: readonly Entry[]): Promise<{ source: Source; stop: AbortController }> => {
    const started = await start(entries)
    const stop = new AbortController()
    const source = await started.open({ root: process.cwd(), signal: stop.signal })
    opened.push({ source, started })
    return { source, stop }
  }

  /** The same with a network in between that can be made to behave badly. */
  const openFar = async (entries: readonly Entry[]) => {
    const started = await start(entries)
    const network = started.network
    if (!network) throw new Error(`${name} says no port`)
    const proxy = await startProxy(network.port)
    const context = { root: process.cwd(), signal: new AbortController().signal }
    const source = await network.open(context, proxy.port)
    opened.push({ source, started, proxy })
    return { source, proxy, network }
  }

  const skipped = new Set(skip.map((it) => it.test))
  /** Each `yes` of the table of stores, until a test was found that shows it. */
  const unshown = new Set((Object.keys(CAPABILITIES) as Capability[]).filter((it) => lacks[it] === undefined))
  const unlike = (way: 'by tcp' | 'by http'): string | undefined => {
    if (typeof reached !== 'string') return reached.not
    return way === 'by http' && reached !== way ? 'it does not speak HTTP' : undefined
  }
  const it = (title: string, run: () => Promise<void>, needs?: Capability | 'by tcp' | 'by http'): void => {
    const lacking = needs === 'by tcp' || needs === 'by http' ? unlike(needs) : needs && lacks[needs]
    const because = skip.find((entry) => entry.test === title)?.because ?? lacking
    skipped.delete(title)
    if (because === undefined) unshown.delete(needs as Capability)
    if (because === undefined) test(title, run)
    else test.skip(`${title} (${because})`, run)
  }

  // The entries that such a store can hold, as it holds them.
  const fitting = (entries: readonly Entry[]): readonly Entry[] =>
    entries
      .filter((it) => lacks.types === undefined || it.type === 'string')
      .filter(({ key }) => lacks.bytes === undefined || (key.length > 0 && isUtf8(key)))
      .map((it) => (lacks.expiry === undefined ? it : { ...it, expiresAt: null }))
      .flatMap((it) => as(it) ?? [])
  const EVERY_TYPE = fitting(everyType)
  const MANY = fitting(many)
  const SOME = MANY.slice(0, 600)

  describe(name, () => {
    afterEach(async () => {
      for (const { source, started, proxy } of opened.splice(0)) {
        await source.close()
        await proxy?.close()
        await started.stop()
      }
    })

    it('gives every type as it is', async () => {
      const { source } = await open(EVERY_TYPE)
      expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(EVERY_TYPE))
    })

    it('gives an entry of each key once where nothing changes', async () => {
      const { source } = await open(MANY)
      const keys = (await entriesOf(source.scan(EVERYTHING))).map(({ key }) => key.toString('latin1'))
      expect(keys.length).toBe(new Set(keys).size)
    })

    it('tells how far a scan is, from nearly nothing to all of it', async () => {
      const { source } = await open(MANY)
      if (!source.reached) return
      const reached: number[] = []
      for await (const { cursor } of source.scan(EVERYTHING))
        if (cursor !== undefined) reached.push(source.reached(cursor))
      expect(reached.toSorted((a, b) => a - b)).toEqual(reached)
      expect(reached[0]).toBeGreaterThanOrEqual(0)
      expect(reached.at(-1)).toBe(1)
    })

    it(
      'gives all 256 bytes in keys, values, fields, items and members',
      async () => {
        const entries = [
          ...Array.from(ALL_BYTES, (byte) => string(Buffer.from([byte]), Buffer.from([byte, 0, byte]))),
          string(Buffer.concat([Buffer.from('all:'), ALL_BYTES]), ALL_BYTES),
          hash('all hash', [ALL_BYTES, ALL_BYTES, '', '']),
          list('all list', [ALL_BYTES, '', ALL_BYTES]),
          set('all set', [ALL_BYTES, '']),
          zset('all zset', [
            [ALL_BYTES, 1],
            ['', 2],
          ]),
          stream('all stream', [['1-1', [ALL_BYTES, ALL_BYTES, '', '']]]),
        ]
        const { source } = await open(entries)
        expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(entries))
      },
      'bytes',
    )

    it('tells text, numbers and nothing apart by their bytes alone', async () => {
      const texts = [
        '',
        '0',
        '-0',
        '00',
        '007',
        '1',
        '-1',
        '12345678901234567890',
        '1e5',
        '1.10',
        'null',
        'true',
        '[]',
        '"',
        ' 5',
        '5\n',
      ]
      const entries = fitting([
        ...texts.map((text) => string(`text:${text}`, text)),
        list('list', texts),
        set('set', texts),
        hash(
          'hash',
          texts.flatMap((text) => [text, text]),
        ),
      ])
      const { source } = await open(entries)
      expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(entries))
    })

    it('gives integers of every width', async () => {
      const bounds = [
        0n,
        12n,
        13n,
        63n,
        127n,
        128n,
        4095n,
        4096n,
        8191n,
        32767n,
        32768n,
        8388607n,
        8388608n,
        2147483647n,
        2147483648n,
      ]
      const wide = [...bounds, 9007199254740993n, 9223372036854775807n].flatMap((it) => [
        `${it}`,
        `${-it - 1n}`,
      ])
      const entries = fitting([
        ...wide.map((it) => string(`n:${it}`, it)),
        list('list', wide),
        hash(
          'hash',
          wide.flatMap((it) => [it, it]),
        ),
        set('narrow', ['1', '-1', '32767']),
        set('middle', ['1', '-1', '2147483647']),
        set('wide', ['1', '-1', '9223372036854775807']),
        set('mixed', [...wide, 'not a number']),
        zset(
          'zset',
          wide.map((it, index) => [it, index] as const),
        ),
      ])
      const { source } = await open(entries)
      expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(entries))
    })

    it(
      'gives scores as the doubles they are',
      async () => {
        const scores = [0, 1, -1, 0.1, 1 / 3, 1e300, 5e-324, 1767830400000.5, 2 ** 53, Infinity, -Infinity]
        const entries = [
          zset(
            'small',
            scores.map((score, index) => [`m${index}`, score] as const),
          ),
          zset(
            'large',
            [...scores, ...Array.from({ length: 500 }, (_, it) => it / 7)].map(
              (score, index) => [`m${index}`, score] as const,
            ),
          ),
        ]
        const { source } = await open(entries)
        expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(entries))
      },
      'types',
    )

    it(
      'gives expiries to the millisecond, and null where there is none',
      async () => {
        const entries = fitting([
          string('never', '1'),
          string('soon', '1', 2_000_000_000_001),
          string('late', '1', 9_225_167_212_726_300),
          hash('hash', ['a', 'b'], 2_000_000_000_002),
          list('list', ['a'], 2_000_000_000_003),
          set('set', ['a'], 2_000_000_000_004),
          zset('zset', [['a', 1]], 2_000_000_000_005),
          stream('stream', [['1-1', ['a', 'b']]], 2_000_000_000_006),
        ])
        const { source } = await open(entries)
        expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(entries))
        expect(byKey(await entriesOf(source.read(entries.map(({ key }) => key))))).toEqual(byKey(entries))
      },
      'expiry',
    )

    it(
      'goes on at every cursor it gave, so that nothing is missed',
      async () => {
        const { source } = await open(MANY)
        const pages = await pagesOf(source.scan(EVERYTHING))
        expect(pages.length).toBeGreaterThan(2)
        const before: Entry[] = []
        for (const { entries, cursor } of pages) {
          before.push(...entries)
          if (cursor === undefined) continue
          const after = await entriesOf(source.scan(EVERYTHING, cursor))
          expect(byKey([...before, ...after])).toEqual(byKey(MANY))
        }
      },
      'resume',
    )

    it(
      'has a cursor at the end, after which nothing comes',
      async () => {
        const { source } = await open(MANY)
        const { cursor } = (await pagesOf(source.scan(EVERYTHING))).at(-1)!
        expect(cursor).toBeDefined()
        expect(await entriesOf(source.scan(EVERYTHING, cursor))).toEqual([])
      },
      'resume',
    )

    it(
      'has printable cursors of moderate length',
      async () => {
        const { source } = await open(MANY)
        for (const { cursor = '' } of await pagesOf(source.scan(EVERYTHING)))
          expect(cursor).toMatch(/^[\x20-\x7e]{0,300}$/)
      },
      'resume',
    )

    it('refuses what is no cursor of its own', async () => {
      const { source } = await open(EVERY_TYPE)
      await expect(pagesOf(source.scan(EVERYTHING, 'somewhere'))).rejects.toMatchObject({
        code: 'SOURCE_CURSOR',
      })
    })

    it('gives nothing of an empty store, and a cursor all the same', async () => {
      const { source } = await open([])
      const pages = await pagesOf(source.scan(EVERYTHING))
      expect(pages.flatMap(({ entries }) => entries)).toEqual([])
      expect(pages.at(-1)?.cursor).toBeDefined()
      expect(await entriesOf(source.read([Buffer.from('a')]))).toEqual([])
    })

    it('gives exactly the keys that begin with the prefix, taken literally', async () => {
      const entries = PREFIXES.flatMap((prefix) => [
        string(prefix, 'itself'),
        string(Buffer.concat([prefix, Buffer.from('x')]), 'longer'),
      ])
      const unique = fitting([
        ...new Map(entries.map((entry) => [entry.key.toString('latin1'), entry])).values(),
      ])
      const { source } = await open(unique)
      for (const prefix of PREFIXES) {
        const expected = unique.filter(({ key }) => key.subarray(0, prefix.length).equals(prefix))
        const found = await entriesOf(source.scan({ prefix, want: () => 'entry' }))
        expect([prefix.toString('latin1'), [...byKey(found).keys()]]).toEqual([
          prefix.toString('latin1'),
          [...byKey(expected).keys()],
        ])
      }
    })

    it('asks for each key with the prefix what is wanted, and gives no more than that', async () => {
      const entries = [...EVERY_TYPE, ...fitting([string('other:1', 'x')])]
      const { source } = await open(entries)
      const asked: string[] = []
      const wishes = ['entry', 'key', 'nothing'] as const
      const wish = new Map(EVERY_TYPE.map(({ key }, index) => [key.toString(), wishes[index % 3]!]))
      const found = await entriesOf(
        source.scan({
          prefix: Buffer.from('every:'),
          want: (key) => {
            asked.push(key.toString())
            return wish.get(key.toString()) ?? 'entry'
          },
        }),
      )
      expect(asked.sort()).toEqual([...wish.keys()].sort())
      const expected = EVERY_TYPE.flatMap(({ value, ...entry }) => {
        const wanted = wish.get(entry.key.toString())
        if (wanted === 'nothing') return []
        return wanted === 'entry' ? [{ ...entry, value: value! }] : [entry as Entry]
      })
      expect(byKey(found)).toEqual(byKey(expected))
      for (const { key, value } of found)
        expect(value !== undefined).toBe(wish.get(key.toString()) === 'entry')
    })

    it('reads the keys it is given and leaves missing ones out', async () => {
      const { source } = await open(EVERY_TYPE)
      const some = EVERY_TYPE.filter((_, index) => index % 2 === 0)
      const keys = [
        Buffer.from('missing:1'),
        ...some.map(({ key }) => key),
        Buffer.from('missing:2'),
        Buffer.alloc(0),
      ]
      expect(byKey(await entriesOf(source.read(keys)))).toEqual(byKey(some))
      expect(await entriesOf(source.read([]))).toEqual([])
    })

    it('answers what lookups ask as one who holds the whole store would', async () => {
      const { source } = await open(EVERY_TYPE)
      if (!source.ask) return
      const items = ['', 'a', 'b', 'one', 'nothing', ...itemsOf(EVERY_TYPE)].map(buffer)
      const questions = [...EVERY_TYPE.map(({ key }) => key), buffer('no such key')].flatMap(
        (key): Question[] => [
          { kind: 'get', key },
          ...items.flatMap((item) =>
            (['hget', 'score', 'member'] as const).map((kind) => ({ kind, key, item })),
          ),
        ],
      )
      const shown = (it: Answer) => (typeof it === 'object' && 'wrong' in it ? 'another type' : it)
      const held = new Held(source, [EVERY_KEY], Date.now)
      expect((await source.ask(questions)).map(shown)).toEqual((await held.ask(questions)).map(shown))
      expect(await source.ask([])).toEqual([])
    })

    it('reads many keys', async () => {
      const { source } = await open(MANY)
      expect(byKey(await entriesOf(source.read(MANY.map(({ key }) => key))))).toEqual(byKey(MANY))
    })

    it(
      'gives big collections in parts: lists in order, nothing twice, nothing lost',
      async () => {
        const { source } = await open(BIG)
        for (const pages of [source.scan(EVERYTHING), source.read(BIG.map(({ key }) => key))]) {
          const entries = await entriesOf(pages)
          expect(byKey(entries)).toEqual(byKey(BIG))
          for (const { key } of BIG)
            expect(entries.filter((part) => part.key.equals(key)).length).toBeGreaterThan(1)
          for (const { value } of entries) {
            if (value?.type === 'hash') expect(value.pairs.length / 2).toBeLessThanOrEqual(PART)
            if (value?.type === 'list') expect(value.items.length).toBeLessThanOrEqual(PART)
          }
        }
      },
      'types',
    )

    it(
      'has no cursor in the middle of a big collection',
      async () => {
        const { source } = await open(BIG)
        for (const { entries, cursor } of await pagesOf(source.scan(EVERYTHING))) {
          if (entries.at(-1)?.more) expect(cursor).toBeUndefined()
        }
      },
      'types',
    )

    it(
      'gives a collection of just as many elements as a part in one',
      async () => {
        const items = Array.from({ length: PART }, (_, index) => String(index))
        const { source } = await open([list('exactly', items)])
        const entries = await entriesOf(source.scan(EVERYTHING))
        expect(entries.map(({ offset, more }) => ({ offset, more }))).toEqual([{ offset: 0, more: false }])
        expect(byKey(entries)).toEqual(byKey([list('exactly', items)]))
      },
      'types',
    )

    it('gives values larger than any buffer on the way', async () => {
      const entries = fitting([
        string('large', Buffer.alloc(3_000_001, 'kvmig\r\n$5\r\n')),
        hash('hash', ['field', Buffer.alloc(1_000_001, 0xff)]),
        list(
          'list',
          Array.from({ length: 40 }, (_, index) => Buffer.alloc(100_000, index)),
        ),
      ])
      const { source } = await open(entries)
      expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(entries))
    })

    it(
      'counts keys',
      async () => {
        const { source } = await open(MANY)
        expect(await source.count?.()).toBe(MANY.length)
      },
      'count',
    )

    it('is the same store when it is opened again', async () => {
      const started = await start(EVERY_TYPE)
      const context = { root: process.cwd(), signal: new AbortController().signal }
      const [first, second] = [await started.open(context), await started.open(context)]
      expect(await first.identity()).toBe(await second.identity())
      expect(await first.identity()).toBe(await first.identity())
      await Promise.all([first.close(), second.close()])
      await started.stop()
    })

    it('lets two scans of one source go on side by side', async () => {
      const { source } = await open(MANY)
      const [first, second] = await Promise.all([
        entriesOf(source.scan(EVERYTHING)),
        entriesOf(source.scan(EVERYTHING)),
      ])
      expect(byKey(first)).toEqual(byKey(MANY))
      expect(byKey(second)).toEqual(byKey(MANY))
    })

    it('can be left in the middle of a scan and scanned again', async () => {
      const { source } = await open(MANY)
      for await (const page of source.scan(EVERYTHING)) if (page.entries.length > 0) break
      expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(MANY))
    })

    it('stops with the reason of the signal', async () => {
      const { source, stop } = await open(MANY)
      const reason = new Error('somebody pressed Ctrl-C')
      const scanning = (async () => {
        for await (const _ of source.scan(EVERYTHING)) stop.abort(reason)
      })()
      await expect(scanning).rejects.toBe(reason)
      await expect(entriesOf(source.scan(EVERYTHING))).rejects.toBe(reason)
    })

    it('closes in the middle of a scan, and a second time', async () => {
      const { source } = await open(MANY)
      const scanning = (async () => {
        for await (const _ of source.scan(EVERYTHING)) await source.close()
      })()
      await expect(scanning).rejects.toMatchObject({ code: 'SOURCE_CLOSED' })
      await source.close()
    })

    it(
      'goes on where the connection was cut, wherever that was',
      async () => {
        const { source, proxy } = await openFar(SOME)
        for (const bytes of [1, 300, 5000, 25_000]) {
          proxy.cutAfter(bytes)
          expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(SOME))
        }
        expect(proxy.connections).toBeGreaterThan(1)
      },
      'by tcp',
    )

    it(
      'waits for a server that was away',
      async () => {
        const { source, proxy } = await openFar(SOME)
        const before = proxy.connections
        let tries = 0
        proxy.onRequest(() => {
          tries += 1
        })
        proxy.cutAfter(300)
        proxy.refuse(true)
        const scanning = entriesOf(source.scan(EVERYTHING))
        // Once nobody was there when it came back.
        await expect.poll(() => proxy.connections, { timeout: 10_000 }).toBeGreaterThan(before)
        proxy.refuse(false)
        expect(byKey(await scanning)).toEqual(byKey(SOME))
        expect(tries).toBeGreaterThan(0)
      },
      'by tcp',
    )

    it(
      'takes answers that come slowly, a few bytes at a time',
      async () => {
        const { source, proxy } = await openFar(EVERY_TYPE)
        proxy.pieces(3)
        expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(EVERY_TYPE))
      },
      'by tcp',
    )

    it(
      'asks again after 429 and 5xx, and gives nothing twice for it',
      async () => {
        const { source, network } = await openFar(SOME)
        network.refuse!(429, 500, 503, 502)
        const entries = await entriesOf(source.scan(EVERYTHING))
        expect(byKey(entries)).toEqual(byKey(SOME))
        expect(new Set(entries.map(({ key }) => key.toString('latin1'))).size).toBe(entries.length)
      },
      'by http',
    )

    it(
      'loses nothing and makes nothing up where a page comes twice, and goes on at every cursor all the same',
      async () => {
        const { source, proxy, network } = await openFar(MANY)
        const was = network.twice?.() ?? scanTwice(proxy)
        const pages = await pagesOf(source.scan(EVERYTHING))
        expect(was(), 'a page came twice').toBe(true)
        expect(byKey(pages.flatMap(({ entries }) => entries))).toEqual(byKey(MANY))
        for (const [index, { cursor }] of pages.entries()) {
          if (cursor === undefined) continue
          const before = pages.slice(0, index + 1).flatMap(({ entries }) => entries)
          expect(byKey([...before, ...(await entriesOf(source.scan(EVERYTHING, cursor)))])).toEqual(
            byKey(MANY),
          )
        }
      },
      'by tcp',
    )

    it('names itself without credentials', async () => {
      const { source } = await open([])
      expect(source.label).not.toMatch(/@/)
    })

    it('lacks what the table of stores says it lacks', async () => {
      const { source } = await open(EVERY_TYPE)
      const entries = await entriesOf(source.scan(EVERYTHING))
      expect(entries.length).toBeGreaterThan(0)
      if (lacks.types !== undefined)
        expect(new Set(entries.map(({ type }) => type))).toEqual(new Set(['string']))
      if (lacks.expiry !== undefined)
        expect(new Set(entries.map(({ expiresAt }) => expiresAt))).toEqual(new Set([null]))
      expect(source.count === undefined).toBe(lacks.count !== undefined)
    })

    if (unshown.size > 0)
      throw new Error(`${name} says it can, and no test shows: ${[...unshown].join(', ')}`)
    // A title that was changed would skip nothing, and nobody would notice.
    if (skipped.size > 0) throw new Error(`${name} skips tests that do not exist: ${[...skipped].join(', ')}`)
  })
}

const EVERYTHING: Selection = { prefix: Buffer.alloc(0), want: () => 'entry' }
const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

const everyType: readonly Entry[] = [
  string('every:string', 'héllo'),
  string('every:empty', ''),
  hash('every:hash', ['name', 'Ann', 'city', '', '__proto__', 'x']),
  list('every:list', ['b', 'a', 'b', '']),
  set('every:set', ['x', 'y']),
  set('every:numbers', ['1', '2', '3']),
  zset('every:zset', [
    ['a', 1.5],
    ['b', -2],
  ]),
  stream('every:stream', [
    ['1526919030474-55', ['a', '1', 'b', '2']],
    ['1526919030474-56', ['a', '3', 'b', '4']],
    ['1526919030475-0', ['other', '5']],
  ]),
  string('every:long', 'abcdefgh'.repeat(500)),
]

const many: readonly Entry[] = Array.from({ length: 4000 }, (_, index) => {
  const key = `many:${index}`
  const text = String(index)
  const kinds = [
    string(key, text),
    hash(key, ['n', text]),
    list(key, [text, text]),
    set(key, [text, 'x']),
    zset(key, [[text, index]]),
    stream(key, [[`${index + 1}-0`, ['n', text]]]),
  ]
  return kinds[index % 10] ?? kinds[0]!
})

const BIG_SIZE = 2 * PART + 4321
const numbers = Array.from({ length: BIG_SIZE }, (_, index) => index)
const BIG: readonly Entry[] = [
  hash(
    'big:hash',
    numbers.flatMap((it) => [`field ${it}`, `value ${it}`]),
  ),
  list(
    'big:list',
    numbers.map((it) => `item ${it % 1000}`),
  ),
  set(
    'big:set',
    numbers.map((it) => `member ${it}`),
  ),
  zset(
    'big:zset',
    numbers.map((it) => [`member ${it}`, it / 8] as const),
  ),
  stream(
    'big:stream',
    numbers.map((it) => [`${1 + Math.floor(it / 100)}-${it % 100}`, ['n', String(it)]] as const),
  ),
]

const PREFIXES: readonly Buffer[] = [
  '',
  'user:',
  'us*r:',
  'us?r:',
  'us[er]:',
  'us[^a]er:',
  'us[a-z]r:',
  'us\\er:',
  'us\\*r:',
  'us\\',
  'us\\\\',
  'us[',
  'us]',
  '*',
  '**',
  '?',
  '[',
  '\\',
  '^',
  '\n',
  'a\nb',
  '\r\n',
  'naïve:',
  '日本:',
  '"',
  ' ',
]
  .map((it) => Buffer.from(it))
  .concat([Buffer.from([0]), Buffer.from([0xff]), Buffer.from([0xff, 0x2a]), Buffer.from([0xc3])])
