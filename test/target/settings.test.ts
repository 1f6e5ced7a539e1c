import { afterAll, expect, test } from 'vitest'
import { openTarget } from '../../src/target/connect.ts'
import { freshDatabase } from '../setup/postgres.ts'

const database = await freshDatabase()
afterAll(() => database.drop())

test.each([
  ['client_encoding', 'LATIN1', 'UTF8'],
  ['array_nulls', 'off', 'on'],
  ['standard_conforming_strings', 'off', 'on'],
  ['transform_null_equals', 'on', 'off'],
  ['default_transaction_isolation', 'serializable', 'read committed', 'transaction_isolation'],
  ['datestyle', 'German, DMY', 'ISO, YMD'],
  ['timezone', 'Asia/Kathmandu', 'UTC'],
  ['extra_float_digits', '-15', '1'],
  ['bytea_output', 'escape', 'hex'],
])('%s = %s of the database holds for nobody here', async (name, theirs, ours, shown = name) => {
  await database.query(`ALTER DATABASE "${database.name}" SET ${name} = '${theirs}'`)
  const target = await openTarget(database.url)
  try {
    for (const readOnly of [false, true]) {
      const show = await target.transaction((tx) => tx.query(`SELECT current_setting('${shown}') AS is`), {
        readOnly,
      })
      expect(show).toEqual([{ is: ours }])
    }
    const text = await target.transaction((tx) =>
      tx.query('SELECT $1::text AS it, length($1::text) AS long', ['é😀']),
    )
    expect(text).toEqual([{ it: 'é😀', long: '2' }])
  } finally {
    await target.close()
    await database.query(`ALTER DATABASE "${database.name}" RESET ALL`)
  }
})
