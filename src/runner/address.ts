import { KvmigError } from '../errors.ts'
import type { StoreAddress } from '../plan/plan.ts'

/**
 * Replaces `${NAME}` and `${NAME:-default}` in an address by environment variables. What a variable holds is never expanded again, and
 * never printed. An empty variable counts as unset, as in a shell's `:-`.
 */
export function resolveAddress(
  address: StoreAddress,
  variables: Readonly<Record<string, string | undefined>>,
): string {
  return resolve(address.url, address, variables)
}

/** The same for what stands beside the address. */
export const resolveOptions = (
  address: StoreAddress,
  variables: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(address.options ?? {}).map(([name, text]) => [name, resolve(text, address, variables)]),
  )

function resolve(
  text: string,
  { at }: StoreAddress,
  variables: Readonly<Record<string, string | undefined>>,
): string {
  return text.replace(
    /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
    (_, name: string, fallback: string | undefined) => {
      const value = variables[name] || fallback
      if (value !== undefined) return value
      const { file, line, column } = at
      throw new KvmigError(
        'ENV_MISSING',
        `${file}:${line}:${column}  The environment variable ${name} is not set.`,
        {
          hint: `Set it, put it into .env, or give a default: \${${name}:-…}.`,
        },
      )
    },
  )
}
