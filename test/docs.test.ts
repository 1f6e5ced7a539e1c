import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { REJECT_CODES } from '../src/value.ts'

const page = (name: string): string => readFileSync(resolve(import.meta.dirname, '..', name), 'utf8')

test('the page about the quarantine explains every reason, and no other', () => {
  const explained = [...page('docs/quarantine.md').matchAll(/^\| ([A-Z_0-9]+) \|/gm)].map((it) => it[1])
  expect(explained).toEqual([...REJECT_CODES])
})
