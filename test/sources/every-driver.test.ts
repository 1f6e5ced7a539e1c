import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SOURCES } from '../../src/sources/index.ts'
import { CAPABILITIES } from '../../src/sources/source.ts'

const tests = readdirSync(import.meta.dirname)
  .filter((it) => it.endsWith('.test.ts'))
  .map((it) => readFileSync(join(import.meta.dirname, it), 'utf8'))

test.each(SOURCES.map((it) => [it.name, it] as const))(
  '%s is shown to do what it says',
  (name, { lacks }) => {
    const suites = tests.filter((it) => it.includes('describeSource({') && it.includes(`adapter: ${name},`))
    expect(suites.length).toBeGreaterThan(0)
    for (const capability of Object.keys(lacks)) expect(Object.keys(CAPABILITIES)).toContain(capability)
  },
)
