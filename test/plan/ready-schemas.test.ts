import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ValidateFunction } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { PLAN_CATALOG } from '../../src/catalog.ts'
import { compileSchema } from '../../src/plan/compile-schema.ts'
import type { READY } from '../../src/plan/ready-schemas.ts'
import { planSchema, projectSchema } from '../../src/plan/schema.ts'
import { digestOf } from '../../src/plan/schema-digest.ts'
import { readYaml } from '../../src/plan/yaml.ts'

const root = join(import.meta.dirname, '../..')
const built = (await import(join(root, 'dist/plan/ready-schemas.js'))) as { READY: typeof READY }

const FILES = ['plans/messages.yaml', 'migrations.yaml'].map(
  (it) => readYaml(it, readFileSync(join(root, it))).root!.value,
)

/** A file, and what it becomes when any one thing in it is another. */
function* spoilt(value: unknown): Generator<unknown> {
  yield value
  for (const other of [null, 'nonsense', { nonsense: 1 }]) yield other
  if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) for (const it of spoilt(item)) yield value.with(at, it)
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      const { [name]: _, ...rest } = value as Record<string, unknown>
      yield rest
      for (const it of spoilt(item)) yield { ...value, [name]: it }
    }
  }
}

/** What messages are made of. */
const said = ({ errors }: ValidateFunction): string =>
  JSON.stringify(
    errors?.map(
      ({
        instancePath,
        keyword,
        params,
        parentSchema: { title, hint, enum: words, const: word, type } = {},
      }) => [instancePath, keyword, params, title, hint, words, word, type],
    ),
  )

test.each([
  ['plans', planSchema(PLAN_CATALOG)],
  ['projects', projectSchema(PLAN_CATALOG)],
])(
  'the build has a function for the schema of %s, which says of every file what the schema says',
  (_, schema) => {
    const ready = built.READY[digestOf(schema)]!
    const compiled = compileSchema(schema)
    const files = FILES.flatMap((it) => [...spoilt(it)])
    const answers = files.map((it) => [ready(it), said(ready)])
    expect(answers.filter(([isValid]) => !isValid).length).toBeGreaterThan(100)
    expect(answers).toEqual(files.map((it) => [compiled(it), said(compiled)]))
  },
)
