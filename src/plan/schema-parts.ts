/** Building blocks of the JSON Schema. `title` is how messages call what is expected: “has to be {title}”. */
export type JsonSchema = { readonly [keyword: string]: unknown }

export const ref = (definition: string): JsonSchema => ({ $ref: `#/$defs/${definition}` })

export const text = (title: string): JsonSchema => ({ type: 'string', title })

/** A name of something in Postgres or of a plan; what Postgres would make of it is looked at later, with better words. */
export const name = (title: string): JsonSchema => ({ type: 'string', title })

export const list = (items: JsonSchema, title = 'a list'): JsonSchema => ({ type: 'array', items, title })

export const map = (values: JsonSchema, title: string): JsonSchema => ({
  type: 'object',
  additionalProperties: values,
  title,
})

export const oneOf = (title: string, ...values: readonly unknown[]): JsonSchema => ({ enum: values, title })

export function object(
  properties: Readonly<Record<string, JsonSchema>>,
  { required = [], ...rest }: { readonly required?: readonly string[]; readonly [keyword: string]: unknown },
): JsonSchema {
  return {
    type: 'object',
    properties,
    ...(required.length > 0 && { required }),
    additionalProperties: false,
    ...rest,
  }
}

export const keyPattern: JsonSchema = {
  type: 'string',
  title: 'a key pattern, such as user:{id}',
  description:
    'Literal text and captures: {id}, {id:int}, {id:uuid}, {day:date}, {id:rest}, {id:/regex/}. A capture stops at ":" or at the next literal.',
}

export const duration: JsonSchema = {
  type: 'string',
  format: 'duration',
  title: 'a duration, such as 10m, 24h or 7d',
}
export const percentage: JsonSchema = {
  type: 'string',
  format: 'percentage',
  title: 'a percentage, such as 0.1%',
}
export const size: JsonSchema = { type: 'string', format: 'size', title: 'a size, such as 500MB or 8GB' }
