import type { OptionSignature, Parameter, PlanCatalog, TransformSignature } from '../../src/plan/catalog.ts'
import type { ValueKind } from '../../src/value.ts'

/** A small catalog with one part of every sort, so that the language can be tested without the parts. */
export const catalog: PlanCatalog = {
  transforms: new Map<string, TransformSignature>([
    ['lower', transform(['text'], 'text')],
    ['upper', transform(['text'], 'text')],
    ['trim', transform(['text'], 'text')],
    ['strip_prefix', transform(['text'], 'text', [{ name: 'prefix', type: 'text' }])],
    [
      'replace',
      transform(['text'], 'text', [
        { name: 'find', type: 'text' },
        { name: 'by', type: 'text', optional: true },
      ]),
    ],
    ['split', transform(['text'], 'array', [{ name: 'separator', type: 'text' }])],
    ['text', transform(['any'], 'text')],
    ['int', transform(['text', 'number'], 'number')],
    ['decimal', transform(['text', 'number'], 'number')],
    ['float', transform(['text', 'number'], 'number')],
    ['bool', transform(['text', 'number', 'boolean'], 'boolean')],
    ['iso', transform(['text'], 'instant', [{ name: 'zone', type: 'text', optional: true }])],
    ['epoch_ms', transform(['text', 'number'], 'instant')],
    ['date', transform(['text'], 'date')],
    ['json', transform(['text'], 'any')],
    ['base64', transform(['text'], 'bytes')],
    ['one_of', transform(['text'], 'text', [{ name: 'labels', type: 'map' }])],
    ['clip', transform(['text'], 'text', [{ name: 'length', type: 'integer' }])],
    ['default', { ...transform(['any'], 'any', [{ name: 'value', type: 'any' }]), gives: (input) => input }],
    ['null_if', { ...transform(['any'], 'any', [{ name: 'value', type: 'any' }]), gives: (input) => input }],
  ]),
  decoders: new Map([
    ['utf8', { summary: 'text', arity: [0, 0], takes: 'bytes', gives: 'text' }],
    ['bytes', { summary: 'as it is', arity: [0, 0], takes: 'bytes', gives: 'bytes' }],
    ['json', { summary: 'JSON', arity: [0, 0], takes: 'text', gives: 'any' }],
    ['json until object', { summary: 'JSON in JSON', arity: [0, 0], takes: 'text', gives: 'any' }],
    ['unwrap', { summary: 'what lies inside', arity: [1, 1], takes: 'any', gives: 'any' }],
    ['base64', { summary: 'base64', arity: [0, 0], takes: 'text', gives: 'bytes' }],
    ['gzip', { summary: 'gzip', arity: [0, 0], takes: 'bytes', gives: 'bytes' }],
  ]),
  checks: new Map<string, OptionSignature>([
    ['coverage', mandatory({})],
    ['unmapped', mandatory({})],
    ['row_count', check({})],
    ['full', mandatory({ tolerance: { type: 'string' } })],
    ['sample', check({ of: { type: 'string', format: 'percentage' } })],
    [
      'recency',
      check({ column: { type: 'string' }, within: { type: 'string', format: 'duration' } }, [
        'column',
        'within',
      ]),
    ],
    ['orphans', mandatory({})],
    ['index_use', check({})],
    ['unique_keys', mandatory({})],
    ['sequences', check({})],
    ['quarantine', mandatory({ limit: { type: 'integer', minimum: 0 } })],
    [
      'soak',
      {
        ...check({ for: { type: 'string', format: 'duration' } }, ['for']),
        options: { type: ['string', 'object'], format: 'duration', required: ['for'] },
      },
    ],
    [
      'divergence',
      check({
        unexplained: { type: 'integer' },
        over: { type: 'string', format: 'duration' },
        samples: { type: 'integer' },
      }),
    ],
    ['fleet', check({ expect: { type: 'integer' } })],
    ['latency', check({ p95: { type: 'string', format: 'duration' } })],
  ]),
  sources: new Map([
    ['redis', { driver: 'redis', options: [] }],
    ['rediss', { driver: 'redis', options: [] }],
    ['rdb', { driver: 'rdb', options: [] }],
    ['ndjson', { driver: 'ndjson', options: [] }],
  ]),
  tariffs: new Map([['neon-free', { title: 'Neon Free', provider: 'neon', storage: 500_000_000 }]]),
}

function transform(
  takes: readonly ValueKind[],
  gives: ValueKind,
  parameters: readonly Parameter[] = [],
): TransformSignature {
  return { summary: 'For the tests.', parameters, takes, gives: () => gives }
}

function mandatory(properties: Readonly<Record<string, unknown>>) {
  return { ...check(properties), mandatory: true }
}

function check(properties: Readonly<Record<string, unknown>>, required: readonly string[] = []) {
  const options = { type: 'object', properties, required, additionalProperties: false }
  return { options, summary: 'For the tests.' }
}
