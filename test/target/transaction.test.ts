import { describe, expect, test } from 'vitest'
import { inSavepoint } from '../../src/target/savepoint.ts'
import { freshTarget, TARGETS } from './targets.ts'

describe.each(TARGETS)('a transaction on %s', async (kind) => {
  const target = await freshTarget(kind)
  await target.transaction((tx) => tx.query('CREATE TABLE public.t (id int PRIMARY KEY, v text)'))

  test('keeps what its work did when that returns', async () => {
    await target.transaction((tx) => tx.query('INSERT INTO public.t VALUES ($1, $2)', [1, 'kept']))
    expect(await target.transaction((tx) => tx.query('SELECT v FROM public.t WHERE id = $1', [1]))).toEqual([
      { v: 'kept' },
    ])
  })

  test('keeps nothing when its work throws', async () => {
    const work = target.transaction(async (tx) => {
      await tx.query('INSERT INTO public.t VALUES (2)')
      throw new Error('changed my mind')
    })
    await expect(work).rejects.toThrow('changed my mind')
    expect(await target.transaction((tx) => tx.query('SELECT 1 FROM public.t WHERE id = 2'))).toEqual([])
  })

  test('H48 throws when a swallowed error turned its COMMIT into a ROLLBACK', async () => {
    const work = target.transaction(async (tx) => {
      await tx.query('SELECT 1/0').catch(() => {})
    })
    await expect(work).rejects.toMatchObject({ code: 'COMMIT_ROLLED_BACK' })
  })

  test('keeps what a statement does that is sent with COMMIT, after everything else', async () => {
    await target.transaction(async (tx) => {
      tx.atEnd('UPDATE public.t SET v = $2 WHERE id = $1', [3, 'at the end'])
      await tx.query(`INSERT INTO public.t VALUES (3, 'first')`)
    })
    await target.transaction(async (tx) => tx.atEnd('INSERT INTO public.t VALUES ($1, $2)', [4, 'alone']))
    const read = target.transaction((tx) => tx.query('SELECT v FROM public.t WHERE id IN (3, 4) ORDER BY id'))
    expect(await read).toEqual([{ v: 'at the end' }, { v: 'alone' }])
  })

  test('keeps nothing when a statement that is sent with COMMIT fails, and says why', async () => {
    const work = target.transaction(async (tx) => {
      tx.atEnd('INSERT INTO public.t VALUES (1)', [])
      await tx.query('INSERT INTO public.t VALUES (5)')
    })
    await expect(work).rejects.toMatchObject({ sqlState: '23505' })
    expect(await target.transaction((tx) => tx.query('SELECT 1 FROM public.t WHERE id = 5'))).toEqual([])
  })

  test('sends nothing of the kind when its work throws', async () => {
    const work = target.transaction(async (tx) => {
      tx.atEnd('INSERT INTO public.t VALUES (6)', [])
      await tx.query('SELECT 1')
      throw new Error('changed my mind')
    })
    await expect(work).rejects.toThrow('changed my mind')
    expect(await target.transaction((tx) => tx.query('SELECT 1 FROM public.t WHERE id = 6'))).toEqual([])
  })

  test('H48 throws when a swallowed error turned its COMMIT into a ROLLBACK, whatever was sent with it', async () => {
    const work = target.transaction(async (tx) => {
      tx.atEnd('INSERT INTO public.t VALUES (7)', [])
      await tx.query('SELECT 1/0').catch(() => {})
    })
    await expect(work).rejects.toMatchObject({ sqlState: '25P02' })
    expect(await target.transaction((tx) => tx.query('SELECT 1 FROM public.t WHERE id = 7'))).toEqual([])
  })

  // PGlite answers before anybody else has a turn.
  test.skipIf(kind === 'pglite')('is cut off by a signal of its own, and no other is', async () => {
    const stop = new AbortController()
    const other = target.transaction((tx) => tx.query('SELECT pg_sleep(0.01)'))
    const work = target.transaction(
      async (tx) => {
        const asked = tx.query('SELECT pg_sleep(60)')
        stop.abort(new Error('nobody wants to know'))
        await asked
      },
      { signal: stop.signal },
    )
    await expect(work).rejects.toThrow('nobody wants to know')
    await expect(other).resolves.toHaveLength(1)
  })

  test('gives every value as text, so that no digit is lost', async () => {
    const rows = await target.transaction((tx) =>
      tx.query(
        `SELECT 12345678901234567890::numeric AS n, 9007199254740993::bigint AS b, true AS t, NULL::int AS nothing,
          '2026-01-08 00:00:00.123456+05'::timestamptz AS at, '\\x00ff'::bytea AS bytes, 0.1::float8 AS f, '{"a": 1.10}'::jsonb AS j`,
      ),
    )
    expect(rows).toEqual([
      {
        n: '12345678901234567890',
        b: '9007199254740993',
        t: 't',
        nothing: null,
        at: '2026-01-07 19:00:00.123456+00',
        bytes: '\\x00ff',
        f: '0.1',
        j: '{"a": 1.10}',
      },
    ])
  })

  test('has a search path of its own: nothing but the catalog, or what it asks for', async () => {
    const path = `SELECT current_setting('search_path') AS path`
    expect(await target.transaction((tx) => tx.query(path))).toEqual([{ path: 'pg_catalog' }])
    expect(await target.transaction((tx) => tx.query(path), { searchPath: ['My "app"'] })).toEqual([
      { path: 'pg_catalog, "My ""app"""' },
    ])
  })

  test('cannot write when it is read-only', async () => {
    const work = target.transaction((tx) => tx.query('INSERT INTO public.t VALUES (3)'), { readOnly: true })
    await expect(work).rejects.toMatchObject({ code: 'READ_ONLY', sqlState: '25006' })
  })

  test('answers statements asked for at the same time, in order', async () => {
    const rows = await target.transaction((tx) =>
      Promise.all(['a', 'b', 'c'].map((it) => tx.query('SELECT $1::text AS it', [it]))),
    )
    expect(rows).toEqual([[{ it: 'a' }], [{ it: 'b' }], [{ it: 'c' }]])
  })

  test('goes on after a failure in a savepoint, which leaves nothing behind', async () => {
    await target.transaction(async (tx) => {
      await inSavepoint(tx, () => tx.query('INSERT INTO public.t VALUES (20)'))
      const failing = inSavepoint(tx, async () => {
        await tx.query('INSERT INTO public.t VALUES (21)')
        await inSavepoint(tx, () => tx.query('INSERT INTO public.t VALUES (21)')).catch(() => {})
        await tx.query('INSERT INTO public.t VALUES (20)')
      })
      await expect(failing).rejects.toMatchObject({ sqlState: '23505' })
      await tx.query('INSERT INTO public.t VALUES (22)')
    })
    const rows = await target.transaction((tx) =>
      tx.query('SELECT id FROM public.t WHERE id BETWEEN 20 AND 29 ORDER BY id'),
    )
    expect(rows).toEqual([{ id: '20' }, { id: '22' }])
  })

  test('is useless when it is over', async () => {
    const tx = await target.transaction(async (it) => it)
    await expect(tx.query('SELECT 1')).rejects.toThrow('over')
    await expect(tx.query('SELECT $1', ['x'])).rejects.toThrow('over')
  })

  test('reads in binary page by page, does other things meanwhile, and may stop early', async () => {
    const seen = await target.transaction(async (tx) => {
      let rows = 0
      for await (const tuples of tx.copyOut('SELECT g, repeat($1, 1000) FROM generate_series(1, 100000) g', [
        'x',
      ])) {
        await tx.query('SELECT 1')
        rows += tuples.length
        if (rows > 5000) break
      }
      await tx.query(`INSERT INTO public.t VALUES (50, 'after')`)
      return rows
    })
    expect(seen).toBeGreaterThan(5000)
    expect(seen).toBeLessThan(20_000)
    expect(await target.transaction((tx) => tx.query('SELECT v FROM public.t WHERE id = 50'))).toEqual([
      { v: 'after' },
    ])
  })

  test('reads all rows of a query, however many', async () => {
    let sum = 0
    await target.transaction(async (tx) => {
      for await (const tuples of tx.copyOut('SELECT g FROM generate_series(1, 100000) g')) {
        for (const tuple of tuples) sum += tuple.readInt32BE(6)
      }
    })
    expect(sum).toBe((100_000 * 100_001) / 2)
  })

  test('tells an error in the middle of reading', async () => {
    const work = target.transaction(async (tx) => {
      for await (const _ of tx.copyOut('SELECT 1 / (g - 5000) FROM generate_series(1, 100000) g')) {
        // only to the end
      }
    })
    await expect(work).rejects.toMatchObject({ sqlState: '22012' })
  })
})
