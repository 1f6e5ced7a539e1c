import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLedger } from '../../src/state/postgres-ledger.ts'
import { openTarget } from '../../src/target/connect.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'

let database: FreshDatabase
beforeAll(async () => {
  database = await freshDatabase()
  await database.query(`
    DO $$ BEGIN CREATE ROLE ledger_apply LOGIN; CREATE ROLE ledger_plan LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
    ALTER ROLE ledger_plan SET default_transaction_read_only = on`)
})
afterAll(() => database.drop())

const as = (role: string) => openTarget(Object.assign(new URL(database.url), { username: role }).href)

test('a role that may make no schema is told what the owner has to run, and after that it works', async () => {
  const target = await as('ledger_apply')
  const ledger = openLedger(target)
  const error = await ledger.install().catch((it) => it)
  expect(error).toMatchObject({ code: 'PERMISSION', message: expect.stringContaining('schema kvmig') })
  const [statement] = /CREATE SCHEMA .*;/.exec(error.hint)!
  expect(statement).toBe('CREATE SCHEMA kvmig AUTHORIZATION ledger_apply;')

  await database.query(statement)
  await database.query(
    'CREATE TABLE public.messages (id int PRIMARY KEY); GRANT SELECT, INSERT ON public.messages TO ledger_apply',
  )
  await ledger.install()
  const lease = await ledger.lease.acquire('apply')
  await target.transaction(async (tx) => {
    await lease.fence(tx)
    await tx.query('INSERT INTO public.messages VALUES (1)')
    await ledger.saveCheckpoint(tx, 'pass', { identity: 'i', cursor: 'c', counts: {}, batch: 1 })
  })
  await lease.release()
  await target.close()
})

test('a reading role can read it once it may, and is told how to get there', async () => {
  const target = await as('ledger_plan')
  const ledger = openLedger(target)
  await expect(ledger.steps()).rejects.toMatchObject({
    code: 'PERMISSION',
    hint: expect.stringContaining('ON SCHEMA kvmig TO ledger_plan;'),
  })
  await database.query(
    'GRANT USAGE ON SCHEMA kvmig TO ledger_plan; GRANT SELECT ON ALL TABLES IN SCHEMA kvmig TO ledger_plan',
  )
  expect(await ledger.checkpoint('pass')).toEqual({ identity: 'i', cursor: 'c', counts: {}, batch: 1 })
  expect(await ledger.lease.current()).toBeUndefined()
  await expect(ledger.lease.acquire('plan')).rejects.toMatchObject({
    code: expect.stringMatching(/READ_ONLY|PERMISSION/),
  })
  await target.close()
})
