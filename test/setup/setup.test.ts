import { expect, test } from 'vitest'
import { freshDatabase } from './postgres.ts'
import { freshRedis } from './redis.ts'

test('every test can have a Postgres database of its own', async () => {
  const database = await freshDatabase()
  const { rows } = await database.query('select current_database() as name')
  expect(rows).toEqual([{ name: database.name }])
  await database.drop()
})

test('every test can have a Redis of its own, kill it and start it again', async () => {
  const redis = await freshRedis()
  await redis.client.set('a', '1')
  expect(await redis.client.get('a')).toBe('1')
  await redis.save()
  await redis.kill()
  await redis.restart()
  expect(await redis.client.get('a')).toBe('1')
  await redis.stop()
})
