// What a backfill costs beside COPY of the same rows from a ready file: servers of its own, every lane in one run, interleaved, medians.
//   npm run bench                        1,000,000 keys, JSON strings, three rounds
//   npm run bench -- --shape fields      json | hash | fields | small | all
//   npm run bench -- --keys 100000 --rounds 5
//   npm run bench -- --smoke             a few thousand keys, one round, every shape: does it still run?
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createConnection } from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { copyLine, resp, SHAPES } from './data.mjs'
import { startPostgres, startRedis } from './servers.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const kvmig = join(root, 'dist', 'cli', 'main.js')
const { values: options } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    shape: { type: 'string', default: 'json' },
    smoke: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})
const keys = options.smoke ? 3_000 : Number(options.keys)
const rounds = options.smoke ? 1 : Number(options.rounds)
const shapes = options.smoke || options.shape === 'all' ? Object.keys(SHAPES) : [options.shape]

if (!existsSync(kvmig)) throw new Error('There is no build: npm run build first.')
const results = []
for (const name of shapes) results.push(await measure(name))
const report = { keys, rounds, node: process.version, cpus: cpus().length, results }
if (options.out) writeFileSync(options.out, `${JSON.stringify(report, null, 2)}\n`)
print(report)

async function measure(name) {
  const shape = SHAPES[name]
  const folder = mkdtempSync(join(tmpdir(), 'kvmig-bench-'))
  const redis = await startRedis()
  const postgres = await startPostgres()
  try {
    process.stderr.write(`${name}: ${keys.toLocaleString('en')} records, ${shape.summary}\n`)
    await seed(redis.port, shape)
    const file = join(folder, 'rows.copy')
    await writeRows(file, shape)
    project(folder, shape)
    const lanes = { copy: [], backfill: [], apply: [] }
    let memory = 0
    for (let round = 0; round < rounds; round++) {
      postgres.psql(`drop table if exists baseline; create table baseline (${shape.columns}); checkpoint`)
      lanes.copy.push(
        await run(postgres.psqlProgram, [
          '-X',
          '-q',
          '-d',
          postgres.url,
          '-c',
          `\\copy baseline from '${file}'`,
        ]),
      )
      postgres.psql('drop table baseline; checkpoint')

      const env = { ...process.env, KV_URL: redis.url, DATABASE_URL: postgres.url }
      const applied = await run(process.execPath, [kvmig, 'apply', '--phase=A', '--json', '--yes'], {
        cwd: folder,
        env,
      })
      const report = JSON.parse(applied.stdout)
      const backfill = report.steps.find((it) => it.change.verb === 'backfill')
      if (backfill.counts.inserted !== keys)
        throw new Error(`expected ${keys} rows, kvmig says ${JSON.stringify(backfill.counts)}`)
      lanes.backfill.push({ seconds: backfill.millis / 1000 })
      lanes.apply.push(applied)
      memory = Math.max(memory, applied.memory)
      postgres.psql(`drop table ${shape.table}; drop schema kvmig cascade`)
    }
    const seconds = Object.fromEntries(
      Object.entries(lanes).map(([lane, runs]) => [lane, runs.map((it) => it.seconds)]),
    )
    return {
      shape: name,
      seconds,
      peakMemoryMb: Math.round(memory / 1024),
      ratio: median(seconds.backfill) / median(seconds.copy),
    }
  } finally {
    await redis.stop()
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function seed(port, shape) {
  const socket = createConnection(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.resume()
  let chunk = ''
  for (let i = 0; i < keys; i++) {
    chunk += resp(shape.command(i))
    if (chunk.length > 1 << 18 || i === keys - 1) {
      if (!socket.write(chunk)) await once(socket, 'drain')
      chunk = ''
    }
  }
  socket.end()
  await once(socket, 'close')
}

async function writeRows(file, shape) {
  const stream = createWriteStream(file)
  for (let i = 0; i < keys; i++) if (!stream.write(copyLine(shape.row(i)))) await once(stream, 'drain')
  stream.end()
  await once(stream, 'close')
}

function project(folder, shape) {
  mkdirSync(join(folder, 'plans'))
  writeFileSync(
    join(folder, 'migrations.yaml'),
    'version: 1\nsources: { kv: "${KV_URL}" }\ntarget: ${DATABASE_URL}\nplans: plans/*.yaml\n',
  )
  writeFileSync(
    join(folder, 'plans', 'bench.yaml'),
    `version: 1\nplan: bench\nsource: kv\nmappings:\n${shape.plan}`,
  )
}

/** Runs a command to its end: wall seconds, stdout, and its peak memory in kB (Linux). */
async function run(program, args, settings = {}) {
  const began = performance.now()
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...settings })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (it) => (stdout += it))
  child.stderr.on('data', (it) => (stderr += it))
  let memory = 0
  const poll = setInterval(() => {
    try {
      memory = Math.max(
        memory,
        Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0),
      )
    } catch {
      // Not Linux, or it has just ended.
    }
  }, 50)
  const [code] = await once(child, 'close')
  clearInterval(poll)
  const seconds = (performance.now() - began) / 1000
  if (code !== 0) throw new Error(`${program} ${args[0]} ended with ${code}: ${stderr.slice(-2000)}`)
  return { seconds, stdout, memory }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

function print({ results }) {
  const show = (values) =>
    `${median(values).toFixed(2)} s (${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)})`
  console.log(
    `${keys.toLocaleString('en')} records, ${rounds} round(s), interleaved; medians (lowest–highest)\n`,
  )
  console.log(
    '| shape | COPY of a ready file | backfill | backfill ÷ COPY | whole apply, with gate B | peak memory |',
  )
  console.log('| --- | --- | --- | --- | --- | --- |')
  for (const { shape, seconds, ratio, peakMemoryMb } of results) {
    console.log(
      `| ${shape} | ${show(seconds.copy)} | ${show(seconds.backfill)} | ${ratio.toFixed(2)} | ${show(seconds.apply)} | ${peakMemoryMb} MB |`,
    )
  }
}
