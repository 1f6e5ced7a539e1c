import { describe, expect, test } from 'vitest'
import { parseType } from '../../src/plan/column-type.ts'
import { wireTypes } from '../../src/target/column-types.ts'
import { freshTarget } from './targets.ts'

describe('a column that was changed since the plan was made', async () => {
  const target = await freshTarget('postgres')
  const mood = `CREATE TYPE mood AS ENUM ('sad', 'glad')`
  await target.transaction((tx) => tx.query(`${mood}; CREATE DOMAIN short AS varchar(9)`))

  const looked = (there: string, planned: string) =>
    target.transaction(async (tx) => {
      await tx.query(`DROP TABLE IF EXISTS public.changed; CREATE TABLE public.changed (v ${there})`)
      const type = parseType(planned).type!
      return wireTypes(tx, { schema: 'public', table: 'changed' }, [{ name: 'v', type }])
    })

  test.each([
    ['bigint', 'double precision'],
    ['double precision', 'bigint'],
    ['bigint', 'timestamptz'],
    ['timestamptz', 'timestamp'],
    ['integer', 'bigint'],
    ['integer', 'real'],
    ['date', 'integer'],
    ['text', 'bytea'],
    ['text', 'bigint'],
    ['text', 'text[]'],
    ['bigint[]', 'bigint'],
    ['jsonb', 'json'],
    ['jsonb', 'text'],
    ['uuid', 'text'],
    ['bigint', 'short'],
    ['vector(3)', 'bytea'],
  ])('is refused where the plan says %s and it is %s', async (planned, there) => {
    await expect(looked(there, planned)).rejects.toMatchObject({
      code: 'COLUMN_TYPE',
      message: expect.stringMatching(/^Column v of table changed is .*, and the plan says /),
    })
  })

  test.each([
    ['text', 'varchar(9)'],
    ['varchar(9)', 'text'],
    ['text', 'mood'],
    ['text', 'short'],
    ['numeric(9,2)', 'numeric'],
    ['timestamptz', 'timestamptz(3)'],
    ['inet', 'text'],
    ['text[]', 'varchar(9)[]'],
  ])(
    'is taken where the plan says %s and it is %s: Postgres reads the same from it',
    async (planned, there) => {
      await expect(looked(there, planned)).resolves.toHaveLength(1)
    },
  )
})
