import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MAPPING_PARTS, PLAN_CATALOG } from '../../src/catalog.ts'
import { type CompiledProject, compileProject } from '../../src/mapping/compiled-project.ts'
import { groupOf } from '../../src/mapping/group.ts'
import type { CompiledMapping } from '../../src/mapping/mapping.ts'
import { loadProject } from '../../src/plan/load.ts'
import { mappingsOf } from '../../src/plan/plan.ts'
import { filesIn } from '../../src/plan/project-files.ts'
import { redis } from '../../src/sources/redis.ts'
import type { Entry } from '../../src/sources/source.ts'
import type { Row } from '../../src/value.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { entriesOf } from '../sources/entries.ts'
import { canonical } from './canonical.ts'
import { readCases } from './case.ts'

/** What a mapping makes of an entry, and as much of the entry as that is: without elements that are turned away, or left out by `where`. */
function forwardOf(
  mapping: CompiledMapping,
  entry: Entry,
): { readonly rows: readonly Row[]; readonly entry: Entry } {
  const rows: Row[] = []
  const parts = new Set<string>()
  mapping.forward(entry, {
    row: (row, part) => {
      rows.push(row)
      parts.add(part())
    },
    reject: () => {},
    filtered: () => {},
    unmapped: () => {},
  })
  const { value } = entry
  const isThere = (word: string, name: Buffer | undefined) => parts.has(`${word}:${name}`)
  if (value?.type === 'hash' && mapping.mapping.each)
    return {
      rows,
      entry: {
        ...entry,
        value: {
          ...value,
          pairs: value.pairs.filter((_, at) => isThere('field', value.pairs[at - (at % 2)])),
        },
      },
    }
  if (value?.type === 'set')
    return {
      rows,
      entry: { ...entry, value: { ...value, members: value.members.filter((it) => isThere('member', it)) } },
    }
  return { rows, entry }
}

/** Rows of mappings with a way back. Where there are none, keys are not kept as they are written, or rows are made of parts of a value. */
const TRIED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  '02-vibe-core': {
    'people streaks': 18,
    'people user_connections': 16,
    'people users': 26,
    'people users.2': 1,
    'vibe invites': 24,
    'vibe invites.2': 4,
    'vibe reports': 6,
    'vibe waitlist': 10,
    'vibe waitlist_sources': 3,
  },
  '04-5ducks-credits': { 'credits user_identities': 30 },
  '05-5ducks-replit-full': {
    'database campaigns': 8,
    'database companies': 90,
    'database contacts': 201,
    'database id_counters': 7,
    'database search_lists': 25,
    'database user_preferences': 6,
    'database users': 12,
  },
  '07-nextauth-upstash': {
    'auth accounts': 43,
    'auth sessions': 46,
    'auth users': 40,
    'auth verification_token': 4,
  },
  '08-vercel-chat': { 'chats users': 12 },
  '12-deno-saaskit': { 'saaskit items': 60, 'saaskit users': 20, 'saaskit visits': 5 },
  '14-bullmq': { 'jobs job_logs': 33, 'jobs queue_counters': 2 },
  '16-sessions-flags': { 'flags flipper_features': 5, 'sessions session': 119 },
  '19-envshare': { 'secrets metrics': 2, 'secrets secrets': 100 },
}

describe.each(readCases())('case $name, where a mapping claims a way back', (it) => {
  let server: FreshRedis
  let compiled: CompiledProject
  let pairs: readonly { readonly mapping: CompiledMapping; readonly entry: Entry }[]

  beforeAll(async () => {
    server = await freshRedis()
    await it.seed(server.client)
    const source = await redis.open(server.url, { root: '/', signal: new AbortController().signal })
    const entries = await entriesOf(source.scan({ prefix: Buffer.alloc(0), want: () => 'entry' }))
    await source.close()
    const { project, diagnostics } = await loadProject({
      file: 'migrations.yaml',
      root: it.project,
      files: filesIn(it.project),
      catalog: PLAN_CATALOG,
    })
    if (!project) throw new Error(JSON.stringify(diagnostics))
    compiled = compileProject(project, MAPPING_PARTS)
    // Other stores than Redis are not written again.
    const plans = project.plans.filter(({ source }) => source === 'kv')
    pairs = plans.flatMap((plan) =>
      mappingsOf(plan)
        .filter((mapping) => groupOf(plan, mapping).length === 1)
        .map((mapping) => compiled.mapping(plan.name, mapping.name))
        .filter((mapping) => mapping.inverse)
        .flatMap((mapping) =>
          entries
            .filter((entry) =>
              compiled
                .router(plan.source)
                .route(entry.key, entry.type)
                .some((claim) => claim.kind === 'mappings' && claim.mappings.includes(mapping)),
            )
            .map((entry) => ({ mapping, entry })),
        ),
    )
  })
  afterAll(() => server.stop())

  test('there are entries to try it with', () => {
    const tried = new Map<string, number>()
    for (const { mapping, entry } of pairs) {
      const name = `${mapping.plan} ${mapping.mapping.name}`
      tried.set(name, (tried.get(name) ?? 0) + forwardOf(mapping, entry).rows.length)
    }
    expect(Object.fromEntries(tried)).toEqual(TRIED[it.name] ?? {})
  })

  test('the entry that is made of its rows is the entry, in canonical form', () => {
    for (const { mapping, entry } of pairs) {
      const { rows, entry: taken } = forwardOf(mapping, entry)
      if (rows.length === 0) continue
      const back = { ...mapping.inverse!(rows), offset: 0, more: false }
      expect(canonical(back, mapping)).toEqual(canonical(taken, mapping))
    }
  })

  test('forward, back and forward again gives the same rows', () => {
    for (const { mapping, entry } of pairs) {
      const { rows } = forwardOf(mapping, entry)
      if (rows.length === 0) continue
      const back = { ...mapping.inverse!(rows), offset: 0, more: false }
      expect(forwardOf(mapping, back).rows).toEqual(rows)
      expect(mapping.inverse!(rows)).toEqual(mapping.inverse!(forwardOf(mapping, back).rows))
    }
  })
})
