import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { neighbours } from '../../src/checks/neighbours.ts'
import { scopeFor } from '../../src/runner/gates.ts'
import { Surveys } from '../../src/runner/surveys.ts'
import { startBeside } from '../cases/beside.ts'
import { readCases } from '../cases/case.ts'
import { type Harness, openProject } from '../runner/harness.ts'
import { type ChromaSeed, startChroma } from '../setup/chroma-server.ts'
import { projectFolder } from '../setup/cli.ts'
import { freshDatabase } from '../setup/postgres.ts'
import { type ChromaCollection, fillChroma, REAL_CHROMA } from '../setup/real-chroma.ts'

const DIMENSIONS = 6

/** Points that lie nowhere in particular, the same ones in every run; each length of a vector is another. */
function seeds(prefix: string, many: number): ChromaSeed[] {
  let state = prefix.length + 1
  const next = (): number => {
    state = (state * 1103515245 + 12345) % 2147483648
    return state / 1073741824 - 1
  }
  return Array.from({ length: many }, (_, it) => ({
    id: `${prefix}${it}`,
    document: `text ${it}`,
    embedding: JSON.stringify(Array.from({ length: DIMENSIONS }, () => Math.fround(next() * (1 + (it % 7))))),
    metadata: '{"kind":"note"}',
  }))
}

/** Where the extension is there: in the embedded Postgres always, in a server where somebody installed it. */
const SERVERS = ['pglite', 'postgres'] as const

const opened: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

/** The address of a Chroma with these collections: the real one where there is one, unless they hold what it would not take. */
async function server(
  collections: Readonly<Record<string, ChromaCollection>>,
  what?: 'odd',
): Promise<string> {
  if (REAL_CHROMA !== undefined && what === undefined) return fillChroma(REAL_CHROMA, collections)
  const chroma = await startChroma()
  opened.push(chroma.stop)
  for (const [name, it] of Object.entries(collections)) chroma.add(name, it.seeds, it.space)
  return chroma.url
}

/** A project that takes these collections into one table, applied. */
async function applied(
  chroma: string,
  database: string,
  {
    collections = ['docs'],
    index = '{ columns: [embedding], using: hnsw }',
    type = `vector(${DIMENSIONS})`,
  }: { collections?: readonly string[]; index?: string | null; type?: string } = {},
): Promise<Harness & { readonly failed: readonly string[] }> {
  const folder = projectFolder({
    'migrations.yaml': `version: 1\nsources: { chroma: 'chroma+${chroma}' }\ntarget: \${DATABASE_URL}\nplans: plans/*.yaml\n`,
    'plans/notes.yaml': `version: 1
plan: notes
mappings:
  - from: [${collections.map((it) => `{ match: '${it}:{_:rest}' }`).join(', ')}]
    type: string
    decode: json
    into: notes
    fields: { id: id, content: document, embedding: embedding, metadata: metadata }
    unmapped: { drop: [uri], because: nothing was stored outside }
tables:
  notes:
    columns: { id: text, content: text, embedding: '${type}', metadata: jsonb }
    primary_key: [id]
${index === null ? '' : `    indexes: { notes_near: ${index} }`}
`,
  })
  const harness = await openProject(folder.path, { DATABASE_URL: database })
  opened.push(async () => {
    await harness.close()
    folder.remove()
  })
  const { steps } = await harness.apply()
  return { ...harness, failed: steps.flatMap((it) => (it.error ? [it.error.message] : [])) }
}

async function ask(
  { session }: Harness,
  options: Parameters<typeof neighbours.run>[1] = {},
  plan = session.project.plans[0],
) {
  const surveys = new Surveys(session, [plan!], { compare: true, signal: session.signal })
  return neighbours.run(scopeFor(session, plan!, { surveys, signal: session.signal }), options)
}

const query = ({ session }: Harness, sql: string) =>
  session.target.transaction((tx) => tx.query(`SET LOCAL search_path = public; ${sql}`))

describe.each(SERVERS)('into %s', async (kind) => {
  const why = kind === 'pglite' ? undefined : await withoutExtension()
  const it = why === undefined ? test : (test.skip as unknown as typeof test)
  const title = (text: string): string => (why === undefined ? text : `${text} (${why})`)
  const database = async (): Promise<string> => {
    if (kind === 'pglite') return 'pglite:memory'
    const fresh = await freshDatabase()
    opened.push(fresh.drop)
    return fresh.url
  }

  it.each([
    ['l2', undefined],
    ['l2', 'l2'],
    ['cosine', 'cosine'],
    ['ip', 'ip'],
  ] as const)(
    title('an index measures by %s where the collection says %s, and finds the same'),
    async (metric, space) => {
      const chroma = await server({ docs: { seeds: seeds('d', 150), ...(space && { space }) } })
      const harness = await applied(chroma, await database())
      expect(harness.failed).toEqual([])
      const [index] = await query(harness, `SELECT pg_get_indexdef('notes_near'::regclass) AS sql`)
      expect(index!.sql).toContain(`hnsw (embedding vector_${metric}_ops)`)
      expect(await ask(harness)).toMatchObject({
        status: 'pass',
        measured: `notes.embedding by ${metric} (notes_near): 200 of 200 neighbours of 20 records are the same, recall 100 %.`,
        data: { same: 200, total: 200, recall: 1 },
      })
    },
  )

  it(
    title('every number is the same 32-bit float; other lengths and numbers that are none are rejected'),
    async () => {
      const odd = ['1e-45', '-1e-20', '3.4028235e38', '0.33333334', '16777216', '1.1754944e-38']
      const chroma = await server(
        {
          docs: {
            seeds: [
              { id: 'odd', document: null, embedding: `[${odd.join(',')}]`, metadata: 'null' },
              { id: 'none', document: 'no vector', embedding: 'null', metadata: 'null' },
              { id: 'short', document: '', embedding: '[1,2]', metadata: 'null' },
              { id: 'infinite', document: '', embedding: '[1,2,3,4,5,null]', metadata: 'null' },
              { id: 'beyond', document: '', embedding: '[1,2,3,4,5,1e39]', metadata: 'null' },
            ],
          },
        },
        'odd',
      )
      const harness = await applied(chroma, await database(), { index: null })
      const rows = await query(
        harness,
        `SELECT id, embedding::real[]::text AS numbers FROM notes ORDER BY id`,
      )
      const numbers = rows.find((it) => it.id === 'odd')!.numbers!
      expect(Float32Array.from(JSON.parse(numbers.replace('{', '[').replace('}', ']')))).toEqual(
        Float32Array.from(odd, Number),
      )
      expect(rows.map((it) => [it.id, it.numbers === null])).toEqual([
        ['none', true],
        ['odd', false],
      ])
      const quarantine = await harness.session.ledger.quarantine.list({ limit: 10 })
      expect(quarantine.map((it) => `${it.key} ${it.code}`).sort()).toEqual([
        'docs:beyond NUMERIC_OVERFLOW',
        'docs:infinite TYPE_MISMATCH',
        'docs:short TYPE_MISMATCH',
      ])
    },
  )

  it(title('two collections in one table are searched as one'), async () => {
    const chroma = await server({
      docs: { seeds: seeds('d', 60), space: 'cosine' },
      more: { seeds: seeds('mm', 60), space: 'cosine' },
    })
    const harness = await applied(chroma, await database(), { collections: ['docs', 'more'] })
    expect(await ask(harness, { records: 30, nearest: 5 })).toMatchObject({
      status: 'pass',
      data: { same: 150, total: 150 },
    })
  })

  it(
    title('collections that measure differently get no index that is right for one of them only'),
    async () => {
      const chroma = await server({
        docs: { seeds: seeds('d', 10), space: 'cosine' },
        more: { seeds: seeds('mm', 10) },
      })
      const harness = await applied(chroma, await database(), { collections: ['docs', 'more'] })
      expect(harness.failed).toEqual([
        expect.stringMatching(/cannot measure as the source does: (docs by cosine|more by l2), /),
      ])
      expect(await ask(harness)).toMatchObject({
        status: 'fail',
        samples: [expect.stringContaining('no search')],
      })
    },
  )

  it(title('fails for an index that measures otherwise'), async () => {
    const chroma = await server({ docs: { seeds: seeds('d', 40), space: 'cosine' } })
    const index = '{ columns: [embedding vector_l2_ops], using: hnsw }'
    const harness = await applied(chroma, await database(), { index })
    expect(await ask(harness)).toMatchObject({
      status: 'fail',
      samples: ['notes.embedding: index notes_near measures by l2, docs by cosine'],
      hint: expect.stringContaining('operator class'),
    })
  })

  it(title('fails for vectors that are not those of the source, and names the records'), async () => {
    const chroma = await server({ docs: { seeds: seeds('d', 100) } })
    const harness = await applied(chroma, await database(), { index: null })
    await query(
      harness,
      `UPDATE notes SET embedding = (SELECT n.embedding FROM notes n WHERE n.id = 'd' || (substr(notes.id, 2)::int * 37 % 100)) WHERE id > 'd5'`,
    )
    const finding = await ask(harness)
    expect(finding).toMatchObject({
      status: 'fail',
      samples: expect.arrayContaining([expect.stringMatching(/^docs:d\d+: \d of 10$/)]),
    })
    expect(finding.measured).toMatch(/^notes.embedding by l2 \(no index: .*recall [\d.]+ %\.$/)
    // A limit of one's own may be as low as one likes.
    expect(await ask(harness, { at_least: '1%' })).toMatchObject({ status: 'pass' })
  })

  it(title('takes records that are equally near for the same'), async () => {
    const same = seeds('d', 50).map((it, index) => ({ ...it, embedding: `[${index % 2},0,0,0,0,1]` }))
    const chroma = await server({ docs: { seeds: same } })
    const harness = await applied(chroma, await database())
    expect(await ask(harness)).toMatchObject({ status: 'pass', data: { same: 200, total: 200 } })
  })

  it(title('cannot tell by a single record'), async () => {
    const chroma = await server({ docs: { seeds: seeds('d', 1) } })
    expect(await ask(await applied(chroma, await database()))).toMatchObject({ status: 'unknown' })
  })
})

test('cannot tell where no column is a vector', async () => {
  const chroma = await server({ docs: { seeds: seeds('d', 3) } })
  const harness = await applied(chroma, 'pglite:memory', { index: null, type: 'real[]' })
  expect(await ask(harness)).toMatchObject({
    status: 'unknown',
    measured: 'Plan notes fills no column of type vector.',
  })
})

/** Why a real server cannot be asked; undefined where it can. */
async function withoutExtension(): Promise<string | undefined> {
  const database = await freshDatabase()
  const { rows } = await database.query(`SELECT 1 FROM pg_available_extensions WHERE name = 'vector'`)
  await database.drop()
  return rows.length > 0 ? undefined : 'this server has no pgvector'
}

test('case 06 with vector(8) in place of real[]: the same numbers, and the same neighbours', async () => {
  const it = readCases().find(({ name }) => name.startsWith('06'))!
  const beside = await startBeside(it.beside!)
  const folder = mkdtempSync(join(tmpdir(), 'kvmig vectors '))
  opened.push(beside.stop, async () => rmSync(folder, { recursive: true }))
  cpSync(it.project, folder, { recursive: true })
  const ddl = it.ddl.replace('real[], ', 'vector(8), ')
  expect(ddl).not.toBe(it.ddl)
  writeFileSync(join(folder, 'expected.sql'), ddl)
  const harness = await openProject(folder, {
    ...beside.variables,
    KV_URL: 'ndjson:./none.ndjson',
    DATABASE_URL: 'pglite:memory',
  })
  opened.push(harness.close)
  for (const sql of ['CREATE EXTENSION vector', ...ddl.split(/;\s*\n/)]) await query(harness, sql)
  const { steps, findings } = await harness.apply({ plans: ['frames', 'embeddings'] })
  expect(steps.flatMap((step) => step.error?.message ?? [])).toEqual([])
  expect([...findings.values()].flat().filter(({ status }) => status !== 'pass')).toEqual([])
  const rows = await query(harness, 'SELECT id, embedding::real[]::text AS numbers FROM embeddings')
  const expected = it.rows.get('embeddings')!
  expect(new Map(rows.map(({ id, numbers }) => [id, numbers]))).toEqual(
    new Map(expected.map((row) => [row.id, row.embedding && `{${(row.embedding as number[]).join(',')}}`])),
  )
  const plan = harness.session.project.plans.find(({ name }) => name === 'embeddings')!
  expect(await ask(harness, {}, plan)).toMatchObject({ status: 'pass', data: { recall: 1 } })
})
