import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Origin, QuarantineRecord, Rival, StepRecord } from '../../src/state/ledger.ts'
import { openLedger } from '../../src/state/postgres-ledger.ts'
import type { Transaction } from '../../src/target/target.ts'
import { freshTarget, TARGETS } from '../target/targets.ts'

describe.each(TARGETS)('the ledger on %s', async (kind) => {
  const target = await freshTarget(kind)
  const ledger = openLedger(target)

  test('knows nothing before it is installed, and makes nothing by being asked', async () => {
    expect(await ledger.installed()).toBe(false)
    expect(await ledger.runs(10)).toEqual([])
    expect(await ledger.steps()).toEqual(new Map())
    expect(await ledger.checkpoint('pass')).toBeUndefined()
    expect(await ledger.routes()).toEqual(new Map())
    expect(await ledger.findings('messages')).toEqual([])
    expect(await ledger.quarantine.counts()).toEqual([])
    expect(await ledger.quarantine.list({})).toEqual([])
    expect(await ledger.lease.current()).toBeUndefined()
    expect(await ledger.installed()).toBe(false)
  })

  test('is installed once, by however many at the same time', async () => {
    await Promise.all(Array.from({ length: 5 }, () => openLedger(target).install()))
    await ledger.install()
    expect(await ledger.installed()).toBe(true)
    const versions = await target.transaction((tx) => tx.query('SELECT version FROM kvmig.version'))
    expect(versions.map((it) => Number(it.version))).toEqual(versions.map((_, index) => index + 1))
  })

  test('writes a journal', async () => {
    const run = {
      command: 'apply',
      phase: 'A' as const,
      plans: ['messages'],
      planHash: 'abc',
      who: 'ann',
      host: 'laptop',
      commit: undefined,
      version: '0.1.0',
    }
    const first = await ledger.beginRun(run)
    const second = await ledger.beginRun({ ...run, phase: undefined, commit: 'f00', plans: [] })
    await ledger.finishRun(first, 'done', { rows: 3 })
    const [newer, older, ...more] = await ledger.runs(10)
    expect(more).toEqual([])
    expect(older).toMatchObject({ ...run, id: first, outcome: 'done', summary: { rows: 3 } })
    expect(older!.startedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
    expect(Date.parse(older!.finishedAt!)).toBeGreaterThanOrEqual(Date.parse(older!.startedAt))
    expect(newer).toMatchObject({
      id: second,
      phase: undefined,
      commit: 'f00',
      outcome: undefined,
      finishedAt: undefined,
    })
    expect(await ledger.runs(1)).toHaveLength(1)
  })

  test('keeps steps with what they were, and forgets them', async () => {
    const step: StepRecord = {
      id: 'messages/A/table/messages',
      plan: 'messages',
      phase: 'A',
      kind: 'table',
      fingerprint: 'f1',
      state: 'running',
      definition: { table: { columns: ['é', '1.10'] } },
      outcome: undefined,
    }
    const shared: StepRecord = { ...step, id: 'project/A/schema/app', plan: undefined, kind: 'schema' }
    await target.transaction(async (tx) => {
      await ledger.saveStep(tx, step)
      await ledger.saveStep(tx, shared)
      await ledger.saveStep(tx, { ...step, state: 'done', fingerprint: 'f2', outcome: { rows: 1 } })
    })
    const steps = await ledger.steps()
    expect([...steps.keys()]).toEqual([step.id, shared.id])
    expect(steps.get(step.id)).toMatchObject({
      ...step,
      state: 'done',
      fingerprint: 'f2',
      outcome: { rows: 1 },
    })
    expect(steps.get(shared.id)).toMatchObject({ ...shared })
    await target.transaction((tx) => ledger.forgetSteps(tx, [step.id, 'unknown']))
    await target.transaction((tx) => ledger.forgetSteps(tx, []))
    expect([...(await ledger.steps()).keys()]).toEqual([shared.id])
  })

  test('keeps the last checkpoint of a pass, if its transaction was committed', async () => {
    const checkpoint = {
      identity: 'redis:run-1',
      cursor: '42',
      counts: { messages: { inserted: 3 } },
      batch: 2,
    }
    await target.transaction((tx) => ledger.saveCheckpoint(tx, 'pass', { ...checkpoint, cursor: '7' }))
    await target.transaction((tx) => ledger.saveCheckpoint(tx, 'pass', checkpoint))
    const failing = target.transaction(async (tx) => {
      await ledger.saveCheckpoint(tx, 'pass', { ...checkpoint, cursor: '99' })
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await ledger.checkpoint('pass')).toEqual(checkpoint)
    await target.transaction((tx) => ledger.dropCheckpoint(tx, 'pass'))
    expect(await ledger.checkpoint('pass')).toBeUndefined()
  })

  test('counts changes of a route, not repetitions', async () => {
    const save = (phase: 'A' | 'B') => target.transaction((tx) => ledger.saveRoute(tx, 'messages', phase))
    await save('A')
    await save('A')
    expect((await ledger.routes()).get('messages')).toMatchObject({ phase: 'A', epoch: 1 })
    await save('B')
    expect((await ledger.routes()).get('messages')).toMatchObject({ phase: 'B', epoch: 2 })
    await target.transaction((tx) => ledger.forgetRoute(tx, 'messages'))
    expect(await ledger.routes()).toEqual(new Map())
  })

  test('keeps findings, newest first, and lets a saved plan be used once', async () => {
    const run = '00112233-4455-6677-8899-aabbccddeeff'
    for (const count of [1, 2]) {
      await target.transaction((tx) =>
        ledger.saveFindings(tx, run, 'messages', 'B', [{ check: 'row_count', count }]),
      )
    }
    expect((await ledger.findings('messages')).map((it) => it.findings)).toEqual([
      [{ check: 'row_count', count: 2 }],
      [{ check: 'row_count', count: 1 }],
    ])
    expect(await target.transaction((tx) => ledger.usePlan(tx, 'digest'))).toBe('used now')
    expect(await target.transaction((tx) => ledger.usePlan(tx, 'digest'))).toBe('used before')
  })

  describe('has a quarantine that', () => {
    const record = (more: Partial<QuarantineRecord> = {}): QuarantineRecord => ({
      plan: 'messages',
      mapping: 'messages#1',
      key: Buffer.from('message:1'),
      part: '',
      column: 'created_at',
      code: 'NOT_A_TIMESTAMP',
      message: 'expected a number of milliseconds, found text of 5 characters',
      bytes: 5,
      digest: '00ff00ff00ff00ff',
      ...more,
    })
    const add = (...records: QuarantineRecord[]) =>
      target.transaction((tx) => ledger.quarantine.add(tx, records))
    const clear = () => target.transaction((tx) => ledger.quarantine.clear(tx, 'messages'))

    test('has one record for each key and part, with the last reason', async () => {
      await add(
        record(),
        record({ part: 'field:a' }),
        record({ code: 'FIELD_MISSING', column: undefined, bytes: undefined, digest: undefined }),
      )
      await add(record({ part: 'field:a', code: 'NULL_NOT_ALLOWED' }))
      expect(await ledger.quarantine.list({})).toEqual([
        record({
          code: 'FIELD_MISSING',
          column: undefined,
          bytes: undefined,
          digest: undefined,
          attempts: 1,
        }),
        record({ part: 'field:a', code: 'NULL_NOT_ALLOWED', attempts: 2 }),
      ])
      await clear()
      expect(await ledger.quarantine.counts()).toEqual([])
    })

    test('takes keys and parts of any bytes and length', async () => {
      const odd = [
        record({ key: Buffer.alloc(0) }),
        record({ key: Buffer.from([0, 255, 254]), part: 'field:\0"{,}\\' }),
        record({ key: randomBytes(100_000), part: `field:${'x'.repeat(10_000)}` }),
      ]
      await add(...odd)
      const listed = await ledger.quarantine.list({ plan: 'messages' })
      expect(new Set(listed.map((it) => `${it.key.toString('hex')} ${it.part}`))).toEqual(
        new Set(odd.map((it) => `${it.key.toString('hex')} ${it.part}`)),
      )
      expect(await ledger.quarantine.list({ key: odd[1]!.key })).toHaveLength(1)
      expect(await ledger.quarantine.list({ plan: 'other' })).toEqual([])
      expect(await ledger.quarantine.list({ limit: 2 })).toHaveLength(2)
      await clear()
    })

    test('lets go of what became a row', async () => {
      const other = Buffer.from('message:2')
      await add(record(), record({ part: 'index:1' }), record({ key: other }), record({ mapping: 'another' }))
      const left = async () =>
        (await ledger.quarantine.list({})).map((it) => `${it.mapping} ${it.key} ${it.part}`)
      await target.transaction((tx) =>
        ledger.quarantine.remove(tx, [record(), record({ key: Buffer.from('unknown') })]),
      )
      expect(await left()).toEqual([
        'another message:1 ',
        'messages#1 message:1 index:1',
        'messages#1 message:2 ',
      ])
      await clear()
    })

    test('lets go of what it doubts, but for what is added again', async () => {
      const other = Buffer.from('message:2')
      const release = () =>
        target.transaction((tx) => ledger.quarantine.release(tx, 'messages', 'messages#1'))
      const doubt = (keys?: Buffer[]) =>
        target.transaction((tx) => ledger.quarantine.doubt(tx, 'messages', 'messages#1', keys))
      await add(record(), record({ part: 'index:1' }), record({ key: other }), record({ mapping: 'another' }))
      expect(await release()).toBe(0)
      await doubt([other])
      expect(await release()).toBe(1)
      await doubt()
      await add(record())
      expect(await release()).toBe(1)
      expect((await ledger.quarantine.list({})).map((it) => `${it.mapping} ${it.key} ${it.part}`)).toEqual([
        'another message:1 ',
        'messages#1 message:1 ',
      ])
      await clear()
    })

    test('tells the keys of a mapping, each once', async () => {
      const odd = Buffer.from([0, 255])
      await add(
        record(),
        record({ part: 'index:1' }),
        record({ key: odd, code: 'ORPHAN' }),
        record({ mapping: 'another' }),
      )
      const keys = async (code?: 'ORPHAN') => {
        const filter = { plan: 'messages', mapping: 'messages#1', ...(code ? { code } : {}) }
        return (await ledger.quarantine.keys(filter)).map((it) => it.toString('hex')).sort()
      }
      expect(await keys()).toEqual([odd.toString('hex'), record().key.toString('hex')].sort())
      expect(await keys('ORPHAN')).toEqual([odd.toString('hex')])
      await clear()
    })

    test('knows what was accepted, for as long as the reason and the value stay the same', async () => {
      const other = record({ key: Buffer.from('message:2'), code: 'ORPHAN' })
      await add(record(), other)
      const accept = (filter: object) =>
        target.transaction((tx) => ledger.quarantine.accept(tx, { plan: 'messages', ...filter }, 'known bad'))
      expect(await accept({ code: 'ORPHAN' })).toBe(1)
      expect(await accept({ code: 'ORPHAN' })).toBe(0)
      expect(await accept({ key: Buffer.from('unknown') })).toBe(0)
      expect(await ledger.quarantine.counts()).toEqual([
        { plan: 'messages', mapping: 'messages#1', code: 'NOT_A_TIMESTAMP', open: 1, accepted: 0 },
        { plan: 'messages', mapping: 'messages#1', code: 'ORPHAN', open: 0, accepted: 1 },
      ])
      await add(other)
      expect((await ledger.quarantine.list({ key: other.key }))[0]).toMatchObject({
        accepted: 'known bad',
        attempts: 2,
      })
      await add({ ...other, digest: 'another' })
      expect((await ledger.quarantine.list({ key: other.key }))[0]).not.toHaveProperty('accepted')
      expect(await accept({ key: other.key })).toBe(1)
      await clear()
    })
  })

  test('remembers where rows came from', async () => {
    const origin = (index: number, more: Partial<Origin> = {}): Origin => ({
      row: Buffer.alloc(16, index),
      writer: 'messages/messages',
      key: Buffer.from([0, index]),
      part: `index:${index}\0`,
      state: 'stands',
      existed: false,
      ...more,
    })
    const save = (table: string, ...origins: Origin[]) =>
      target.transaction((tx) => ledger.origins.save(tx, table, origins))
    await save('messages', origin(3), origin(1), origin(2), origin(1, { part: 'again' }))
    await save('messages', origin(2, { writer: 'messages/messages.2', existed: true }))
    await save('others', origin(1))
    await save('others')
    const [one, none, two, three] = await target.transaction((tx) =>
      ledger.origins.find(
        tx,
        'messages',
        [1, 9, 2, 3].map((it) => Buffer.alloc(16, it)),
      ),
    )
    expect([one, none, two, three]).toEqual([
      origin(1, { part: 'again' }),
      undefined,
      origin(2, { writer: 'messages/messages.2', existed: true }),
      origin(3),
    ])
    await target.transaction((tx) => ledger.origins.remove(tx, 'messages', [origin(1).row, origin(9).row]))
    const all = async (table: string) =>
      target.transaction(async (tx) => {
        const rows = Array.from({ length: 10 }, (_, it) => Buffer.alloc(16, it))
        const found = await ledger.origins.find(tx, table, rows)
        return found.flatMap((it) => it?.row[0] ?? [])
      })
    expect(await all('messages')).toEqual([2, 3])
    await target.transaction((tx) => ledger.origins.clear(tx, 'messages'))
    expect(await all('messages')).toEqual([])
    expect(await all('others')).toEqual([1])
  })

  test('remembers who else gives a row, and opens it again when the one that had it is forgotten', async () => {
    const rival = (row: number, writer: string, key: string): Rival => ({
      row: Buffer.alloc(16, row),
      writer,
      key: Buffer.from(key),
      part: '',
    })
    const origin = (it: Rival, state: Origin['state']): Origin => ({ ...it, state, existed: false })
    const { origins } = ledger
    const [a, b, c] = [rival(1, 'p/a', 'a'), rival(1, 'p/b', 'b'), rival(2, 'p/b', 'c')]
    const run = <T>(work: (tx: Transaction) => Promise<T>) => target.transaction(work)
    await run((tx) => origins.save(tx, 'fought', [origin(a, 'stands'), origin(c, 'stands')]))
    await run((tx) => origins.rivals.add(tx, 'fought', [b, b, rival(2, 'p/a', 'd')]))
    expect(await run((tx) => origins.rivals.of(tx, 'fought', [a.row]))).toEqual([b])
    expect(await origins.contested()).toEqual([])
    await run((tx) => origins.clear(tx, 'fought', 'p/a'))
    expect(await run((tx) => origins.find(tx, 'fought', [a.row, c.row]))).toEqual([
      origin(b, 'open'),
      origin(c, 'stands'),
    ])
    expect(await run((tx) => origins.rivals.of(tx, 'fought', [a.row, c.row]))).toEqual([])
    expect(await run((tx) => origins.open(tx, 'fought', 10))).toEqual([origin(b, 'open')])
    expect(await origins.contested()).toEqual(['fought'])
    await run((tx) => origins.clear(tx, 'fought', 'p/b'))
    expect(await run((tx) => origins.find(tx, 'fought', [a.row, c.row]))).toEqual([undefined, undefined])
  })

  test('refuses a schema that a newer kvmig wrote', async () => {
    await target.transaction((tx) => tx.query('INSERT INTO kvmig.version (version) VALUES (999)'))
    for (const act of [() => ledger.install(), () => ledger.steps(), () => ledger.lease.acquire('ann')]) {
      await expect(act()).rejects.toMatchObject({
        code: 'LEDGER_NEWER',
        message: expect.stringContaining('999'),
      })
    }
    await target.transaction((tx) => tx.query('DELETE FROM kvmig.version WHERE version = 999'))
  })

  test('goes without a trace', async () => {
    await ledger.uninstall()
    await ledger.uninstall()
    expect(await ledger.installed()).toBe(false)
    await ledger.install()
    expect(await ledger.runs(10)).toEqual([])
  })
})
