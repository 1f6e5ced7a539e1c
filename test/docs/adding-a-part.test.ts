import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import type { Check } from '../../src/checks/check.ts'
import type { Transform } from '../../src/transforms/transform.ts'
import { scopeOf, surveyOf, table, tableSurvey } from '../checks/scope.ts'
import { n, outcome, reject } from '../transforms/table.ts'
import { read } from './shipped-files.ts'

const blocks = [...read('docs/adding-a-part.md').matchAll(/```ts\n\/\/ (\S+)\n(.*?)```/gs)]
const folder = mkdtempSync(join(tmpdir(), 'kvmig-part-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** What the page's file exports, put where it says. */
async function part(path: string): Promise<Record<string, unknown>> {
  const [, , text] = blocks.find(([, it]) => it === path)!
  const place = pathToFileURL(join(import.meta.dirname, '../..', path))
  const file = join(folder, `${path.replaceAll('/', '-')}`)
  // The same modules as the tests have, wherever the file lies.
  writeFileSync(
    file,
    text!.replace(/from '(\.[^']+)'/g, (_, it) => `from '${new URL(it, place).href}'`),
  )
  return import(file)
}

test('the transform of the page works', async () => {
  const { cents } = (await part('src/transforms/cents.ts')) as { cents: Transform }
  const { forward, inverse } = cents.create([])
  expect(forward(n('12.50'))).toEqual(n('1250'))
  expect(outcome(() => forward(n('0.005')))).toEqual(reject('NOT_AN_INTEGER'))
  expect(outcome(() => forward('12'))).toEqual(reject('TYPE_MISMATCH'))
  expect(forward(inverse!(n('1250')))).toEqual(n('1250'))
})

test('the check of the page works', async () => {
  const { notEmpty } = (await part('src/checks/not-empty.ts')) as { notEmpty: Check }
  const messages = table('messages', { id: 'text' })
  const ask = (actual: number) =>
    notEmpty.run(scopeOf({ tables: [messages], survey: surveyOf({ tables: [tableSurvey({ actual })] }) }), {})
  expect(await ask(1)).toMatchObject({ status: 'pass' })
  expect(await ask(0)).toMatchObject({ status: 'fail', measured: '1 table, messages empty.' })
})
