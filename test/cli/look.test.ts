import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { lookCommands } from '../../src/cli/look.ts'

const commands = (
  table: string,
  { url = '${DATABASE_URL}', label = 'postgres://db/app' } = {},
): readonly string[] =>
  lookCommands(
    { target: { kind: 'postgres', label }, project: { target: { url } } } as never,
    { vertices: [{ data: { kind: 'backfill', table: { name: { schema: 'public', table } } } }] } as never,
  )

test.each([
  ['messages', 'SELECT * FROM messages LIMIT 5'],
  ['user', 'SELECT * FROM "user" LIMIT 5'],
  ['Order', 'SELECT * FROM "Order" LIMIT 5'],
  [`it's $HOME "x"`, `SELECT * FROM "it's $HOME ""x""" LIMIT 5`],
])('a shell gives psql the statement for %s', (table, statement) => {
  const [command] = commands(table)
  const said = execFileSync('sh', ['-c', `psql() { printf '%s\\n' "$3"; }; ${command}`]).toString()
  expect(said).toBe(`${statement}\n`)
})

test('an address with words of a shell in it is one argument', () => {
  const [command] = commands('t', { url: 'x', label: 'postgres://db/app?a=1&b=2' })
  expect(execFileSync('sh', ['-c', `psql() { printf '%s' "$1"; }; ${command}`]).toString()).toBe(
    'postgres://db/app?a=1&b=2',
  )
})
