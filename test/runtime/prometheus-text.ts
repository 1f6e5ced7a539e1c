/** One line of Prometheus's text format. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/**
 * Reads Prometheus's text format 0.0.4, strictly: what its own parser refuses, and what `promtool check metrics` complains of, throws.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function readPrometheus(text: string): readonly Sample[] {
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  const types = new Map<string, string>()
  const helped = new Set<string>()
  const samples: Sample[] = []
  let family: string | undefined
  for (const line of text.split('\n').slice(0, -1)) {
    const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line)
    const type = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped)$/.exec(line)
    if (help) {
      if (helped.has(help[1]!)) throw new Error(`a second HELP: ${line}`)
      helped.add(help[1]!)
    } else if (type) {
      if (types.has(type[1]!)) throw new Error(`a second TYPE: ${line}`)
      family = type[1]!
      types.set(family, type[2]!)
    } else {
      const found = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
      if (!found) throw new Error(`no sample: ${line}`)
      const [, name, list = '', value] = found
      const belongs =
        family !== undefined &&
        (name === family ||
          (types.get(family) === 'histogram' &&
            ['bucket', 'sum', 'count'].some((it) => name === `${family}_${it}`)))
      if (!belongs) throw new Error(`not of the family before it: ${line}`)
      if (types.get(family!) === 'counter' && !family!.endsWith('_total'))
        throw new Error(`a counter that does not end with _total: ${line}`)
      samples.push({ name: name!, labels: readLabels(list, line), value: readValue(value!, line) })
    }
  }
  for (const name of types.keys()) if (!helped.has(name)) throw new Error(`${name} has no HELP`)
  const places = samples.map((it) => JSON.stringify([it.name, it.labels]))
  if (new Set(places).size < places.length) throw new Error('a sample is given twice')
  for (const [name, type] of types) if (type === 'histogram') checkHistogram(samples, name)
  return samples
}

function readLabels(list: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {}
  let rest = list
  while (rest !== '') {
    const found = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?=.)|$)/.exec(rest)
    if (!found || found[1]! in labels) throw new Error(`no labels: ${line}`)
    labels[found[1]!] = found[2]!.replace(/\\(.)/g, (_, it) => (it === 'n' ? '\n' : it))
    rest = rest.slice(found[0].length)
  }
  return labels
}

function readValue(text: string, line: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text)) throw new Error(`no number: ${line}`)
  return Number(text)
}

// Buckets are cumulative, in the order of their bounds, and the last takes everything.
function checkHistogram(samples: readonly Sample[], name: string): void {
  const series = new Map<string, Sample[]>()
  for (const it of samples.filter((sample) => sample.name === `${name}_bucket`)) {
    const { le: _, ...labels } = it.labels
    const key = JSON.stringify(labels)
    series.set(key, [...(series.get(key) ?? []), it])
  }
  for (const [key, buckets] of series) {
    const bounds = buckets.map(({ labels: { le } }) =>
      le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le),
    )
    const counts = buckets.map((it) => it.value)
    const grows = (list: readonly number[]) => list.every((it, at) => at === 0 || it >= list[at - 1]!)
    if (!grows(bounds) || !grows(counts)) throw new Error(`${name} ${key} does not grow`)
    if (bounds.at(-1) !== Number.POSITIVE_INFINITY) throw new Error(`${name} ${key} has no +Inf`)
    const of = (part: string) =>
      samples.find((it) => it.name === `${name}_${part}` && JSON.stringify(it.labels) === key)
    if (of('count')?.value !== counts.at(-1))
      throw new Error(`${name} ${key}: its count is not its last bucket`)
    if (of('sum') === undefined) throw new Error(`${name} ${key} has no sum`)
  }
}
