// How cost grows with the number of keys: the same lanes at several sizes of one shape.
import { LANES } from './lanes.mjs'
import { openShape } from './stand.mjs'
import { exponent } from './statistics.mjs'

const MEASURED = ['backfill', 'diff']

/**
 * Gives by lane the costs at each size, and the exponents of wall time and of all processes' CPU: by all sizes together, and `lastStep` by the
 * two largest alone, where what a start costs counts least.
 */
export async function measureSizes({ shape, sizes, newFolder }) {
  const costs = {}
  for (const keys of sizes) {
    const bench = await openShape(shape, { keys, folder: newFolder(), lanes: [], newFolder })
    try {
      for (const lane of MEASURED) {
        process.stderr.write(`${shape}, ${keys.toLocaleString('en')} keys: ${lane}\n`)
        const cost = await LANES[lane].run(bench)
        for (const [name, one] of Object.entries('seconds' in cost ? { [lane]: cost } : cost))
          costs[name] = [...(costs[name] ?? []), { keys, ...pick(one) }]
      }
    } finally {
      await bench.close()
    }
  }
  return {
    shape,
    lanes: Object.fromEntries(
      Object.entries(costs).map(([lane, points]) => [lane, { points, exponents: exponents(points) }]),
    ),
  }
}

const pick = ({ seconds, cpu, memoryMb }) => ({ seconds, cpu, memoryMb })

function exponents(points) {
  const of = (cost) => {
    const all = points.map((it) => [it.keys, cost(it)])
    return { all: exponent(all), lastStep: exponent(all.slice(-2)) }
  }
  return {
    wall: of((it) => it.seconds),
    cpu: of((it) => Object.values(it.cpu).reduce((sum, one) => sum + one, 0)),
  }
}
