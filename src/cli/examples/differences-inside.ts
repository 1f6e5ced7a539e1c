import type { ComparedColumn } from '../../report/report.ts'

/**
 * Where two documents differ, by path, so that nobody has to compare long lines by eye: `doc.b[2]`. Nothing where one of them is no
 * object or list; the first few where they differ in much.
 */
export function differencesInside(
  column: string,
  expected: string,
  actual: string,
): NonNullable<ComparedColumn['inside']> {
  const documents = [expected, actual].map(parsed)
  if (!documents.every(isContainer)) return []
  const found: { path: string; expected?: string; actual?: string }[] = []
  compare(column, documents[0], documents[1], found)
  return found.slice(0, MOST)
}

const MOST = 10

type Found = { path: string; expected?: string; actual?: string }[]

function compare(path: string, expected: unknown, actual: unknown, found: Found): void {
  if (!isContainer(expected) || !isContainer(actual) || Array.isArray(expected) !== Array.isArray(actual)) {
    const [one, other] = [JSON.stringify(expected), JSON.stringify(actual)]
    if (one !== other)
      found.push({
        path,
        ...(one === undefined ? {} : { expected: one }),
        ...(other === undefined ? {} : { actual: other }),
      })
    return
  }
  const [one, other] = [new Map(Object.entries(expected)), new Map(Object.entries(actual))]
  for (const name of new Set([...one.keys(), ...other.keys()]))
    compare(
      Array.isArray(expected) ? `${path}[${name}]` : `${path}.${name}`,
      one.get(name),
      other.get(name),
      found,
    )
}

// Only to say where: what decides whether they are the same is Postgres.
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null
