// What somebody else who asks the source notices of a backfill: one client that reads a key every few milliseconds, beside kvmig and without it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { SHAPES } from './data.mjs'
import { openShape, rootFolder } from './stand.mjs'
import { median, percentile } from './statistics.mjs'

/** Commands a second, as one would allow beside an application. */
export const RATE = 100

const LANES = {
  [`--rate ${RATE}`]: ['--rate', String(RATE)],
  'gentle, the default': [],
  '--fast': ['--fast'],
}

const PAUSE_MILLIS = 2

/**
 * Latencies of reads beside a backfill of so many keys, by what it was told. The backfill is held (SIGSTOP) and let go on by turns, a
 * fraction of a second each: what else the machine does falls on both alike. Gives for each lane the medians of the turns' p50 and p99 in
 * milliseconds, and the extra share of p99, each turn beside the one before it.
 */
export async function measureNeighbour({ keys, turns, turnMillis, lanes = Object.keys(LANES), newFolder }) {
  const folder = newFolder()
  const bench = await openShape('json', { keys, folder, lanes: [], newFolder })
  const redis = new Redis(bench.redisUrl)
  const look = (millis) => read(redis, keys, millis)
  try {
    await look(2 * turnMillis)
    const found = {}
    for (const lane of lanes) {
      process.stderr.write(`neighbour: ${lane}\n`)
      found[lane] = summary(await beside(bench, folder, LANES[lane], { turns, turnMillis, look, redis }))
    }
    return found
  } finally {
    redis.disconnect()
    await bench.close()
  }
}

async function beside(bench, folder, args, { turns, turnMillis, look, redis }) {
  const pairs = []
  // A backfill that is not held back may be over before all turns were taken: it begins anew then.
  while (pairs.length < turns) {
    bench.forget()
    const asked = await commandsOf(redis)
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
    const isOver = () => child.exitCode !== null
    while (!isOver() && (await commandsOf(redis)) < asked + BEGUN) await pause(20)
    const before = pairs.length
    while (pairs.length < turns && !isOver()) {
      child.kill('SIGSTOP')
      await pause(SETTLE_MILLIS)
      const quiet = await look(turnMillis)
      child.kill('SIGCONT')
      await pause(SETTLE_MILLIS)
      const loaded = await look(turnMillis)
      if (!isOver()) pairs.push({ quiet, loaded })
    }
    child.kill('SIGCONT')
    child.kill('SIGTERM')
    await gone
    if (pairs.length === before)
      throw new Error('The backfill is over before it can be looked at: more --keys.')
  }
  return pairs
}

/** Commands after which the copy is at its pace, and what was asked before it is over. */
const BEGUN = 150

const commandsOf = async (redis) =>
  Number(/^total_commands_processed:(\d+)/m.exec(await redis.info('stats'))[1])

/** What is under way when it is held or let go on. */
const SETTLE_MILLIS = 30

function summary(pairs) {
  const of = (turn, share) => median(pairs.map((it) => percentile(it[turn], share)))
  const extra = pairs.map((it) => percentile(it.loaded, 0.99) / percentile(it.quiet, 0.99) - 1)
  return {
    quiet: { p50: of('quiet', 0.5), p99: of('quiet', 0.99) },
    loaded: { p50: of('loaded', 0.5), p99: of('loaded', 0.99) },
    extraP99: { median: median(extra), low: percentile(extra, 0.25), high: percentile(extra, 0.75) },
    turns: pairs.length,
  }
}

async function read(redis, keys, forMillis) {
  const millis = []
  const end = performance.now() + forMillis
  for (let n = Math.floor(Math.random() * keys); performance.now() < end; n++) {
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
