// The servers, files and project of one shape.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, createWriteStream, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { dirname, join } from 'node:path'
import { copyLine, ndjsonLines, resp, SHAPES } from './data.mjs'
import { programOf } from './lanes.mjs'
import { run } from './processes.mjs'
import { startPostgres, startRedis } from './servers.mjs'

export const rootFolder = dirname(import.meta.dirname)

/** Runs the built command. */
export const kvmig = (args, { env = {}, ...settings } = {}) =>
  run(process.execPath, [join(rootFolder, 'dist', 'cli', 'main.js'), ...args], {
    ...settings,
    env: { ...process.env, ...env },
  })

export async function openShape(name, { keys, folder, lanes, newFolder }) {
  const shape = SHAPES[name]
  const redis = await startRedis()
  const postgres = await startPostgres()
  const close = async () => {
    await redis.stop()
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  const bench = {
    name,
    keys,
    shape,
    postgres,
    newFolder,
    close,
    servers: { redis: redis.pid, postgres: postgres.pid },
    redisUrl: redis.url,
    redisPort: redis.port,
    rowsFile: join(folder, 'rows.copy'),
    sortedFile: join(folder, 'sorted.copy'),
    ndjsonFile: join(folder, 'dump.ndjson'),
    rdbFile: join(folder, 'dump.rdb'),
    kvmig: (args, { env = {}, servers = {}, until, cwd = folder } = {}) =>
      kvmig(args, {
        cwd,
        servers: { ...bench.servers, ...servers },
        until,
        env: { KV_URL: redis.url, DATABASE_URL: postgres.url, ...env },
      }),
    program: (file, args) =>
      run(process.execPath, [programOf(file), ...args], {
        servers: bench.servers,
        env: { ...process.env, KV_URL: redis.url, DATABASE_URL: postgres.url },
      }),
    /** As if kvmig had never been here. */
    forget: () =>
      postgres.psql(`drop table if exists ${shape.table}; drop schema if exists kvmig cascade; checkpoint`),
    /** Is anything there yet? */
    /** Writes records into Redis; `values`: each with the value of the record that many places further. */
    seed: (from, to, { values = 0 } = {}) => seed(redis.port, shape, { from, to, values }),
  }
  try {
    process.stderr.write(`${name}: ${keys.toLocaleString('en')} records, ${shape.summary}\n`)
    await bench.seed(0, keys)
    if (lanes.includes('copy'))
      await writeFile(bench.rowsFile, function* () {
        for (let i = 0; i < keys; i++) yield copyLine(shape.row((i * SCATTER) % keys))
      })
    if (lanes.includes('copy sorted'))
      await writeFile(bench.sortedFile, function* () {
        for (let i = 0; i < keys; i++) yield copyLine(shape.row(i))
      })
    if (lanes.includes('ndjson'))
      await writeFile(bench.ndjsonFile, function* () {
        for (let i = 0; i < keys; i += PART) yield ndjsonLines(shape, i, Math.min(i + PART, keys), keys)
      })
    if (lanes.includes('rdb')) {
      execFileSync('redis-cli', ['-p', String(redis.port), 'save'], { stdio: 'ignore' })
      copyFileSync(join(redis.folder, 'dump.rdb'), bench.rdbFile)
    }
    project(folder, shape)
    return bench
  } catch (error) {
    await close()
    throw error
  }
}

const PART = 1000

/** A prime: rows stand in a ready file as a store gives its keys, in no order. Where they come sorted by primary key, COPY has half the work. */
const SCATTER = 611_953

async function seed(port, shape, { from, to, values }) {
  const socket = createConnection(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.resume()
  let chunk = ''
  for (let i = from; i < to; i++) {
    const own = shape.command(i)
    const named = own[0] === 'SET' || own.length > 4 ? 2 : 3
    chunk += resp([...own.slice(0, named), ...shape.command(i + values).slice(named)])
    if (chunk.length > 1 << 18 || i === to - 1) {
      if (!socket.write(chunk)) await once(socket, 'drain')
      chunk = ''
    }
  }
  socket.end()
  await once(socket, 'close')
}

async function writeFile(file, lines) {
  const stream = createWriteStream(file)
  for (const line of lines()) if (!stream.write(line)) await once(stream, 'drain')
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
