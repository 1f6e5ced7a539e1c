// What is measured. A lane gets the bench of one shape and answers `{ seconds, memoryMb, cpu }`, or several of these by name.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { damageRows, forgetVersions } from './damage.mjs'
import { missingPooler, startPooler } from './pooler.mjs'
import { run } from './processes.mjs'
import { closeForeignTable, insertSome, missingRedisFdw, openForeignTable } from './redis-fdw.mjs'
import { missingSqlite, openTold } from './told.mjs'

const here = import.meta.dirname

/**
 * In the order in which a round runs them: those that read what another left behind come after it. `optional`: only if asked for, or with
 * `all`. `missing` says why this machine cannot run it; `only`: the shapes that it is about.
 */
export const LANES = {
  copy: {
    summary: '\\copy of a ready file, in no order, into the same table, primary key and all',
    run: (bench) => copy(bench, bench.rowsFile),
  },
  'copy sorted': {
    summary:
      'the same in the order in which the records were made: of small JSON that is the order of the key',
    optional: true,
    run: (bench) => copy(bench, bench.sortedFile),
  },
  drain: {
    summary: 'reading all of Redis with nothing behind it',
    run: ({ program }) => program('drain.mjs', []),
  },
  script: {
    summary: 'a hand-written script: scan, pipeline, upsert of a thousand rows',
    run: (bench) => fresh(bench, () => bench.program('peers.mjs', ['script', bench.name])),
  },
  'script 4': {
    summary: 'the same with four writers',
    run: (bench) => fresh(bench, () => bench.program('peers.mjs', ['script', bench.name, '--writers', '4'])),
  },
  'per key': {
    summary: 'GET and INSERT key by key; of a hundredth of the keys, times a hundred',
    run: async (bench) => {
      const some = Math.ceil(bench.keys / 100)
      const args = ['per-key', bench.name, '--keys', String(some)]
      return times(await fresh(bench, () => bench.program('peers.mjs', args), some), bench.keys / some)
    },
  },
  redis_fdw: {
    summary:
      'INSERT … SELECT from a foreign table; of a tenth of the keys, times ten (of one hash: all of it)',
    missing: ({ postgres }) => missingRedisFdw(postgres),
    run: async (bench) => {
      const { name, keys, postgres, redisPort, servers, shape } = bench
      const some = name === 'hash' ? keys : Math.ceil(keys / 10)
      const args = ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', postgres.url, '-c']
      openForeignTable(postgres, redisPort, name)
      try {
        const insert = insertSome(name, shape.table, some)
        const copySome = () => run(postgres.psqlProgram, [...args, insert], { servers })
        return times(await fresh(bench, copySome, some), keys / some)
      } finally {
        closeForeignTable(postgres)
      }
    },
  },
  backfill: {
    summary: 'kvmig, from Redis: the backfill itself, and the whole of apply with gate B',
    run: async (bench) => {
      bench.forget()
      const { cost, step } = await apply(bench, [])
      expect(bench, step, { inserted: bench.keys })
      return { backfill: { ...cost, seconds: step.millis / 1000 }, apply: { ...cost, cpu: cost.cpuOfAll } }
    },
  },
  again: {
    summary: 'a second run over unchanged data',
    after: 'backfill',
    run: async (bench) => {
      const { cost, step } = await apply(bench, ['--again'])
      expect(bench, step, { unchanged: bench.keys })
      return { ...cost, seconds: step.millis / 1000 }
    },
  },
  'catch up': {
    summary: 'a second run after one key in a hundred changed',
    after: 'backfill',
    run: async (bench) => {
      const some = Math.ceil(bench.keys / 100)
      // The first records take the values of others, and get their own back afterwards.
      await bench.seed(0, some, { values: some })
      const { cost, step } = await apply(bench, ['--again'])
      await bench.seed(0, some)
      await apply(bench, ['--again'])
      expect(bench, step, { updated: some, unchanged: bench.keys - some })
      return { ...cost, seconds: step.millis / 1000 }
    },
  },
  diff: {
    summary: 'kvmig diff: every row, both ways',
    after: 'backfill',
    run: async (bench) => {
      const cost = await bench.kvmig(['diff', '--fast', '--quiet', '--json'])
      return { ...cost, seconds: JSON.parse(cost.stdout).millis / 1000 }
    },
  },
  repair: {
    summary: 'a second run after one row in a hundred was lost or spoilt',
    after: 'backfill',
    run: async (bench) => {
      const { lost, wrong } = damageRows(bench.postgres, bench.shape, bench.keys)
      const { cost, step } = await apply(bench, ['--again'])
      expect(bench, step, { inserted: lost, updated: wrong, unchanged: bench.keys - lost - wrong })
      return { ...cost, seconds: step.millis / 1000 }
    },
  },
  reconcile: {
    summary: 'phase B: kvmig reconcile, after one record in a hundred of the source got another value',
    after: 'backfill',
    run: async (bench) => {
      const some = Math.ceil(bench.keys / 100)
      await bench.kvmig(['apply', '--phase=B', '--credential-rotated', '--quiet'])
      await bench.seed(0, some, { values: some })
      const cost = await bench.kvmig(['reconcile', '--json'])
      const [{ detail }] = JSON.parse(cost.stdout).acts
      bench.forget()
      await forgetVersions(bench.redisUrl)
      await bench.seed(0, some)
      if (!detail.includes(` ${some.toLocaleString('en')} records repaired in the source`))
        throw new Error(`${bench.name}: expected ${some} records to be repaired, kvmig says: ${detail}`)
      return cost
    },
  },
  'catch up told': {
    summary:
      'the same from a source that can tell what changed: the rows in a SQLite database, each with the number of its change',
    only: ['json', 'small'],
    missing: () => missingSqlite,
    run: async (bench) => {
      const some = Math.ceil(bench.keys / 100)
      const told = openTold(bench)
      try {
        bench.forget()
        const first = await apply(bench, [], { cwd: told.folder })
        expect(bench, first.step, { inserted: bench.keys })
        told.change(some)
        const { cost, step } = await apply(bench, ['--again'], { cwd: told.folder })
        // The row of the last change comes again: another may have had the same number.
        expect(bench, step, { keys: some + 1, updated: some })
        return {
          sqlite: { ...first.cost, seconds: first.step.millis / 1000 },
          'catch up told': { ...cost, seconds: step.millis / 1000 },
        }
      } finally {
        bench.forget()
        told.close()
      }
    },
  },
  rdb: {
    summary: 'the same backfill from an RDB file',
    run: (bench) => fromFile(bench, `rdb:${bench.rdbFile}`),
  },
  ndjson: {
    summary: 'the same backfill from NDJSON',
    run: (bench) => fromFile(bench, `ndjson:${bench.ndjsonFile}`),
  },
  pooled: {
    summary: 'the same backfill by way of PgBouncer in transaction mode',
    missing: () => missingPooler,
    run: async (bench) => {
      bench.forget()
      const pooler = await startPooler(bench.postgres)
      try {
        const servers = { pooler: pooler.pid }
        const { cost, step } = await apply(bench, [], { env: { DATABASE_URL: pooler.url }, servers })
        expect(bench, step, { inserted: bench.keys })
        return { ...cost, seconds: step.millis / 1000 }
      } finally {
        await pooler.stop()
      }
    },
  },
  pglite: {
    summary: 'the same backfill into embedded Postgres',
    run: async (bench) => {
      const folder = bench.newFolder()
      const { cost, step } = await apply(bench, [], { env: { DATABASE_URL: `pglite:${folder}` } })
      rmSync(folder, { recursive: true })
      expect(bench, step, { inserted: bench.keys })
      return { ...cost, seconds: step.millis / 1000 }
    },
  },
}

/** What does not depend on a shape. */
export const COMMANDS = {
  'start-up': ({ kvmig }) => kvmig(['--help']),
  ...Object.fromEntries(
    [10, 100, 1000].map((plans) => [
      `plan of ${plans} plans`,
      ({ kvmig, newFolder }) =>
        kvmig(['plan', '--no-prove', '--quiet'], { cwd: manyPlans(newFolder(), plans) }),
    ]),
  ),
}

async function copy({ postgres, shape, servers }, file) {
  postgres.psql(`drop table if exists baseline; create table baseline (${shape.columns}); checkpoint`)
  const args = ['-X', '-q', '-d', postgres.url, '-c', `\\copy baseline from '${file}'`]
  const cost = await run(postgres.psqlProgram, args, { servers })
  postgres.psql('drop table baseline; checkpoint')
  return cost
}

/** Of the CPU that of all up to the end of the backfill: the gate behind it is not part of what is measured. */
async function apply(bench, args, settings = {}) {
  const cost = await bench.kvmig(['apply', '--phase=A', '--fast', '--json', '--yes', ...args], {
    ...settings,
    until: /backfill .*\(.*\)\n/,
  })
  const { steps } = JSON.parse(cost.stdout)
  return { cost, step: steps.find((it) => it.change.verb === 'backfill') }
}

async function fromFile(bench, address) {
  bench.forget()
  const { cost, step } = await apply(bench, [], { env: { KV_URL: address } })
  expect(bench, step, { inserted: bench.keys })
  return { ...cost, seconds: step.millis / 1000 }
}

/** Into an empty table; `rows`: how many have to be there afterwards. */
async function fresh({ postgres, shape, forget, keys }, work, rows = keys) {
  forget()
  postgres.psql(`create table ${shape.table} (${shape.columns}); checkpoint`)
  const cost = await work()
  const found = Number(postgres.psql(`select count(*) from ${shape.table}`, ['-At']))
  if (found !== rows) throw new Error(`${shape.table}: expected ${rows} rows, there are ${found}`)
  postgres.psql(`drop table ${shape.table}; checkpoint`)
  return cost
}

/** Of a part of the keys was measured what it costs; memory does not grow with them. */
const times = (cost, factor) => ({
  ...cost,
  seconds: cost.seconds * factor,
  cpu: Object.fromEntries(Object.entries(cost.cpu).map(([name, it]) => [name, it * factor])),
})

/** A fast wrong answer is none. */
function expect({ name }, { counts }, wanted) {
  for (const [word, count] of Object.entries(wanted))
    if (counts[word] !== count)
      throw new Error(`${name}: expected ${count} ${word}, kvmig says ${JSON.stringify(counts)}`)
}

function manyPlans(folder, count) {
  writeFileSync(
    join(folder, 'migrations.yaml'),
    'version: 1\nsources: { kv: redis://127.0.0.1 }\ntarget: postgres://127.0.0.1/none\nplans: "*.plan.yaml"\n',
  )
  for (let i = 0; i < count; i++)
    writeFileSync(
      join(folder, `p${i}.plan.yaml`),
      `version: 1\nplan: p${i}\nsource: kv\nmappings:\n  - match: p${i}:{id:int}\n    type: string\n    decode: json\n    into: t${i}\n    key: [id]\n    fields: { id: $id, name: name, at: created_at | epoch_ms }\ntables:\n  t${i}:\n    columns: { id: bigint, name: text not null, at: timestamptz not null }\n    primary_key: [id]\n`,
    )
  return folder
}

/** A program of the bench. */
export const programOf = (file) => join(here, file)
