import { Ajv2020, type Options, type ValidateFunction } from 'ajv/dist/2020.js'
import { FORMATS } from './formats.ts'
import type { JsonSchema } from './schema-parts.ts'

/** What every schema is compiled with, by a command or by the build. The tests hold the schemas themselves against the draft. */
export const SCHEMA_OPTIONS: Options = {
  allErrors: true,
  verbose: true,
  strict: false,
  validateSchema: false,
  inlineRefs: false,
  formats: FORMATS,
}

/** Makes a function of a schema, which takes longer than reading a plan: the build has done it for those of a release. */
export function compileSchema(schema: JsonSchema): ValidateFunction {
  return new Ajv2020({ ...SCHEMA_OPTIONS, code: { optimize: false } }).compile(schema)
}
