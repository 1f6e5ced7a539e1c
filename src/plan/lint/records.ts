import type { ValueKind } from '../../value.ts'
import { ARTICLE, kindOf } from '../expression-kind.ts'
import { decodedKind, scopeOf, TYPES } from '../mapping-scope.ts'
import type { Mapping } from '../plan.ts'
import { listOf } from '../problem.ts'
import { type LintScope, mappings } from './scope.ts'

/** Type, `each` and `decode` of a mapping fit together. */
export function records(scope: LintScope): void {
  for (const { mapping } of mappings(scope)) {
    checkTypes(mapping, scope)
    checkChain(mapping, scope)
    checkPath(mapping, scope)
  }
}

/** Does `each` read another type than the mapping says? */
export function clashes({ each, type }: Mapping): boolean {
  return (
    each !== undefined &&
    each.kind !== 'path' &&
    type !== undefined &&
    !fittingTypes(each.kind).includes(type)
  )
}

const fittingTypes = (each: keyof typeof TYPES): readonly string[] => TYPES[each]

function checkTypes(mapping: Mapping, { notes }: LintScope): void {
  const { each, type } = mapping
  if (!clashes(mapping) || !each || each.kind === 'path') return
  const fitting = fittingTypes(each.kind)
  const message = `"each: ${each.kind}" reads a ${listOf(fitting, 'or')}, and this is a ${type}.`
  notes.error('KV013', notes.at(mapping, 'each'), message)
}

function checkChain(mapping: Mapping, { notes, catalog }: LintScope): void {
  const { decode, each, type } = mapping
  const at = notes.at(mapping, 'decode')
  if (decode.length > 0 && (each?.kind === 'message' || (!each && type !== undefined && type !== 'string'))) {
    const hint =
      type === 'hash'
        ? 'Use "each: field", or transforms such as: tags | json.'
        : 'Use "each:", or transforms.'
    notes.error(
      'KV037',
      at,
      `A ${type ?? 'stream'} read ${each ? 'by message' : 'as one record'} takes no "decode:".`,
      hint,
    )
  }
  let kind: ValueKind = 'bytes'
  for (const step of decode) {
    const signature = catalog.decoders.get(step.name)
    if (!signature) return
    const { takes, gives } = signature
    // Stored bytes are text where text is wanted, if they are UTF-8; `any` is for the data to tell.
    const fits = takes === 'any' || kind === 'any' || takes === kind || (takes === 'text' && kind === 'bytes')
    if (!fits) {
      notes.error(
        'KV037',
        step.at,
        `${step.name} decodes ${takes}, and what comes before it gives ${ARTICLE[kind]}.`,
      )
      return
    }
    kind = gives
  }
}

function checkPath(mapping: Mapping, { notes, catalog }: LintScope): void {
  const { each, type } = mapping
  if (each?.kind !== 'path') return
  const node = notes.node(mapping, 'each')
  const [first] = each.path
  if (type !== undefined && type !== 'string' && type !== 'hash') {
    const word = { list: 'item', set: 'member', zset: 'member', stream: 'message' }[type]
    notes.error('KV013', notes.at(mapping, 'each'), `A ${type} has no paths.`, `Use "each: ${word}".`)
    return
  }
  const decoded = decodedKind(mapping, catalog)
  if (type !== 'hash' && decoded !== 'any' && decoded !== 'object' && decoded !== 'array') {
    notes.error('KV037', notes.at(mapping, 'each'), 'There is no path into text.', 'Say "decode: json".')
    return
  }
  if (each.path.includes('*') && each.transforms.length > 0) {
    notes.error('KV032', notes.at(mapping, 'each'), 'Transforms of "each:" stand behind a path without "*".')
    return
  }
  // The whole as one expression, so that its transforms are judged like those of any field.
  const start = { kind: 'path', path: [first ?? ''], span: { start: 0, end: 0 } } as const
  const expression = each.transforms.reduce<Parameters<typeof kindOf>[0]>(
    (input, it) => ({ kind: 'pipe', input, ...it }),
    start,
  )
  const record = type === 'hash' && each.path.length === 1 ? 'fields' : 'any'
  const { kind, problems } = kindOf(expression, { ...scopeOf(mapping, catalog), record })
  if (node) notes.problems(node, problems)
  if (problems.length === 0 && first !== '*' && !['any', 'array', 'object'].includes(kind))
    notes.error(
      'KV038',
      notes.at(mapping, 'each'),
      `"each" walks a list or an object, and this is ${ARTICLE[kind]}.`,
      'A field of a hash is text: add a transform, such as | json.',
    )
}
