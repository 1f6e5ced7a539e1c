// Makes functions of the schemas of plans and projects, so that no command has to: `dist/plan/ready-schemas.js`.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { _, Ajv2020 } from 'ajv/dist/2020.js'
import standalone from 'ajv/dist/standalone/index.js'

/** `dist`: where the sources were compiled to. */
export async function writeReadySchemas(dist) {
  const part = (file) => import(join(dist, file))
  const { PLAN_CATALOG } = await part('catalog.js')
  const { planSchema, projectSchema } = await part('plan/schema.js')
  const { digestOf } = await part('plan/schema-digest.js')
  const { SCHEMA_OPTIONS } = await part('plan/compile-schema.js')
  const ajv = new Ajv2020({ ...SCHEMA_OPTIONS, code: { source: true, esm: true, formats: _`FORMATS` } })
  const schemas = { planFile: planSchema(PLAN_CATALOG), projectFile: projectSchema(PLAN_CATALOG) }
  for (const [name, schema] of Object.entries(schemas)) ajv.addSchema(schema, name)
  const names = Object.keys(schemas)
  const code = standalone.default(ajv, Object.fromEntries(names.map((it) => [it, it])))
  const text = `// Made by scripts/ready-schemas.mjs.
import { createRequire } from 'node:module'
import { FORMATS } from './formats.js'
const require = createRequire(import.meta.url)
${code}
export const READY = { ${names.map((it) => `'${digestOf(schemas[it])}': ${it}`).join(', ')} }
`
  writeFileSync(join(dist, 'plan', 'ready-schemas.js'), text)
}
