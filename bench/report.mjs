// From measured costs to medians, ratios and a table.
import { cpus } from 'node:os'

const COPY_GOALS = { json: 0.8, hash: 0.7, fields: 1.1, small: 1.3 }

/** The issue's goals, each a ratio of two lanes' medians within one run. */
const RATIOS = [
  ['backfill', 'copy', (shape) => `≤ ${COPY_GOALS[shape]}`],
  ['backfill', 'copy sorted', () => ''],
  ['rdb', 'backfill', () => '≤ 1.0'],
  ['ndjson', 'backfill', () => ''],
  ['pglite', 'backfill', () => ''],
  ['diff', 'backfill', () => '≤ 0.5'],
  ['again', 'backfill', () => '≤ 0.5'],
  ['catch up', 'backfill', () => '≤ 0.6'],
  ['apply', 'backfill', () => ''],
  ['script', 'backfill', () => '≥ 4'],
  ['script 4', 'backfill', () => '≥ 2.2'],
  ['per key', 'backfill', () => ''],
  ['drain', 'copy', () => ''],
]

/** What is kept: medians with their spread; of memory the highest. */
export function resultOf({ keys, rounds, shapes, commands }) {
  const result = { keys, rounds, node: process.version, cpus: cpus().length, shapes: {}, commands: {} }
  for (const [name, lanes] of Object.entries(shapes)) {
    const costs = Object.fromEntries(Object.entries(lanes).map(([lane, runs]) => [lane, summary(runs)]))
    const ratios = RATIOS.flatMap(([of, to, goal]) => {
      if (!lanes[of] || !lanes[to]) return []
      const each = lanes[of].map((it, round) => it.seconds / lanes[to][round].seconds)
      return [
        {
          ratio: `${of} ÷ ${to}`,
          value: costs[of].seconds.median / costs[to].seconds.median,
          low: Math.min(...each),
          high: Math.max(...each),
          goal: goal(name),
        },
      ]
    })
    result.shapes[name] = { ratios, costs }
  }
  for (const [name, runs] of Object.entries(commands)) result.commands[name] = summary(runs)
  return round(result)
}

function summary(runs) {
  const spread = (values) => ({ median: median(values), low: Math.min(...values), high: Math.max(...values) })
  const programs = Object.keys(runs[0].cpu)
  return {
    seconds: spread(runs.map((it) => it.seconds)),
    memoryMb: Math.max(...runs.map((it) => it.memoryMb)),
    cpu: Object.fromEntries(programs.map((it) => [it, median(runs.map((run) => run.cpu[it]))])),
  }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

const round = (value) =>
  typeof value === 'number'
    ? Number(value.toPrecision(4))
    : Array.isArray(value)
      ? value.map(round)
      : value !== null && typeof value === 'object'
        ? Object.fromEntries(Object.entries(value).map(([name, it]) => [name, round(it)]))
        : value

/** `last`: the result that was checked in, if it is of the same size. */
export function show(result, last) {
  const { keys, rounds, shapes, commands } = result
  const comparable = last?.keys === keys ? last : undefined
  const lines = [`${keys.toLocaleString('en')} records, ${rounds} round(s), interleaved; medians`]
  for (const [name, { ratios, costs }] of Object.entries(shapes)) {
    lines.push(
      '',
      `### ${name}`,
      '',
      '| ratio | median | lowest–highest | goal | last |',
      '| --- | --- | --- | --- | --- |',
    )
    for (const { ratio, value, low, high, goal } of ratios) {
      const before = comparable?.shapes[name]?.ratios.find((it) => it.ratio === ratio)
      lines.push(
        `| ${ratio} | ${value.toFixed(2)} | ${low.toFixed(2)}–${high.toFixed(2)} | ${goal} | ${before?.value.toFixed(2) ?? ''} |`,
      )
    }
    lines.push(
      '',
      '| lane | wall | CPU of client / Redis / Postgres | peak memory |',
      '| --- | --- | --- | --- |',
    )
    for (const [lane, { seconds, memoryMb, cpu }] of Object.entries(costs)) {
      const spent = ['client', 'redis', 'postgres'].map((it) => (cpu[it] ?? 0).toFixed(1)).join(' / ')
      lines.push(
        `| ${lane} | ${seconds.median.toFixed(2)} s (${seconds.low.toFixed(2)}–${seconds.high.toFixed(2)}) | ${spent} | ${Math.round(memoryMb)} MB |`,
      )
    }
  }
  if (Object.keys(commands).length > 0) {
    lines.push('', '| command | CPU | wall | peak memory | goal |', '| --- | --- | --- | --- | --- |')
    for (const [name, { seconds, memoryMb, cpu }] of Object.entries(commands))
      lines.push(
        `| ${name} | ${(cpu.client * 1000).toFixed(0)} ms | ${(seconds.median * 1000).toFixed(0)} ms | ${Math.round(memoryMb)} MB | ${COMMAND_GOALS[name] ?? ''} |`,
      )
  }
  return lines.join('\n')
}

const COMMAND_GOALS = { 'start-up': '< 150 ms of CPU', 'plan of 100 plans': '< 1 s of CPU' }
