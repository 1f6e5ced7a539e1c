import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { PLAN_CODES } from '../../src/plan/codes.ts'
import { parseCount, parseDuration, parsePercentage } from '../../src/plan/duration.ts'
import { editorSchema, planSchema, projectSchema } from '../../src/plan/schema.ts'
import { readYaml } from '../../src/plan/yaml.ts'
import { catalog } from './catalog.ts'
import { PROJECT } from './project.ts'

const compile = (schema: object) => new Ajv2020({ strict: false, validateFormats: false }).compile(schema)
const contentOf = (path: string) => readYaml(path, Buffer.from(PROJECT[path]!)).root!.value

test('is a JSON Schema of the year it says', () => {
  for (const schema of [planSchema(catalog), projectSchema(catalog), editorSchema(catalog)]) {
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema')
    expect(() => compile(schema)).not.toThrow()
  }
})

test('tells plans and projects apart for editors', () => {
  const validate = compile(editorSchema(catalog))
  for (const path of ['migrations.yaml', 'plans/messages.yaml', 'plans/handles.yaml'])
    expect(validate(contentOf(path))).toBe(true)
  expect(validate({ version: 1, plan: 'x' })).toBe(false)
  expect(validate({ version: 1, sources: {} })).toBe(false)
})

test('knows the parts of the catalog by name', () => {
  const schema = JSON.stringify(planSchema(catalog))
  for (const name of [...catalog.transforms.keys(), ...catalog.decoders.keys(), ...catalog.checks.keys()])
    expect(schema).toContain(name)
})

test('is plain data, the same in every run', () => {
  expect(JSON.parse(JSON.stringify(editorSchema(catalog)))).toEqual(editorSchema(catalog))
})

test('has a title for every code, in order', () => {
  const codes = Object.keys(PLAN_CODES)
  expect(codes).toEqual([...codes].sort())
  for (const code of codes) expect(code).toMatch(/^KV0\d\d$/)
})

test.each([
  ['500ms', 500],
  ['30s', 30_000],
  ['10m', 600_000],
  ['24h', 86_400_000],
  ['7d', 604_800_000],
  ['10 mins', undefined],
  ['10', undefined],
  ['-1d', undefined],
  ['1.5h', undefined],
  ['999999999d', undefined],
])('reads the duration %s', (text, millis) => {
  expect(parseDuration(text)).toBe(millis)
})

test.each([
  ['10%', 0.1],
  ['0.1%', 0.001],
  ['100%', 1],
  ['101%', undefined],
  ['10', undefined],
  ['.5%', undefined],
])('reads the percentage %s', (text, share) => {
  expect(parsePercentage(text)).toBe(share)
})

test.each([
  [500, 500],
  ['200k', 200_000],
  ['1.5M', 1_500_000],
  [0, undefined],
  [1.5, undefined],
  ['500', undefined],
  ['k', undefined],
])('reads the count %s', (value, count) => {
  expect(parseCount(value)).toBe(count)
})
