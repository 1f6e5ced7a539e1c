import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

/** The house's ranks: an import points strictly downward, and folders of one rank do not know each other. */
const RANKS: Readonly<Record<string, number>> = {
  graph: 0,
  'byte-strings.ts': 0,
  'calendar.ts': 0,
  'decimal.ts': 0.1,
  'diagnostic.ts': 0,
  'errors.ts': 0,
  'failpoint.ts': 0,
  'hash64.ts': 0,
  'key-set.ts': 0.1,
  'printable.ts': 0,
  'process-group.ts': 0,
  'value.ts': 0,
  'version.ts': 0,
  json: 0.2,
  plan: 1,
  sources: 2,
  transforms: 2,
  target: 2,
  mapping: 3,
  state: 3,
  checks: 4,
  archive: 4.5,
  executors: 5,
  // An edge like cli: it gathers the catalog.
  runtime: 8,
  runner: 6,
  'catalog.ts': 7,
  report: 7,
  cli: 8,
  'index.ts': 8,
}

/** Each third-party package has one home, so that a major upgrade is one folder's work. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  yaml: ['plan'],
  ajv: ['plan'],
  'libpg-query': ['plan'],
  pg: ['target'],
  '@electric-sql/pglite': ['target'],
  ioredis: ['sources'],
  '@upstash/redis': ['sources'],
  libsql: ['sources'],
  listr2: ['cli'],
  commander: ['cli'],
  aws4fetch: ['archive'],
}

const root = resolve(import.meta.dirname, '../src')
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((it) => it.endsWith('.ts'))
const place = (file: string): string => relative(root, file).split('/')[0]!

test('every file stands in a folder that has a rank', () => {
  expect(files.filter((it) => RANKS[it.split('/')[0]!] === undefined)).toEqual([])
})

test('imports point strictly downward', () => {
  const upward: string[] = []
  for (const file of files) {
    for (const imported of importsOf(file).filter((it) => it.startsWith('.'))) {
      const to = resolve(dirname(join(root, file)), imported)
      const [from, target] = [place(join(root, file)), place(to)]
      if (from !== target && RANKS[target]! >= RANKS[from]!) upward.push(`${file} → ${relative(root, to)}`)
    }
  }
  expect(upward).toEqual([])
})

test('third-party packages have one home', () => {
  const strays: string[] = []
  for (const file of files) {
    for (const imported of importsOf(file)) {
      const homes = Object.entries(HOMES).find(
        ([it]) => imported === it || imported.startsWith(`${it}/`),
      )?.[1]
      if (homes && !homes.includes(file.split('/')[0]!)) strays.push(`${file} imports ${imported}`)
    }
  }
  expect(strays).toEqual([])
})

test('nothing reads the environment but the edges', () => {
  const readers = files.filter((it) =>
    /\bprocess\.(env|argv|cwd|exit)\b/.test(readFileSync(join(root, it), 'utf8')),
  )
  // failpoint.ts is how tests kill a process; a command of the team's own inherits the environment; a target refuses to start with TLS checks switched off by the environment.
  expect(
    readers.filter(
      (it) =>
        !it.startsWith('cli/') &&
        it !== 'index.ts' &&
        it !== 'runtime/connect.ts' &&
        it !== 'failpoint.ts' &&
        it !== 'process-group.ts' &&
        !it.startsWith('target/'),
    ),
  ).toEqual([])
})

function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((it) => it[1]!)
}
