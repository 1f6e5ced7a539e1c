import { expect, test } from 'vitest'
import { compileProject } from '../../src/mapping/compiled-project.ts'
import { dualWriteObstacles } from '../../src/mapping/dual-write-obstacle.ts'
import { compilePlans, parts } from './compiled.ts'

/** Why phase B and the runtime refuse entries, in the words that both say. */

const TABLE = 'tables: { t: { columns: { id: text, a: text, n: bigint }, primary_key: [id] } }\n'
const ENTRY = "  - { match: 'a:{id}', type: string, into: t, fields: { id: $id, a: $value } }\n"

test.each([
  { what: 'a key and a row', mappings: ENTRY, why: undefined },
  {
    what: 'a value in pieces',
    mappings:
      "  - { match: 'a:{id}', type: string, chunks: 'a:{id}:{i}', into: t, fields: { id: $id, a: $value } }\n",
    why: 'its values are cut into pieces, and a write would have to know them all',
  },
  {
    what: 'a stream',
    mappings: '  - { match: a, type: stream, each: message, into: t, fields: { id: $message, a: a } }\n',
    why: 'a stream gives its messages their ids itself',
  },
  {
    what: 'a lookup',
    mappings:
      "  - { match: 'a:{id}', type: string, into: t, fields: { id: $id, a: \"hget('names', $id)\" } }\n  - { match: names, index: hash }\n",
    why: 'columns depend on what other keys say',
  },
  {
    what: 'rows of several records',
    mappings:
      "  - { match: 'a:{id}', type: string, into: t, merge: { n: sum }, fields: { id: $id, n: $value | int } }\n  - { match: 'b:{id}', type: string, into: t, fields: { id: $id, n: $value | int } }\n",
    why: 'rows of t are made of several records, and a write would have to know them all',
  },
])('$what: $why', async ({ mappings, why }) => {
  const { project } = await compilePlans(`mappings:\n${mappings}${TABLE}`)
  const { of, all } = dualWriteObstacles(project.plans[0]!, compileProject(project, parts))
  expect(all).toBe(why !== undefined)
  for (const it of of) expect(it).toBe(`${it.split(' ')[0]} cannot be written to both sides: ${why}`)
  expect(of.length > 0).toBe(why !== undefined)
})
