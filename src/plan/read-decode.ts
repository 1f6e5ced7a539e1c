import { didYouMean } from '../diagnostic.ts'
import { parseDecodeStep } from './expression.ts'
import type { DecodeStep, Mapping } from './plan.ts'
import { listOf } from './problem.ts'
import type { RuleContext } from './read-mapping.ts'
import { optional, textOf, type YamlNode } from './yaml.ts'

/** Reads `decode:`, a step or a list of them. */
export function readDecode(node: YamlNode | undefined, context: RuleContext): readonly DecodeStep[] {
  const nodes = node?.kind === 'list' ? node.items : optional(node)
  return nodes.flatMap((it, group) => {
    if (it.kind !== 'map') return readSteps([it], context)
    const condition = it.get('if')
    const cel = textOf(condition)
    const inner = it.get('do')
    if (!condition || cel === undefined || !inner) return []
    const when = { cel, group, at: condition.at }
    return readSteps(inner.kind === 'list' ? inner.items : [inner], context).map((step) => ({
      ...step,
      when,
    }))
  })
}

/** `{ vector: float32, meta: json }`, of a hash that is one record. */
export const readDecodeFields = (
  node: YamlNode,
  context: RuleContext,
): NonNullable<Mapping['decodeFields']> =>
  new Map(
    node.entries.map(({ key, value }) => [
      key,
      readSteps(value.kind === 'list' ? value.items : [value], context),
    ]),
  )

function readSteps(nodes: readonly YamlNode[], { catalog, notes }: RuleContext): readonly DecodeStep[] {
  return nodes.flatMap((it) => {
    const source = textOf(it)
    if (source === undefined) return []
    const { step, problems } = parseDecodeStep(source)
    notes.problems(it, problems)
    if (!step) return []
    const signature = catalog.decoders.get(step.name)
    const [least, most] = signature?.arity ?? [0, 0]
    const given = step.arguments.length
    if (!signature) {
      const meant = didYouMean(step.name, catalog.decoders.keys())
      const known = `Known are ${listOf(catalog.decoders.keys())}.`
      notes.error(
        'KV035',
        it.at,
        `There is no decoder "${step.name}".`,
        meant ? `Did you mean "${meant}"?` : known,
      )
    } else if (given < least || given > most) {
      const wanted = most === 0 ? 'no arguments' : least === most ? `${most}` : `${least} to ${most}`
      notes.error('KV032', it.at, `The decoder ${step.name} takes ${wanted}, not ${given}.`)
    }
    return [{ ...step, at: it.at }]
  })
}
