import type { ValueKind } from '../../value.ts'
import type { Expression } from '../expression.ts'
import { kindOf } from '../expression-kind.ts'
import { ARTICLE } from '../literal-kind.ts'
import { decodedKind, isHash, scopeOf, TYPES } from '../mapping-scope.ts'
import { type DecodeStep, EACH, insideOf, isWhole, type Mapping } from '../plan.ts'
import { listOf } from '../problem.ts'
import { type LintScope, mappings } from './scope.ts'

/** Type, `each` and `decode` of a mapping fit together. */
export function records(scope: LintScope): void {
  for (const { mapping } of mappings(scope)) {
    checkTypes(mapping, scope)
    if (!clashes(mapping)) checkChain(mapping, scope)
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
  const asRecord = type === 'hash' && isWhole(each)
  const opensField = asRecord && decode[0]?.name === 'unwrap' && decode[0].when === undefined
  if (decode.length > 0 && !opensField && (asRecord || type === 'stream' || each?.kind === 'message')) {
    const what = asRecord ? 'hash read as one record' : 'message of a stream'
    const hint = asRecord
      ? 'Use "each: field", begin with one field, as in [unwrap(data), json], or use transforms such as: tags | json.'
      : 'Use transforms such as: tags | json.'
    notes.error('KV037', at, `A ${what} takes no "decode:": its fields are text.`, hint)
  }
  if (mapping.chunks && ((type !== undefined && type !== 'string') || !isWhole(each)))
    notes.error(
      'KV037',
      notes.at(mapping, 'chunks'),
      'Only strings are cut into pieces.',
      'Say "type: string".',
    )
  if (mapping.decodeFields && ((type !== undefined && type !== 'hash') || !isWhole(each)))
    notes.error(
      'KV037',
      at,
      'A map under "decode:" names fields of a hash that is read as one record.',
      'Elsewhere "decode:" is a decoder, or a list of them.',
    )
  for (const chain of [decode, ...(mapping.decodeFields?.values() ?? [])])
    checkSteps(chain, { notes, catalog })
}

/** Each step takes what the one before gives. */
function checkSteps(
  decode: readonly DecodeStep[],
  { notes, catalog }: Pick<LintScope, 'notes' | 'catalog'>,
): void {
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
    // What a step gives that is taken at times only, nobody knows beforehand.
    kind = step.when ? 'any' : gives
  }
}

function checkPath(mapping: Mapping, { notes, catalog }: LintScope): void {
  const { type } = mapping
  const each = insideOf(mapping.each)
  if (!each) return
  const node = notes.node(mapping, 'each')
  const at = notes.at(mapping, 'each')
  if (isWhole(mapping.each) && type !== undefined && type !== 'string' && type !== 'hash') {
    const word = { list: 'item', set: 'member', zset: 'member', stream: 'message' }[type]
    notes.error('KV013', at, `A ${type} has no paths.`, `Use "each: ${word}".`)
    return
  }
  const hash = isWhole(mapping.each) && isHash(mapping) && mapping.decode.length === 0
  const decoded = decodedKind(mapping, catalog)
  if (!hash && decoded !== 'any' && decoded !== 'object' && decoded !== 'array') {
    notes.error('KV037', at, 'There is no path into text.', 'Say "decode: json".')
    return
  }
  // The whole as one expression, so that its transforms are judged like those of any field.
  const start = { kind: 'path', path: [String(each.path[0])], span: { start: 0, end: 0 } } as const
  const expression = each.transforms.reduce<Expression>(
    (input, it) => ({ kind: 'pipe', input, ...it }),
    start,
  )
  const inText = hash && each.path.length > 1 && !mapping.decodeFields?.has(String(each.path[0]))
  const record = hash ? 'fields' : 'any'
  const { kind, problems } = kindOf(expression, { ...scopeOf(mapping, catalog), record })
  if (node) notes.problems(node, problems)
  const walksResult = each.transforms.length > 0 || each.path.at(-1) !== EACH
  if (problems.length === 0 && (inText || (walksResult && kind !== 'any' && kind !== 'array')))
    notes.error(
      'KV038',
      at,
      `"each" makes a record of every element of a list, and this is ${ARTICLE[inText ? 'text' : kind]}.`,
      'The fields of a hash are text: add a transform, such as | json. If the entries are no hashes, say "decode: json".',
    )
}
