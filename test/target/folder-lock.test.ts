import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openTarget } from '../../src/target/connect.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kvmig pglite '))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

test('a folder keeps what was written, and is opened by one at a time', async () => {
  const first = await openTarget('pglite:./a b/pg', { root })
  await first.transaction((tx) => tx.query(`CREATE TABLE public.t AS SELECT 'kept' AS v`))
  symlinkSync(join(root, 'a b'), join(root, 'link'))
  for (const path of ['./a b/pg', 'link/pg']) {
    await expect(openTarget(`pglite:${path}`, { root })).rejects.toMatchObject({
      code: 'PGLITE_LOCKED',
      message: expect.stringContaining(join(root, path)),
    })
  }
  await first.close()
  const second = await openTarget('pglite:./a b/pg', { root })
  expect(await second.transaction((tx) => tx.query('SELECT v FROM public.t'))).toEqual([{ v: 'kept' }])
  await second.close()
})

test('a folder that another process holds is refused, and free when that is killed', async () => {
  const folder = join(root, 'pg')
  // Holds the folder as kvmig does; then dies without a chance to let go.
  const script = `
    import { mkdirSync, statSync } from 'node:fs'
    import { createServer } from 'node:net'
    mkdirSync(${JSON.stringify(folder)})
    const { dev, ino } = statSync(${JSON.stringify(folder)}, { bigint: true })
    createServer().listen('\\0kvmig-pglite-' + dev + '-' + ino, () => console.log('held'))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  await expect(openTarget('pglite:pg', { root })).rejects.toMatchObject({ code: 'PGLITE_LOCKED' })
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
  const target = await openTarget('pglite:pg', { root })
  expect(await target.transaction((tx) => tx.query('SELECT 1 AS it'))).toEqual([{ it: '1' }])
  await target.close()
})

test('a transaction inside another is an error rather than a wait without end', async () => {
  const target = await openTarget('pglite:memory')
  const nested = target.transaction(() => target.transaction((tx) => tx.query('SELECT 1')))
  await expect(nested).rejects.toThrow('one connection')
  const [a, b] = await Promise.all(
    [1, 2].map((it) => target.transaction((tx) => tx.query('SELECT $1::int AS it', [it]))),
  )
  expect([a, b]).toEqual([[{ it: '1' }], [{ it: '2' }]])
  await target.close()
})
