import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openTarget } from '../../src/target/connect.ts'

const BUILT = pathToFileURL(resolve(import.meta.dirname, '../../dist/target/connect.js')).href

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

test('a folder that another process holds is refused; when that is killed, it is free and holds all that was committed', async () => {
  const script = `
    import { openTarget } from ${JSON.stringify(BUILT)}
    const target = await openTarget('pglite:pg', { root: ${JSON.stringify(root)} })
    await target.transaction((tx) => tx.query('CREATE TABLE public.t (id int PRIMARY KEY, v text)'))
    for (let id = 1; ; id++) {
      await target.transaction((tx) => tx.query('INSERT INTO public.t VALUES ($1, repeat($2, 1000))', [id, 'x']))
      console.log(id)
    }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = once(child, 'exit')
  let committed = 0
  let asked: Promise<unknown> | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    committed = Number(line)
    if (committed === 1) asked = openTarget('pglite:pg', { root }).catch((it) => it)
    if (committed === 50) {
      expect(await asked).toMatchObject({ code: 'PGLITE_LOCKED' })
      child.kill('SIGKILL')
    }
  }
  await gone
  const target = await openTarget('pglite:pg', { root })
  const [row] = await target.transaction((tx) =>
    tx.query('SELECT count(*) AS rows, max(id) AS last FROM public.t'),
  )
  expect(Number(row!.rows)).toBe(Number(row!.last))
  expect(Number(row!.rows)).toBeGreaterThanOrEqual(committed)
  await target.close()
})

test('a transaction inside another is an error rather than a wait without end', async () => {
  const target = await openTarget('pglite:memory')
  const nested = target.transaction(() => target.transaction((tx) => tx.query('SELECT 1')))
  await expect(nested).rejects.toThrow('one connection')
  const both = [1, 2].map((it) => target.transaction((tx) => tx.query('SELECT $1::int AS it', [it])))
  expect(await Promise.all(both)).toEqual([[{ it: '1' }], [{ it: '2' }]])
  await target.close()
})
