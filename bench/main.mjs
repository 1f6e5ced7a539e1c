// What kvmig costs beside the limits of the machine and beside what people write by hand: servers of its own, all lanes in one run,
// interleaved, medians. Only ratios mean anything on another machine.
//   npm run bench                                  1,000,000 keys, every shape, three rounds
//   npm run bench -- --keys 200000 --shape json    json | hash | fields | small
//   npm run bench -- --lanes copy,backfill,diff    see lanes.mjs; `all` has the slow ones too
//   npm run bench -- --lanes commands              start-up, and `plan` of 10, 100 and 1,000 plans
//   npm run bench -- --smoke                       a few thousand keys, one round, every lane: does it still run?
//   npm run bench -- --save                        keep the result as the one that later runs are compared with
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { SHAPES } from './data.mjs'
import { COMMANDS, LANES } from './lanes.mjs'
import { resultOf, show } from './report.mjs'
import { openShape, rootFolder } from './stand.mjs'

const LAST = join(import.meta.dirname, 'last.json')
const { values: options } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    shape: { type: 'string', default: 'all' },
    lanes: { type: 'string' },
    smoke: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})
const keys = options.smoke ? 2_000 : Number(options.keys)
const rounds = options.smoke ? 1 : Number(options.rounds)
const shapes = options.smoke || options.shape === 'all' ? Object.keys(SHAPES) : options.shape.split(',')
const lanes = chosen()

if (!existsSync(join(rootFolder, 'dist', 'cli', 'main.js')))
  throw new Error('There is no build: npm run build first.')
const folder = mkdtempSync(join(tmpdir(), 'kvmig-bench-'))
try {
  const measured = { shapes: {}, commands: await commands() }
  if (lanes.length > 0) for (const name of shapes) measured.shapes[name] = await measure(name)
  const result = resultOf({ keys, rounds, ...measured })
  const last = existsSync(LAST) ? JSON.parse(readFileSync(LAST, 'utf8')) : undefined
  console.log(show(result, last))
  for (const file of [options.out, options.save && LAST])
    if (file) writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function chosen() {
  const all = Object.keys(LANES)
  if (options.smoke || options.lanes === 'all') return all
  if (!options.lanes) return all.filter((it) => !LANES[it].optional)
  const wanted = options.lanes.split(',')
  const unknown = wanted.filter((it) => !all.includes(it) && it !== 'commands')
  if (unknown.length > 0)
    throw new Error(`There is no lane ${unknown.join(', ')}. There are ${all.join(', ')}.`)
  return all.filter((it) => wanted.includes(it) || wanted.some((one) => LANES[one]?.after === it))
}

/** Every lane once a round, so that a slow minute of the machine falls on all of them. */
async function measure(name) {
  const bench = await openShape(name, { keys, folder: newFolder(), lanes, newFolder })
  try {
    const costs = {}
    for (let round = 1; round <= rounds; round++) {
      for (const lane of lanes) {
        process.stderr.write(`${name}, round ${round} of ${rounds}: ${lane}\n`)
        const cost = await LANES[lane].run(bench)
        for (const [name, one] of Object.entries('seconds' in cost ? { [lane]: cost } : cost))
          costs[name] = [...(costs[name] ?? []), one]
      }
    }
    return costs
  } finally {
    await bench.close()
  }
}

async function commands() {
  if (options.lanes && options.lanes !== 'all' && !options.lanes.split(',').includes('commands')) return {}
  const { kvmig } = await import('./stand.mjs')
  const costs = {}
  for (let round = 1; round <= rounds; round++)
    for (const [name, measureOnce] of Object.entries(COMMANDS))
      costs[name] = [...(costs[name] ?? []), await measureOnce({ kvmig, newFolder })]
  return costs
}

function newFolder() {
  const made = mkdtempSync(join(folder, 'work-'))
  mkdirSync(made, { recursive: true })
  return made
}
