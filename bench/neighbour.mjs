// What somebody else who asks the source notices of a backfill: one client that reads a key every few milliseconds, alone and beside kvmig.
//   node bench/neighbour.mjs [--keys 300000] [--rate 100] [--seconds 6]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { SHAPES } from './data.mjs'
import { openShape, rootFolder } from './stand.mjs'

const { values: options } = parseArgs({
  options: {
    keys: { type: 'string', default: '300000' },
    rate: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '6' },
  },
})
const keys = Number(options.keys)
const PAUSE_MILLIS = 2

const folder = mkdtempSync(join(tmpdir(), 'kvmig-bench-'))
const bench = await openShape('json', { keys, folder, lanes: [], newFolder: () => folder })
const redis = new Redis(bench.redisUrl)
try {
  const lanes = {
    alone: undefined,
    [`--rate ${options.rate}`]: ['--rate', options.rate],
    'gentle (the default)': [],
    '--fast': ['--fast'],
  }
  await read(1)
  const alone = percentile(await read(Number(options.seconds)), 0.99)
  for (const [lane, args] of Object.entries(lanes)) {
    const millis = args ? await beside(args) : await read(Number(options.seconds))
    const [p50, p99] = [percentile(millis, 0.5), percentile(millis, 0.99)]
    console.log(
      `${lane.padEnd(22)} p50 ${p50.toFixed(2).padStart(6)} ms   p99 ${p99.toFixed(2).padStart(6)} ms   ${(p99 / alone).toFixed(2)} of what it is alone   ${millis.length} reads`,
    )
  }
} finally {
  redis.disconnect()
  await bench.close()
  rmSync(folder, { recursive: true, force: true })
}

/** Latencies while a backfill runs, which is ended if it lasts longer than one wants to look. */
async function beside(args) {
  bench.forget()
  const child = spawn(
    process.execPath,
    [join(rootFolder, 'dist', 'cli', 'main.js'), 'apply', '--phase=A', '--yes', '--quiet', ...args],
    {
      cwd: folder,
      stdio: 'ignore',
      env: { ...process.env, KV_URL: bench.redisUrl, DATABASE_URL: bench.postgres.url },
    },
  )
  const gone = once(child, 'exit')
  // The copy has begun when the first rows are there.
  while (child.exitCode === null && bench.copied() === 0) await pause(50)
  const millis = await read(Number(options.seconds), () => child.exitCode !== null)
  child.kill('SIGTERM')
  await gone
  return millis
}

async function read(seconds, isOver = () => false) {
  const millis = []
  const end = performance.now() + seconds * 1000
  for (let n = 0; performance.now() < end && !isOver(); n++) {
    const [, key] = SHAPES.json.command((n * 7919) % keys)
    const began = performance.now()
    await redis.get(key)
    millis.push(performance.now() - began)
    await pause(PAUSE_MILLIS)
  }
  return millis
}

function pause(millis) {
  return new Promise((resolve) => setTimeout(resolve, millis))
}

function percentile(millis, share) {
  const sorted = [...millis].sort((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * share) - 1]
}
