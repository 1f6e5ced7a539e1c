// What is measured. A lane gets the bench of one shape and answers `{ seconds, memoryMb, cpu }`, or several of these by name.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './processes.mjs'

const here = import.meta.dirname

/** In the order in which a round runs them: those that read what another left behind come after it. */
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
    optional: true,
    run: (bench) =>
      fresh(bench, async () => {
        const some = Math.ceil(bench.keys / 100)
        const cost = await bench.program('peers.mjs', ['per-key', bench.name, '--keys', String(some)])
        return { ...cost, seconds: (cost.seconds * bench.keys) / some }
      }),
  },
  backfill: {
    summary: 'kvmig, from Redis: the backfill itself, and the whole of apply with gate B',
    run: async (bench) => {
      bench.forget()
      const { cost, step } = await apply(bench, [])
      expect(bench, step, { inserted: bench.keys })
      return { backfill: { ...cost, seconds: step.millis / 1000 }, apply: cost }
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
    run: (bench) => bench.kvmig(['diff', '--fast', '--quiet']),
  },
  rdb: {
    summary: 'the same backfill from an RDB file',
    run: (bench) => fromFile(bench, `rdb:${bench.rdbFile}`),
  },
  ndjson: {
    summary: 'the same backfill from NDJSON',
    run: (bench) => fromFile(bench, `ndjson:${bench.ndjsonFile}`),
  },
  pglite: {
    summary: 'the same backfill into embedded Postgres',
    optional: true,
    run: async (bench) => {
      const folder = bench.newFolder()
      const { cost, step } = await apply(bench, [], { DATABASE_URL: `pglite:${folder}` })
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

async function apply(bench, args, env = {}) {
  const cost = await bench.kvmig(['apply', '--phase=A', '--fast', '--json', '--yes', ...args], { env })
  const { steps } = JSON.parse(cost.stdout)
  return { cost, step: steps.find((it) => it.change.verb === 'backfill') }
}

async function fromFile(bench, address) {
  bench.forget()
  const { cost, step } = await apply(bench, [], { KV_URL: address })
  expect(bench, step, { inserted: bench.keys })
  return { ...cost, seconds: step.millis / 1000 }
}

async function fresh({ postgres, shape, forget }, work) {
  forget()
  postgres.psql(`create table ${shape.table} (${shape.columns}); checkpoint`)
  const cost = await work()
  postgres.psql(`drop table ${shape.table}; checkpoint`)
  return cost
}

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
