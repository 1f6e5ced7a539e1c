import { expect, test } from 'vitest'
import { metered } from '../../src/cli/session.ts'
import { answering } from '../../src/mapping/answering.ts'
import { memorySource } from '../../src/sources/memory.ts'
import type { Source } from '../../src/sources/source.ts'
import { compilePlans } from '../mapping/compiled.ts'

/** A source that can do all that a source may. */
const able: Source = Object.assign(memorySource([]), {
  ask: async () => [],
  vectors: { metrics: () => [], nearest: async () => [] },
  count: async () => 0,
  reached: () => 0.5,
  edit: async () => Promise.reject(new Error('not here')),
  goesOn: true,
  warnings: ['beware'],
})

test.each(['ask', 'vectors', 'count', 'reached', 'edit', 'goesOn', 'warnings'] as const)(
  'whoever stands in front of a source can %s as well',
  async (ability) => {
    const { router } = await compilePlans(`mappings:
  - { match: 'user:{id}', type: hash, into: t, fields: { id: $id, v: "get('a:{id}')" } }
tables: { t: { columns: { id: text, v: text }, primary_key: [id] } }
`)
    const answered = answering(able, router, () => 0)
    expect(answered).not.toBe(able)
    for (const it of [answered, metered(able, { bytes: 0 }), metered(answered, { bytes: 0 })])
      expect(it[ability]).toBeDefined()
  },
)
