import { KvmigError } from '../errors.ts'

const LONGEST_BYTES = 5_000_000
const TIMEOUT_MILLIS = 10_000

/** Asks a URL for JSON. What went wrong names the host, never the rest of the URL, which may hold a secret. */
export async function fetchJson(
  url: string,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const host = hostOf(url)
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/json', ...headers },
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MILLIS)]),
      redirect: 'error',
    })
    if (!response.ok) throw failed(host, `it answered ${response.status}`)
    const text = await response.text()
    if (text.length > LONGEST_BYTES) throw failed(host, 'its answer is too long')
    return JSON.parse(text)
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof KvmigError) throw error
    if (error instanceof SyntaxError) throw failed(host, 'its answer is no JSON')
    const isLate = error instanceof Error && error.name === 'TimeoutError'
    throw failed(
      host,
      isLate ? `it did not answer within ${TIMEOUT_MILLIS / 1000} s` : 'it cannot be reached',
    )
  }
}

/** What stands at a path such as `data.result[0].value[1]`, which may begin with `$.`; undefined where there is nothing. */
export function atPath(value: unknown, path: string): unknown {
  const steps = path.replace(/^\$\.?/, '').match(/[^.[\]]+/g) ?? []
  let found: unknown = value
  for (const step of steps) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined
    found = (found as Record<string, unknown>)[step]
  }
  return found
}

function hostOf(url: string): string {
  try {
    return new URL(url).host
  } catch {
    return 'that address'
  }
}

const failed = (host: string, why: string): KvmigError =>
  new KvmigError('EVIDENCE', `${host} gave no answer to judge by: ${why}.`, {
    hint: 'Ask again, or look at the address in the plan.',
  })
