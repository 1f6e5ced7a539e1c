import { expect, test } from 'vitest'
import { projectFolder } from '../setup/cli.ts'
import { runCli } from '../setup/run-cli.ts'
import { read } from './shipped-files.ts'

const recipes = read('docs/cookbook.md')
  .split(/^## /m)
  .slice(1)
  .map((it) => ({ title: it.slice(0, it.indexOf('\n')), plan: /```yaml\n(.*?)```/s.exec(it)?.[1] ?? '' }))

test('there is a recipe for each family of layouts, each a plan with examples', () => {
  expect(recipes.map((it) => it.title)).toEqual([
    'JSON per key',
    'Hash per object',
    'Hash of JSON',
    'List of ids beside documents',
    'List of JSON',
    'Set as relation',
    'Sorted set with time',
    'Counters',
    'Sessions that expire',
    'Everything in one key',
    'Double-encoded',
    'Generations',
    'One row of several keys',
    'Numbers that the store gives out',
  ])
  for (const { plan } of recipes) expect(plan).toContain('\nexamples:\n')
})

test('every example of every recipe holds', async () => {
  const folder = projectFolder({
    'migrations.yaml':
      'version: 1\nsources: { kv: "rdb:./kv.rdb" }\ntarget: pglite:./pg\nplans: plans/*.yaml\n',
    ...Object.fromEntries(recipes.map(({ plan }, index) => [`plans/recipe-${index}.yaml`, plan])),
  })
  try {
    const { code, stdout, stderr } = await runCli(['test'], { cwd: folder.path })
    expect({ stderr, failed: stdout.match(/^✗.*/gm), code }).toEqual({ stderr: '', failed: null, code: 0 })
    expect(stdout).toMatch(/Test: \d\d examples pass\./)
  } finally {
    folder.remove()
  }
})
