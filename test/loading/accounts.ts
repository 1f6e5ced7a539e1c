import { expect } from 'vitest'
import { forwardClaims } from '../../src/mapping/claim.ts'
import type { CompiledMapping } from '../../src/mapping/mapping.ts'
import { mappingsOf } from '../../src/plan/plan.ts'
import { showTable } from '../../src/plan/table.ts'
import { withoutExpiredFields } from '../../src/sources/part.ts'
import { writerName } from '../../src/state/trace.ts'
import { canonicalRows } from '../../src/target/canonical-rows.ts'
import { scanKeys } from '../../src/target/read-rows.ts'
import { rowKeyOf } from '../../src/target/row-key.ts'
import { openTableRows } from '../../src/target/table-rows.ts'
import type { Row } from '../../src/value.ts'
import type { Harness } from '../runner/harness.ts'
import { surveyOf } from './world.ts'

/**
 * Holds a finished phase A to its promise, as sets: every source key has one fate, every record that the source gives has a row, shares
 * one, or is in the quarantine, and every row of ours has one record.
 */
export async function requireAccounts(harness: Harness): Promise<void> {
  const { session } = harness
  const { compiled, project, ledger, target } = session
  const { fates, differences, tables } = await surveyOf(harness)
  expect(differences).toEqual([])
  for (const { table, expected, actual, matching } of tables) {
    expect({ table, expected, actual }).toEqual({ table, expected: matching, actual: matching })
  }

  const records = new Map<CompiledMapping, { name: string; row: Row }[]>()
  const rejected = new Set<string>()
  const keys = new Map<string, Set<string>>()
  const names = [...new Set(project.plans.map((it) => it.source))]
  const now = await target.transaction((tx) =>
    tx.query('SELECT (extract(epoch FROM now()) * 1000)::int8 AS now'),
  )
  for (const source of names) {
    const store = await session.source(source)
    for await (const page of store.scan({ prefix: Buffer.alloc(0), want: () => 'entry' })) {
      for (const entry of page.entries) {
        const key = entry.key.toString()
        keys.set(key, keys.get(key) ?? new Set())
        if (entry.expiresAt !== null && entry.expiresAt <= Number(now[0]!.now)) continue
        const living = withoutExpiredFields(entry, Number(now[0]!.now))
        forwardClaims(compiled.router(source).route(entry.key, entry.type), living, (mapping) => {
          const known = records.get(mapping) ?? []
          records.set(mapping, known)
          const nameOf = (part: string) => `${writerName(mapping)} ${key} ${part}`
          return {
            row: (row, part) => {
              if (!known.some((it) => it.name === nameOf(part()))) known.push({ name: nameOf(part()), row })
              keys.get(key)!.add(nameOf(part()))
            },
            reject: (_, part) => {
              rejected.add(nameOf(part()))
              keys.get(key)!.add(nameOf(part()))
            },
            filtered: () => {},
            unmapped: () => {},
          }
        })
      }
    }
  }
  expect(Object.keys(fates).sort()).toEqual([...keys.keys()].sort())
  for (const fate of Object.values(fates)) expect(fate).not.toContain(' and ')

  const list = await ledger.quarantine.list({ limit: 1_000_000 })
  const quarantined = new Set(list.map((it) => `${it.plan}/${it.mapping} ${it.key} ${it.part}`))
  for (const name of rejected) expect(quarantined).toContain(name)
  const given = new Set([...rejected, ...[...records.values()].flatMap((it) => it.map(({ name }) => name))])
  for (const name of quarantined) expect(given).toContain(name)

  for (const plan of project.plans) {
    for (const mapping of mappingsOf(plan)) {
      const made = compiled.mapping(plan.name, mapping.name)
      await requireRows(harness, made, { records: records.get(made) ?? [], quarantined })
    }
  }

  for (const [key, own] of keys) {
    const bad = [...own].filter((it) => quarantined.has(it)).length
    if (own.size === 0 || ['expired', 'index', 'ignored', 'ephemeral', 'uncovered'].includes(fates[key]!))
      continue
    expect(`${key} ${fates[key]}`).toBe(
      `${key} ${bad === 0 ? 'migrated' : bad === own.size ? 'quarantined' : 'partial'}`,
    )
  }
}

async function requireRows(
  { session: { target, ledger, compiled } }: Harness,
  mapping: CompiledMapping,
  {
    records,
    quarantined,
  }: { records: readonly { name: string; row: Row }[]; quarantined: ReadonlySet<string> },
): Promise<void> {
  const { columns, keyIndexes, table } = mapping
  await target.transaction(async (tx) => {
    const rows = await openTableRows(tx, { name: table.name, columns, keyIndexes })
    const { rows: canonical } = await canonicalRows(
      tx,
      rows.wires,
      records.map((it) => it.row),
    )
    const rowKeys = canonical.map((it) => rows.rowKey(it).toString('hex'))
    const there = new Set<string>()
    for await (const keys of scanKeys(tx, table.name, rows.keyWires))
      for (const it of keys) there.add(rowKeyOf(it).toString('hex'))
    if (!compiled.tracked(table.name)) {
      const standing = rowKeys.filter((_, place) => !quarantined.has(records[place]!.name))
      expect([...there].sort()).toEqual(standing.sort())
      return
    }
    const origins = await ledger.origins.find(
      tx,
      showTable(table.name),
      rowKeys.map((it) => Buffer.from(it, 'hex')),
    )
    const rivals = await ledger.origins.rivals.of(
      tx,
      showTable(table.name),
      rowKeys.map((it) => Buffer.from(it, 'hex')),
    )
    const giveWay = new Set(rivals.map((it) => `${it.row.toString('hex')} ${it.writer} ${it.key} ${it.part}`))
    for (const [place, { name }] of records.entries()) {
      const origin = origins[place]
      const stands = origin?.state === 'stands' && `${origin.writer} ${origin.key} ${origin.part}` === name
      const isThere = there.has(rowKeys[place]!)
      const gaveWay = origin?.state === 'stands' && giveWay.has(`${rowKeys[place]} ${name}`)
      const existed = origin === undefined && isThere
      const fate = quarantined.has(name)
        ? 'quarantined'
        : stands && isThere
          ? 'stands'
          : gaveWay
            ? 'gave way'
            : existed
              ? 'was there'
              : 'lost'
      expect(`${name}: ${fate}`).not.toContain('lost')
    }
    const [row] = await tx.query(`SELECT count(*) AS open FROM kvmig.origin WHERE state = 'open'`)
    expect(row!.open).toBe('0')
  })
}
