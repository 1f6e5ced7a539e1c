import { Environment } from '@marcbachmann/cel-js'
import { CEL_LOOKUPS } from './cel-lookups.ts'

const environment = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false })
for (const it of Object.values(CEL_LOOKUPS)) environment.registerFunction(it, () => null)

/** Does CEL look at nothing but the key (and at what other keys say)? False for text that is no CEL: a check speaks of it. */
export function looksAtKeyOnly(cel: string): boolean {
  const names = new Set<string>()
  try {
    collect(environment.parse(cel).ast, names)
  } catch {
    return false
  }
  return names.size > 0 && [...names].every((it) => it === 'key')
}

function collect(node: unknown, names: Set<string>): void {
  if (Array.isArray(node)) for (const it of node) collect(it, names)
  else if (typeof node === 'object' && node !== null && 'op' in node) {
    const { op, args } = node as { op: string; args: unknown }
    if (op === 'id' && typeof args === 'string') names.add(args)
    else collect(args, names)
  }
}
