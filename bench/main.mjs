// What kvmig costs beside the limits of the machine and beside what people write by hand: servers of its own, all lanes in one run,
// interleaved, medians. Only ratios mean anything on another machine.
//   npm run bench                                  1,000,000 keys, every shape, every lane, three rounds
//   npm run bench -- --keys 200000 --shape json    json | hash | fields | small
//   npm run bench -- --lanes copy,backfill,diff    only these; `goals`: those that goals are about
//   npm run bench -- --sizes 100000,1000000,10000000 --shape small    how cost grows with the number of keys
//   npm run bench -- --smoke                       a few thousand keys, one round, every lane: does it still run?
//   npm run bench -- --save                        keep the result as the one that later runs are compared with
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { SHAPES } from './data.mjs'
import { measureDualWrite } from './dual-write.mjs'
import { GOAL_LANES } from './goals.mjs'
import { COMMANDS, LANES } from './lanes.mjs'
import { measureNeighbour } from './neighbour.mjs'
import { brief, resultOf, show } from './report.mjs'
import { measureSizes } from './sizes.mjs'
import { kvmig, openShape, rootFolder } from './stand.mjs'

const README = join(import.meta.dirname, 'README.md')
const LAST = join(import.meta.dirname, 'last.json')
const { values: options } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    shape: { type: 'string' },
    lanes: { type: 'string' },
    sizes: { type: 'string' },
    smoke: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})
const { smoke } = options
if (smoke && options.save) throw new Error('The figures of --smoke are not worth keeping.')
const keys = smoke ? 2_000 : numbers(options.keys)[0]
const rounds = smoke ? 1 : numbers(options.rounds)[0]
const shapes = chosenShapes()

/** Those that belong to no shape; `measure` gives what the report keeps under `word`. */
const OTHERS = {
  commands: { word: 'commands', measure: commands },
  'dual-write': {
    word: 'dualWrite',
    measure: () => measureDualWrite({ calls: smoke ? 80 : 4000, clients: smoke ? [4] : [1, 4], newFolder }),
  },
  neighbour: {
    word: 'neighbour',
    measure: () =>
      smoke
        ? measureNeighbour({ keys: 20_000, turns: 2, turnMillis: 100, lanes: ['--rate 100'], newFolder })
        : measureNeighbour({ keys: 300_000, turns: 24, turnMillis: 500, newFolder }),
  },
}
const lanes = chosenLanes()

if (!existsSync(join(rootFolder, 'dist', 'cli', 'main.js')))
  throw new Error('There is no build: npm run build first.')
const folder = mkdtempSync(join(tmpdir(), 'kvmig-bench-'))
try {
  const measured = { keys, rounds, shapes: {}, leftOut: {} }
  if (options.sizes || smoke)
    measured.sizes = await measureSizes({
      shape: smoke ? 'small' : shapes[0],
      sizes: smoke ? [1_000, 2_000] : numbers(options.sizes),
      newFolder,
    })
  for (const [lane, { word, measure }] of Object.entries(OTHERS))
    if (lanes.includes(lane)) measured[word] = await measure()
  for (const name of shapes) {
    const found = await measureShape(name)
    if (found) measured.shapes[name] = found
  }
  const result = resultOf(measured)
  const last = existsSync(LAST) ? JSON.parse(readFileSync(LAST, 'utf8')) : undefined
  console.log(
    show(result, last, Object.fromEntries(Object.entries(LANES).map(([lane, it]) => [lane, it.summary]))),
  )
  const text = `${JSON.stringify(result, null, 2)}\n`
  if (options.out) writeFileSync(options.out, text)
  if (options.save) save(joined(last, result))

  /** Every lane once a round, so that a slow minute of the machine falls on all of them. */
  async function measureShape(name) {
    const wanted = Object.keys(LANES).filter(
      (it) =>
        lanes.includes(it) && (LANES[it].only ?? [name]).includes(name) && (!smoke || inSmoke(it, name)),
    )
    if (wanted.length === 0) return undefined
    const bench = await openShape(name, { keys, folder: newFolder(), lanes: wanted, newFolder })
    try {
      const runnable = wanted.filter((lane) => {
        const why = LANES[lane].missing?.(bench)
        if (why) measured.leftOut[lane] = why
        return !why
      })
      const costs = {}
      for (let round = 1; round <= rounds; round++) {
        for (const lane of runnable) {
          process.stderr.write(`${name}, round ${round} of ${rounds}: ${lane}\n`)
          const cost = await LANES[lane].run(bench)
          for (const [word, one] of Object.entries('seconds' in cost ? { [lane]: cost } : cost))
            costs[word] = [...(costs[word] ?? []), one]
        }
      }
      return costs
    } finally {
      await bench.close()
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** Every lane once, on one shape; of the others what differs by shape. */
function inSmoke(lane, shape) {
  return shape === 'json' || ['script', 'redis_fdw', 'backfill', 'ndjson'].includes(lane)
}

function chosenShapes() {
  const all = Object.keys(SHAPES)
  const wanted = smoke ? all : (options.shape?.split(',') ?? all)
  const unknown = wanted.filter((it) => !all.includes(it))
  if (unknown.length > 0)
    throw new Error(`There is no shape ${unknown.join(', ')}. There are ${all.join(', ')}.`)
  if (options.sizes && wanted.length !== 1) throw new Error('--sizes is about one shape: --shape small.')
  return wanted
}

function chosenLanes() {
  const all = [...Object.keys(LANES), ...Object.keys(OTHERS)]
  if (smoke) return all
  if (!options.lanes) return options.sizes ? [] : all
  const wanted = options.lanes.split(',').flatMap((it) => (it === 'goals' ? GOAL_LANES : it))
  const unknown = wanted.filter((it) => !all.includes(it))
  if (unknown.length > 0)
    throw new Error(`There is no lane ${unknown.join(', ')}. There are ${all.join(', ')}.`)
  return all.filter((it) => wanted.includes(it) || wanted.some((one) => LANES[one]?.after === it))
}

async function commands() {
  const costs = {}
  for (let round = 1; round <= rounds; round++)
    for (const [name, measureOnce] of Object.entries(COMMANDS))
      costs[name] = [...(costs[name] ?? []), await measureOnce({ kvmig, newFolder })]
  return costs
}

/** What later runs are compared with, and the same for people. */
function save(result) {
  writeFileSync(LAST, `${JSON.stringify(result, null, 2)}\n`)
  const [before, , after] = readFileSync(README, 'utf8').split(/^<!-- (?:result|end) -->$/m)
  writeFileSync(README, `${before}<!-- result -->\n\n${brief(result)}\n\n<!-- end -->${after}`)
}

/** Parts that were not measured this time stay, if they are of as many keys. */
function joined(last, result) {
  if (last?.keys !== result.keys) return result
  const goals = new Map([...(last.goals ?? []), ...result.goals].map((it) => [it.what, it]))
  return { ...last, ...result, shapes: { ...last.shapes, ...result.shapes }, goals: [...goals.values()] }
}

function numbers(text) {
  const found = text.split(',').map(Number)
  if (found.every((it) => Number.isInteger(it) && it > 0)) return found
  throw new Error(`"${text}" is no whole number above 0, nor several with commas between them.`)
}

function newFolder() {
  return mkdtempSync(join(folder, 'work-'))
}
