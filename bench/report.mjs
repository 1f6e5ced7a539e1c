// From measured costs to medians, ratios, goals and tables.
import { cpus } from 'node:os'
import { COMMANDS, DUAL_WRITE, EXPONENT, goalOf, MEMORY, NEIGHBOUR, RATIOS } from './goals.mjs'
import { median, spread } from './statistics.mjs'

/** What is kept: medians with their spread; of memory the highest. Only what was measured is in it. */
export function resultOf({ keys, rounds, shapes, commands, dualWrite, neighbour, sizes, leftOut }) {
  const result = {
    keys,
    rounds,
    node: process.version,
    cpus: cpus().length,
    ...(Object.keys(shapes).length > 0 ? { shapes: mapped(shapes, shapeResult) } : {}),
    ...(commands ? { commands: mapped(commands, costOf) } : {}),
    ...(dualWrite ? { dualWrite } : {}),
    ...(neighbour ? { neighbour } : {}),
    ...(sizes ? { sizes } : {}),
    ...(Object.keys(leftOut).length > 0 ? { leftOut } : {}),
  }
  return round({ ...result, goals: goalsOf(result) })
}

const mapped = (object, of) =>
  Object.fromEntries(Object.entries(object).map(([name, it]) => [name, of(it, name)]))

function shapeResult(lanes, shape) {
  const costs = mapped(lanes, costOf)
  const ratios = RATIOS.flatMap(({ of, to, most, least }) => {
    if (!lanes[of] || !lanes[to]) return []
    const each = lanes[of].map((it, round) => it.seconds / lanes[to][round].seconds)
    const value = costs[of].seconds.median / costs[to].seconds.median
    return [
      {
        ratio: `${of} ÷ ${to}`,
        value,
        low: Math.min(...each),
        high: Math.max(...each),
        cpu: total(costs[of].cpu) / total(costs[to].cpu),
        ...(most === undefined ? {} : { most: goalOf(most, shape) }),
        ...(least === undefined ? {} : { least }),
      },
    ]
  })
  return { ratios, costs }
}

function costOf(runs) {
  const programs = Object.keys(runs[0].cpu)
  return {
    seconds: spread(runs.map((it) => it.seconds)),
    memoryMb: mapped(runs[0].memoryMb, (_, name) => Math.max(...runs.map((it) => it.memoryMb[name]))),
    cpu: Object.fromEntries(programs.map((it) => [it, median(runs.map((run) => run.cpu[it]))])),
  }
}

const total = (cpu) => Object.values(cpu).reduce((sum, it) => sum + it, 0)

/** Every goal that was measured: what, the figure, the goal, and whether it was reached. */
function goalsOf({ shapes = {}, commands = {}, dualWrite = {}, neighbour = {}, sizes }) {
  const goals = []
  const add = (what, value, { most, least }, unit = '') =>
    goals.push({
      what,
      value,
      ...(most === undefined ? { least } : { most }),
      unit,
      reached: most === undefined ? value >= least : value <= most,
    })
  for (const [shape, { ratios, costs }] of Object.entries(shapes)) {
    for (const { ratio, value, most, least } of ratios)
      if (most ?? least) add(`${shape}: ${ratio}`, value, { most, least })
    const measured = MEMORY.lanes.filter((it) => costs[it])
    if (measured.length > 0)
      add(
        `${shape}: peak memory, ${measured.join(', ')}`,
        Math.max(...measured.map((it) => costs[it].memoryMb.client)),
        MEMORY,
        ' MiB',
      )
  }
  for (const [name, most] of Object.entries(COMMANDS))
    if (commands[name]) add(`${name}, CPU`, commands[name].cpu.client, { most }, ' s')
  for (const [clients, { ratios }] of Object.entries(dualWrite)) {
    const of = (ratio) => ratios.find((it) => it.ratio === ratio && it.of === 'p95')
    add(
      `put − upsert, p95, ${clients} client(s)`,
      of('put ÷ upsert').extraMillis,
      { most: DUAL_WRITE.extraMillis },
      ' ms',
    )
    add(`shadowed get ÷ get, p95, ${clients} client(s)`, of('get, shadowed ÷ get').median, {
      most: DUAL_WRITE.shadow,
    })
  }
  const limited = neighbour[NEIGHBOUR.lane]
  if (limited) add(`extra p99 of the source beside ${NEIGHBOUR.lane}`, limited.extraP99.median, NEIGHBOUR)
  for (const [lane, { points, exponents }] of Object.entries(sizes?.lanes ?? {})) {
    for (const word of ['wall', 'cpu'])
      add(`${sizes.shape}, ${lane}: exponent of ${word}`, exponents[word].all, { most: EXPONENT })
    add(
      `${sizes.shape}, ${lane}: peak memory at any size`,
      Math.max(...points.map((it) => it.memoryMb.client)),
      MEMORY,
      ' MiB',
    )
  }
  return goals
}

const round = (value) =>
  typeof value === 'number'
    ? Number(value.toPrecision(4))
    : Array.isArray(value)
      ? value.map(round)
      : value !== null && typeof value === 'object'
        ? mapped(value, round)
        : value

/** As Markdown. `last`: the result that was checked in, if it is of the same size. `summaries`: what each lane is. */
export function show(result, last, summaries) {
  const {
    keys,
    rounds,
    node,
    cpus,
    shapes = {},
    commands,
    dualWrite,
    neighbour,
    sizes,
    leftOut = {},
    goals,
  } = result
  const before = last?.keys === keys ? last : undefined
  return [
    `${keys.toLocaleString('en')} records, ${rounds} round(s), interleaved; medians. Node ${node}, ${cpus} CPUs.`,
    ...Object.entries(leftOut).map(([lane, why]) => `Left out: ${lane}, since ${why}.`),
    ...Object.entries(shapes).flatMap(([name, it]) =>
      shapeLines(name, it, before?.shapes?.[name], summaries),
    ),
    ...(commands ? commandLines(commands) : []),
    ...(dualWrite ? dualWriteLines(dualWrite) : []),
    ...(neighbour ? neighbourLines(neighbour) : []),
    ...(sizes ? sizeLines(sizes) : []),
    ...goalLines(goals, before?.goals ?? []),
  ].join('\n')
}

const table = (heads, rows) => [
  `| ${heads.join(' | ')} |`,
  `| ${heads.map(() => '---').join(' | ')} |`,
  ...rows.map((it) => `| ${it.join(' | ')} |`),
]

function shapeLines(name, { ratios, costs }, before, summaries) {
  return [
    '',
    `### ${name}`,
    '',
    ...table(
      ['ratio', 'median', 'lowest–highest', 'by CPU of all processes', 'goal', 'last'],
      ratios.map((it) => [
        it.ratio,
        it.value.toFixed(2),
        `${it.low.toFixed(2)}–${it.high.toFixed(2)}`,
        it.cpu.toFixed(2),
        goalText(it),
        before?.ratios.find(({ ratio }) => ratio === it.ratio)?.value.toFixed(2) ?? '',
      ]),
    ),
    '',
    ...table(
      ['lane', 'wall', 'CPU of client / Redis / Postgres', 'peak memory of the same', 'what it is'],
      Object.entries(costs).map(([lane, { seconds, memoryMb, cpu }]) => [
        lane,
        `${seconds.median.toFixed(2)} s (${seconds.low.toFixed(2)}–${seconds.high.toFixed(2)})`,
        `${processes(cpu, 1)} s`,
        `${processes(memoryMb, 0)} MB`,
        summaries[lane] ?? '',
      ]),
    ),
  ]
}

// A pooler is a fourth process.
const processes = (of, digits) =>
  ['client', 'redis', 'postgres', ...(of.pooler === undefined ? [] : ['pooler'])]
    .map((it) => (of[it] === undefined ? '–' : of[it].toFixed(digits)))
    .join(' / ')

const commandLines = (commands) => [
  '',
  '### Commands',
  '',
  ...table(
    ['command', 'CPU', 'wall', 'peak memory', 'goal'],
    Object.entries(commands).map(([name, { seconds, memoryMb, cpu }]) => [
      name,
      `${(cpu.client * 1000).toFixed(0)} ms`,
      `${(seconds.median * 1000).toFixed(0)} ms`,
      `${memoryMb.client.toFixed(0)} MB`,
      COMMANDS[name] === undefined ? '' : `< ${COMMANDS[name] * 1000} ms of CPU`,
    ]),
  ),
]

const dualWriteLines = (dualWrite) =>
  Object.entries(dualWrite).flatMap(([clients, { lanes, ratios }]) => [
    '',
    `### Dual-write, ${clients} client(s)`,
    '',
    ...table(
      ['call', 'p50', 'p95'],
      Object.entries(lanes).map(([lane, it]) => [lane, millisText(it.p50), millisText(it.p95)]),
    ),
    '',
    ...table(
      ['ratio', 'of', 'median', 'lowest–highest', 'beyond it'],
      ratios.map((it) => [
        it.ratio,
        it.of,
        it.median.toFixed(2),
        `${it.low.toFixed(2)}–${it.high.toFixed(2)}`,
        `${it.extraMillis.toFixed(2)} ms`,
      ]),
    ),
  ])

const millisText = ({ median, low, high }) => `${median.toFixed(2)} ms (${low.toFixed(2)}–${high.toFixed(2)})`

const neighbourLines = (neighbour) => [
  '',
  '### Somebody else who reads the source',
  '',
  ...table(
    ['beside', 'p50 without / with it', 'p99 without / with it', 'extra p99 (half of the turns)', 'turns'],
    Object.entries(neighbour).map(([lane, { quiet, loaded, extraP99, turns }]) => [
      lane,
      `${quiet.p50.toFixed(2)} / ${loaded.p50.toFixed(2)} ms`,
      `${quiet.p99.toFixed(2)} / ${loaded.p99.toFixed(2)} ms`,
      `${percent(extraP99.median)} (${percent(extraP99.low)} to ${percent(extraP99.high)})`,
      turns,
    ]),
  ),
]

const percent = (share) => `${(share * 100).toFixed(0)} %`

const sizeLines = ({ shape, lanes }) => [
  '',
  `### Sizes, ${shape}`,
  '',
  ...table(
    ['lane', 'keys', 'wall', 'CPU of client / Redis / Postgres', 'peak memory of the same'],
    Object.entries(lanes).flatMap(([lane, { points }]) =>
      points.map(({ keys, seconds, cpu, memoryMb }) => [
        lane,
        keys.toLocaleString('en'),
        `${seconds.toFixed(2)} s`,
        `${processes(cpu, 1)} s`,
        `${processes(memoryMb, 0)} MB`,
      ]),
    ),
  ),
  '',
  ...table(
    ['lane', 'exponent of wall', 'of CPU', 'between the two largest: wall', 'CPU'],
    Object.entries(lanes).map(
      ([
        lane,
        {
          exponents: { wall, cpu },
        },
      ]) => [lane, ...[wall.all, cpu.all, wall.lastStep, cpu.lastStep].map((it) => it.toFixed(2))],
    ),
  ),
]

const goalLines = (goals, before) => [
  '',
  `### Goals: ${goals.filter((it) => it.reached).length} of ${goals.length} reached`,
  '',
  ...table(
    ['what', 'measured', 'goal', '', 'last'],
    goals.map(({ what, value, unit, most, least, reached }) => {
      const known = before.find((it) => it.what === what)
      return [
        what,
        `${figure(value)}${unit}`,
        goalText({ most, least }, unit),
        reached ? 'reached' : '**not reached**',
        known ? `${figure(known.value)}${unit}` : '',
      ]
    }),
  ),
]

const figure = (value) => (Math.abs(value) >= 10 ? value.toFixed(0) : value.toFixed(2))

const goalText = ({ most, least }, unit = '') =>
  most !== undefined ? `≤ ${most}${unit}` : least !== undefined ? `≥ ${least}${unit}` : ''

/** The short of it for people who read about the project: every goal, and what each lane cost by shape. */
export function brief(result) {
  const {
    keys,
    rounds,
    node,
    cpus,
    shapes = {},
    commands,
    dualWrite,
    neighbour,
    sizes,
    leftOut = {},
    goals,
  } = result
  const names = Object.keys(shapes)
  const lanes = [...new Set(names.flatMap((it) => Object.keys(shapes[it].costs)))]
  const byShape = (text) =>
    table(
      ['', ...names],
      lanes.map((lane) => [
        `\`${lane}\``,
        ...names.map((it) => (shapes[it].costs[lane] ? text(shapes[it].costs[lane]) : '')),
      ]),
    )
  return [
    `${keys.toLocaleString('en')} keys, ${rounds} round(s), interleaved; Node ${node}, ${cpus} CPUs shared with Redis and Postgres.`,
    ...Object.entries(leftOut).map(([lane, why]) => `Left out: \`${lane}\`, since ${why}.`),
    ...goalLines(goals, []),
    ...(names.length > 0
      ? [
          '',
          '### Wall in seconds: median (lowest–highest)',
          '',
          ...byShape(
            ({ seconds: { median, low, high } }) =>
              `${median.toFixed(1)} (${low.toFixed(1)}–${high.toFixed(1)})`,
          ),
          '',
          '### CPU in seconds, client / Redis / Postgres; peak memory of the client',
          '',
          ...byShape(({ cpu, memoryMb }) => `${processes(cpu, 1)}; ${memoryMb.client.toFixed(0)} MB`),
        ]
      : []),
    ...(commands ? commandLines(commands) : []),
    ...(dualWrite ? dualWriteLines(dualWrite) : []),
    ...(neighbour ? neighbourLines(neighbour) : []),
    ...(sizes ? sizeLines(sizes) : []),
  ].join('\n')
}
