import { expect, test } from 'vitest'
import { kvmig } from '../setup/cli.ts'
import { read } from './shipped-files.ts'

const page = read('docs/commands.md')
const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((it) => [it.slice(0, it.indexOf('\n')).trim(), it] as const),
)

test('docs/commands.md has every command, with every option', async () => {
  const { stdout } = await kvmig('.', ['--help']).ended
  const names = [...stdout.matchAll(/^ {2}([a-z]+)(?: \[| <| {3})/gm)].map(([, name]) => name!)
  expect(names.length).toBeGreaterThan(15)
  const missing: string[] = []
  await Promise.all(
    names.map(async (name) => {
      const section = sections.get(name)
      if (!section) return missing.push(name)
      const { stdout: help } = await kvmig('.', [name, '--help']).ended
      const own = help.split('Global Options:')[0]!
      for (const [, option] of own.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm))
        if (option !== '--help' && !section.includes(option!)) missing.push(`${name} ${option}`)
      return undefined
    }),
  )
  expect(missing).toEqual([])
})
