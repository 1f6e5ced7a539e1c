import type { ErrorObject } from 'ajv/dist/2020.js'
import { type Diagnostic, didYouMean, type Position } from '../diagnostic.ts'
import type { PlanCode } from './codes.ts'
import { listOf, quote } from './problem.ts'
import { READY } from './ready-schemas.ts'
import { digestOf } from './schema-digest.ts'
import { duration, type JsonSchema, percentage } from './schema-parts.ts'
import type { YamlNode } from './yaml.ts'

/** Holds a file against a schema and says what is wrong, one message for one mistake. */
export type Validate = (root: YamlNode) => readonly Diagnostic[]

/** Of a schema that the build has seen, its function is there; another one is compiled now. */
export async function validator(schema: JsonSchema): Promise<Validate> {
  const validate = READY[digestOf(schema)] ?? (await import('./compile-schema.ts')).compileSchema(schema)
  return (root) => {
    validate(root.value)
    return withoutEchoes(validate.errors ?? []).map((error) => explain(error, root))
  }
}

/** Errors of which each stands for one mistake of the author. */
function withoutEchoes(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const told = errors.filter((it) => !STRUCTURAL.has(it.keyword))
  const wrongType = new Set(told.filter((it) => it.keyword === 'type').map((it) => it.instancePath))
  const seen = new Set<string>()
  return told.filter((error) => {
    if (error.keyword !== 'type' && wrongType.has(error.instancePath)) return false
    if (error.keyword === 'required' && isMisspelled(error, told)) return false
    const id = `${error.instancePath} ${error.keyword} ${subject(error) ?? ''}`
    return seen.size < seen.add(id).size
  })
}

// Keywords that only say that something below them is wrong.
const STRUCTURAL = new Set(['if', 'anyOf', 'oneOf', 'allOf', '$ref'])

const subject = ({ params }: ErrorObject): string | undefined =>
  params.missingProperty ?? params.additionalProperty

/** Is the missing key there, but misspelled? Then the unknown key tells enough. */
const isMisspelled = (missing: ErrorObject, all: readonly ErrorObject[]): boolean =>
  all.some(
    (it) =>
      it.keyword === 'additionalProperties' &&
      it.instancePath === missing.instancePath &&
      didYouMean(subject(it) ?? '', [subject(missing) ?? '']) !== undefined,
  )

function explain(error: ErrorObject, root: YamlNode): Diagnostic {
  const place = find(root, error.instancePath)
  const explanation = EXPLANATIONS[error.keyword] ?? explainValue
  const { code, message, hint, at = place.at } = explanation(error, place)
  return { severity: 'error', code, message, ...(hint && { hint }), at }
}

interface Explanation {
  readonly code: PlanCode
  readonly message: string
  readonly hint?: string | undefined
  readonly at?: Position
}

/** A place in the file: the node, and how to call it in a message. */
interface Place {
  readonly node: YamlNode
  readonly label: string
  readonly at: Position
}

function find(root: YamlNode, pointer: string): Place {
  let node = root
  let label = 'The file'
  let at = root.at
  for (const written of pointer.split('/').slice(1)) {
    const segment = written.replaceAll('~1', '/').replaceAll('~0', '~')
    if (node.kind === 'list') {
      node = node.items[Number(segment)]!
      label = `Item ${Number(segment) + 1} of ${label}`
      at = node.at
    } else {
      const entry = node.entries.find((it) => it.key === segment)!
      node = entry.value
      label = quote(segment)
      at = node.value === null ? entry.at : node.at
    }
  }
  return { node, label, at }
}

const EXPLANATIONS: Readonly<Record<string, (error: ErrorObject, place: Place) => Explanation>> = {
  additionalProperties: explainUnknownKey,
  required: ({ params, parentSchema }, { label, node }) => {
    const missing = String(params.missingProperty)
    const schema = (parentSchema?.properties ?? {}) as Record<string, JsonSchema>
    const purpose = schema[missing]?.title
    const what = label === 'The file' ? 'The key' : `In ${label} the key`
    // Where keys may have any name, a misspelled one is none that is unknown.
    const misspelled = node.entries.find(
      ({ key }) => !Object.hasOwn(schema, key) && didYouMean(key, [missing]) !== undefined,
    )
    if (misspelled)
      return {
        code: 'KV011',
        message: `${what} ${quote(missing)} is missing.`,
        hint: `Did you mean ${quote(missing)} by ${quote(misspelled.key)}?`,
        at: misspelled.at,
      }
    return {
      code: 'KV011',
      message: `${what} ${quote(missing)} is missing.`,
      hint: typeof purpose === 'string' ? `It has to be ${purpose}.` : undefined,
    }
  },
  minProperties: ({ parentSchema }, { label }) => ({
    code: 'KV011',
    message: `${label} says too little.`,
    hint: `It has to be ${title(parentSchema)}.`,
  }),
  minItems: (_, { label }) => ({ code: 'KV011', message: `${label} is an empty list.` }),
  minLength: (_, { label }) => ({ code: 'KV011', message: `${label} is empty.` }),
  format: ({ params, parentSchema }, { label, node }) => ({
    code: 'KV015',
    message: `${label} has to be ${parentSchema?.title ?? FORMATS[params.format] ?? params.format}, not ${quote(String(node.value))}.`,
  }),
}

const FORMATS: Readonly<Record<string, unknown>> = { duration: duration.title, percentage: percentage.title }

function explainUnknownKey({ params, parentSchema }: ErrorObject, { node }: Place): Explanation {
  const found = String(params.additionalProperty)
  const { at, value } = node.entries.find((it) => it.key === found)!
  const known = Object.keys((parentSchema?.properties ?? {}) as object)
  const instead = REPLACED[found]
  if (instead) return { code: 'KV010', message: `There is no key ${quote(found)} here.`, hint: instead, at }
  const meant = didYouMean(found, known)
  const comma = 'Inside { } a comma begins the next key: put text that holds one in quotes.'
  return {
    code: 'KV010',
    message: `There is no key ${quote(found)} here.`,
    hint: meant ? `Did you mean "${meant}"?` : value.value === null ? comma : `Known are ${listOf(known)}.`,
    at,
  }
}

/** Words that somebody may know from elsewhere, with what says it here. */
const REPLACED: Readonly<Partial<Record<string, string>>> = {
  preset: 'kvmig init --preset NAME writes a plan out, so that a review sees every line of it.',
  unlogged: 'An unlogged table is empty after a crash of the server, so kvmig makes none.',
  one_way: 'Gate C asks one_way: gates: { C: [{ one_way: { accept: [column] }, because: … }] }.',
  ttl: 'An expiry that no column takes is dropped by unmapped: { drop: [$expires_at], because: … }.',
}

function explainValue(error: ErrorObject, { node, label }: Place): Explanation {
  const { parentSchema, keyword } = error
  const allowed = allowedValues(parentSchema)
  const sameType = allowed?.some((it) => typeof it === typeof node.value) ?? keyword !== 'type'
  if (!sameType || keyword === 'not')
    return {
      code: 'KV012',
      message: `${label} has to be ${allowed ? listOf(allowed.map(String), 'or') : title(parentSchema)}, but it is ${found(node)}.`,
      hint: typeHint(node, parentSchema),
    }
  if (!allowed) return { code: 'KV013', message: `${label} has to be ${title(parentSchema)}.` }
  const meant = typeof node.value === 'string' ? didYouMean(node.value, allowed.map(String)) : undefined
  return {
    code: 'KV013',
    message: `${label} cannot be ${quote(String(node.value))}.`,
    hint: meant
      ? `Did you mean "${meant}"?`
      : `It has to be ${listOf(allowed.map(String), 'or')}.${typeof parentSchema?.hint === 'string' ? ` ${parentSchema.hint}` : ''}`,
  }
}

function allowedValues(schema: JsonSchema | undefined): readonly unknown[] | undefined {
  if (schema && 'const' in schema) return [schema.const]
  return Array.isArray(schema?.enum) ? schema.enum : undefined
}

function title(schema: JsonSchema | undefined): string {
  if (typeof schema?.title === 'string') return schema.title
  return listOf(
    [schema?.type].flat().map((it) => TYPES[String(it)] ?? 'something else'),
    'or',
  )
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  null: 'null',
}

function found({ kind, value }: YamlNode): string {
  if (kind === 'map') return 'a map'
  if (kind === 'list') return 'a list'
  if (value === null) return 'empty'
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'bigint') return 'a number too large to be kept'
  return typeof value === 'string' ? 'text' : 'a number'
}

/** What probably went wrong, where YAML understood something other than the author. */
function typeHint(node: YamlNode, schema: JsonSchema | undefined): string | undefined {
  const wanted = [schema?.type].flat()
  const { value } = node
  if (node.kind === 'map' && wanted.includes('string') && node.entries.every((it) => it.value.value === null))
    return `Put it in quotes: '{${node.entries.map((it) => it.key).join(', ')}}'.`
  if (node.kind !== 'scalar') return undefined
  if (value === null) return undefined
  if (wanted.includes('array') && !wanted.includes('string')) return 'Write it as a list, in [ ].'
  if (wanted.includes('string')) return 'Put it in quotes if text is meant.'
  if (typeof value !== 'string') return undefined
  if (wanted.includes('boolean') && /^(yes|no|on|off|y|n|true|false)$/i.test(value))
    return 'Write true or false.'
  const numeric = wanted.includes('integer') || wanted.includes('number') || typeof schema?.const === 'number'
  return numeric && /^-?\d/.test(value) ? 'Write it without quotes.' : undefined
}
