import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { runCli } from '../setup/run-cli.ts'

const page = readFileSync(resolve(import.meta.dirname, '../../docs/commands.md'), 'utf8')
const cwd = import.meta.dirname
let commands: string[]

beforeAll(async () => {
  const { stdout } = await runCli(['--help'], { cwd })
  commands = [...stdout.matchAll(/^ {2}([a-z][a-z-]*)\b.* {2}\S/gm)].map((it) => it[1]!)
})

test('docs/commands.md has every command, and no other', () => {
  expect([...page.matchAll(/^### ([a-z-]+)$/gm)].map((it) => it[1])).toEqual(commands)
})

test('docs/commands.md has every option of every command', async () => {
  const missing: string[] = []
  for (const command of commands) {
    const { stdout } = await runCli([command, '--help'], { cwd })
    const section = page.slice(page.indexOf(`### ${command}\n`)).split(/\n##+ /)[0]!
    const own = stdout.slice(stdout.indexOf('Options:'), stdout.indexOf('Global Options:'))
    for (const [option] of own.matchAll(/--[a-z-]+/g)) {
      if (option !== '--help' && !section.includes(option)) missing.push(`${command} ${option}`)
    }
  }
  expect(missing).toEqual([])
})
