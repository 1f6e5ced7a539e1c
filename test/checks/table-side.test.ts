import { describe, expect, test } from 'vitest'
import { TableSide, type TableSideOptions } from '../../src/checks/table-side.ts'
import { openTableRows } from '../../src/target/table-rows.ts'
import type { Target } from '../../src/target/target.ts'
import { compilePlans } from '../mapping/compiled.ts'
import { freshTarget } from '../target/targets.ts'

const ROWS = 2000
const NOW = 1_800_000_000_000
const plan = `mappings:
  - match: seat:{room}:{seat:int}
    type: string
    decode: json
    into: seats
    key: [seat, room]
    fields: { room: $room, guest: guest, seat: $seat, until: $expires_at }
tables:
  seats: { columns: { room: text not null, guest: text, seat: integer not null, until: timestamptz }, primary_key: [seat, room] }
`

describe.each(['postgres', 'pglite'] as const)('rows of a table on %s', async (kind) => {
  const target = await freshTarget(kind)
  const compiled = (await compilePlans(plan)).mapping('seats')
  const { columns, keyIndexes, table } = compiled
  const rows = await target.transaction(async (tx) => {
    await tx.query(
      `CREATE TABLE public.seats (room text NOT NULL, guest text, seat integer NOT NULL, until timestamptz, PRIMARY KEY (seat, room));
       INSERT INTO public.seats SELECT 'r' || it % 7, CASE WHEN it % 5 > 0 THEN 'g' || it END, it FROM generate_series(1, ${ROWS}) it`,
    )
    return openTableRows(tx, { name: table.name, columns, keyIndexes })
  })
  // Such a server is asked for the rows.
  const old: Target = {
    ...target,
    version: 130_011,
    transaction: (work, options) => target.transaction(work, options),
  }
  const sideOf = (by: Target, options: Partial<TableSideOptions> = {}): TableSide =>
    new TableSide({
      target: by,
      rows,
      mappings: [compiled],
      tracked: false,
      now: NOW,
      of: 'rows',
      ...options,
    })
  const summed = async (by: Target, options: Partial<TableSideOptions> = {}): Promise<TableSide> => {
    const side = sideOf(by, options)
    await side.sum()
    return side
  }
  const keysOf = (keys: readonly Buffer[]): readonly string[] =>
    keys.map((it) => it.toString('latin1')).sort()

  test.each(['rows', 'keys'] as const)('sums of %s are the same, whoever makes them', async (of) => {
    const [here, there] = [await summed(old, { of }), await summed(target, { of })]
    expect(there.tally.total).toBe(ROWS)
    expect(there.tally.differing(here.tally)).toEqual([])
  })

  test.each(['rows', 'keys'] as const)(
    'keys in sums of %s that differ are found, and few others',
    async (of) => {
      const before = await summed(old, { of })
      await target.transaction((tx) =>
        tx.query(
          `UPDATE public.seats SET guest = 'other' WHERE seat = 7; DELETE FROM public.seats WHERE seat = 8;
         INSERT INTO public.seats VALUES ('new', NULL, 8888)`,
        ),
      )
      const found = await Promise.all(
        [old, target].map(async (by) =>
          keysOf(await (await summed(by, { of })).keysThatDiffer(before.tally, 100)),
        ),
      )
      const key = (seat: number, room: string): string =>
        rows.keyTuple(compiled.columns.map(({ name }) => (name === 'seat' ? seat : room))).toString('latin1')
      expect(found[0]).toEqual(found[1])
      expect(found[0]).toContain(key(8888, 'new'))
      if (of === 'rows') expect(found[0]).toContain(key(7, 'r0'))
      expect(found[0]!.length).toBeLessThan(10)
      expect((await (await summed(target, { of })).keysThatDiffer(before.tally, 1)).length).toBe(1)
      await target.transaction((tx) =>
        tx.query(
          `UPDATE public.seats SET guest = 'g7' WHERE seat = 7; INSERT INTO public.seats VALUES ('r1', 'g8', 8);
         DELETE FROM public.seats WHERE seat = 8888`,
        ),
      )
      expect((await summed(target, { of })).tally.differing(before.tally)).toEqual([])
    },
  )

  test.each([
    ['the server', target],
    ['this process', old],
  ])('rows that had expired are nobody’s, summed up by %s', async (_, by) => {
    const change = (until: string) =>
      target.transaction((tx) =>
        tx.query(`UPDATE public.seats SET until = ${until} WHERE seat BETWEEN 11 AND 15`),
      )
    await change(`to_timestamp(${NOW / 1000 - 1})`)
    expect((await summed(by)).tally.total).toBe(ROWS - 5)
    await change(`to_timestamp(${NOW / 1000 + 1})`)
    expect((await summed(by)).tally.total).toBe(ROWS)
    await change('NULL')
  })
})
