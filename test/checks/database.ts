import { randomBytes } from 'node:crypto'
import { afterAll } from 'vitest'
import { openTarget } from '../../src/target/connect.ts'
import type { Target } from '../../src/target/target.ts'
import { freshDatabase } from '../setup/postgres.ts'

/** Both kinds of server that a check has to understand. */
export const SERVERS = ['postgres', 'pglite'] as const

/** As the application would: new tables go to `public`. */
export const runSql = (target: Target, sql: string) =>
  target.transaction((tx) => tx.query(`SET LOCAL search_path = public; ${sql}`))

/** A database as a role sees it that may log in and nothing else. `sql` is run by the owner; `the_role` in it is the role's name. */
export async function freshRole(sql: string): Promise<{ readonly target: Target; readonly role: string }> {
  const database = await freshDatabase()
  const role = `r_${randomBytes(6).toString('hex')}`
  await database.query(`CREATE ROLE ${role} LOGIN`)
  await database.query(sql.replaceAll('the_role', role))
  const url = new URL(database.url)
  url.username = role
  const target = await openTarget(url.href)
  afterAll(async () => {
    await target.close()
    await database.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    await database.drop()
  })
  return { target, role }
}
