import type { PlanCatalog } from './catalog.ts'
import { planDefinitions, planShape } from './plan-schema.ts'
import { type JsonSchema, keyPattern, list, map, name, object, ref, text } from './schema-parts.ts'

/** JSON Schema (2020-12) of a plan file. What it says about checks, decoders and transforms comes from the catalog. */
export function planSchema(catalog: PlanCatalog): JsonSchema {
  return { $schema: DIALECT, title: 'a kvmig plan', ...planShape(), $defs: planDefinitions(catalog) }
}

/** JSON Schema of `migrations.yaml`. */
export function projectSchema(catalog: PlanCatalog): JsonSchema {
  return {
    $schema: DIALECT,
    title: 'a kvmig project',
    ...projectShape(catalog),
    $defs: projectDefinitions(catalog),
  }
}

/** Both in one, for editors: a file that says `plan:` is a plan, any other a project. */
export function editorSchema(catalog: PlanCatalog): JsonSchema {
  return {
    $schema: DIALECT,
    $id: 'https://kvmig.dev/schema.json',
    title: 'kvmig: migrations.yaml and plans',
    if: { type: 'object', required: ['plan'] },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema's word
    then: ref('plan'),
    else: ref('project'),
    $defs: {
      plan: planShape(),
      project: projectShape(catalog),
      ...planDefinitions(catalog),
      ...projectDefinitions(catalog),
    },
  }
}

const DIALECT = 'https://json-schema.org/draft/2020-12/schema'

function projectShape({ sources }: PlanCatalog): JsonSchema {
  const schemes = [...sources.keys()].map((it) => `${it}:`).join(', ')
  return object(
    {
      version: { const: 1, title: '1', description: 'The version of this language.' },
      sources: {
        ...map(ref('address'), 'a map from names to addresses'),
        minProperties: 1,
        description: `The stores to read from, by name. Schemes: ${schemes}. \${ENV} and \${ENV:-default} are replaced when a store is opened.`,
      },
      target: {
        ...ref('address'),
        description: 'The Postgres to write to: postgres://… or pglite:./folder.',
      },
      target_schema: {
        ...name('the name of a schema'),
        description: 'Schema of tables named without one. Default public.',
      },
      plans: {
        type: ['string', 'array'],
        title: 'a path with "*", or a list of those',
        items: text('a path'),
        minItems: 1,
        description: 'Which files are plans. Default plans/*.yaml.',
      },
      schema: {
        ...text('the path of an SQL file'),
        description: 'DDL of the tables that the application owns.',
      },
      budget: object(
        { commands: ref('count'), per_month: ref('count'), per_second: ref('count') },
        {
          title: 'a map with commands, per_month, per_second',
          description:
            'Hard limits on source commands, of one run, of a calendar month and of a second, for the whole project.',
        },
      ),
      ignore: { ...list(ref('let_be')), description: 'Keys that are left out, and why.' },
      index: { ...list(ref('let_be')), description: 'Keys that only mirror other keys, and why.' },
      ephemeral: { ...list(ref('let_be')), description: 'Keys that stay in the store, and why.' },
      environments: {
        ...map(
          object(
            { sources: map(ref('address'), 'a map from names to addresses'), target: ref('address') },
            { title: 'a map with sources, target' },
          ),
          'a map from names to environments',
        ),
        description: 'What --env NAME replaces.',
      },
    },
    { required: ['version', 'sources', 'target'], title: 'a project' },
  )
}

function projectDefinitions({ sources }: PlanCatalog): JsonSchema {
  const options = new Set([...sources.values()].flatMap((it) => it.options))
  return {
    address: {
      type: ['string', 'object'],
      title: 'an address, or a map with url and insecure',
      minLength: 1,
      properties: {
        url: { ...text('an address'), minLength: 1 },
        insecure: text('the reason why clear text is accepted'),
        ...Object.fromEntries([...options].map((it) => [it, text('text')])),
      },
      required: ['url'],
      additionalProperties: false,
    },
    count: {
      type: ['integer', 'string'],
      format: 'count',
      minimum: 1,
      title: 'a number above 0, such as 500 or 200k',
    },
    let_be: object(
      { match: keyPattern, type: ref('entry_type'), because: text('the reason') },
      { required: ['match', 'because'], title: 'a map with match and because' },
    ),
    entry_type: ENTRY_TYPE,
  }
}

const ENTRY_TYPE = { enum: ['string', 'hash', 'list', 'set', 'zset', 'stream'], title: 'a type of entry' }
