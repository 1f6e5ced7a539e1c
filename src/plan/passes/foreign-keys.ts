import { createHash } from 'node:crypto'
import { circleOf } from '../circle.ts'
import type { ForeignKeyStep } from '../step.ts'
import { type Reference, sameTable, type TableName } from '../table.ts'
import { byText, type Draft, edges, findTable, inSchemaOf, type Pass, place, stepsAbout } from './pass.ts'

/**
 * Foreign keys of kvmig's own tables, after both tables were copied, indexed and analyzed. Adding one takes orphans out, which may orphan
 * rows that refer to those: so the foreign keys of a table come before those of the tables that refer to it. Those of one table follow
 * one another: side by side they would only wait for each other's locks.
 */
export const addForeignKeys: Pass = (draft) => {
  const owned = draft.tables.filter(({ definition }) => definition.owner === 'plan')
  const keys = owned.flatMap(({ definition: { name, references }, plan }) => {
    const taken = new Set<string>()
    return references.toSorted(byColumns).map((reference) => {
      const constraint = foreignKeyName(name.table, reference.columns, taken)
      taken.add(constraint)
      return {
        ...place(plan, 'foreign_key', inSchemaOf(name, constraint)),
        name: constraint,
        table: name,
        reference,
      }
    })
  })
  return {
    steps: keys,
    edges: keys.flatMap((key, index) => {
      // Orphans are looked for in a whole circle of references at once.
      const circle = circleOf(
        key,
        owned.map((it) => it.definition),
      )
      const tables = circle.flatMap(({ table, reference }) => [table, reference.to])
      const copied = tables.flatMap((it) => stepsAbout(draft, it, 'table', 'backfill', 'index', 'analyze'))
      const before = keys.filter(
        (other, otherIndex) =>
          isOfParent(draft, key, other) ||
          (otherIndex < index &&
            (sameTable(other.table, key.table) || sameTable(other.table, key.reference.to))),
      )
      return edges([key.id], [...copied, ...before.map(({ id }) => id)])
    }),
  }
}

/**
 * VALIDATE after NOT VALID: it looks at all rows under a lock that stops nobody but further changes of the table. That is why the
 * validations of a table follow one another, and why foreign keys to it wait for them.
 */
export const addValidations: Pass = (draft) => {
  const keys = draft.steps.filter((it) => it.kind === 'foreign_key')
  const validations = keys.map((key) => ({
    ...place(key.plan, 'validate', inSchemaOf(key.table, key.name)),
    table: key.table,
    constraint: key.name,
  }))
  const ofTable = (table: TableName) =>
    validations.filter((it) => sameTable(it.table, table)).map(({ id }) => id)
  return {
    steps: validations,
    edges: [
      ...validations.flatMap(({ id, table }) => {
        const siblings = ofTable(table)
        return edges(
          [id],
          [...stepsAbout(draft, table, 'foreign_key'), ...siblings.slice(0, siblings.indexOf(id))],
        )
      }),
      ...keys.flatMap((key) => {
        const parents = keys.filter((other) => isOfParent(draft, key, other))
        return parents.flatMap(({ table }) => edges([key.id], ofTable(table)))
      }),
    ],
  }
}

/** The name Postgres itself would give: `messages_from_user_fkey`, with a number if it is taken. One that is too long ends in a hash. */
export function foreignKeyName(
  table: string,
  columns: readonly string[],
  taken: ReadonlySet<string> = new Set(),
): string {
  const base = `${table}_${columns.join('_')}`
  for (let number = 0; ; number++) {
    const suffix = `_fkey${number || ''}`
    const name =
      Buffer.byteLength(base + suffix) <= LONGEST_NAME
        ? base + suffix
        : `${shorten(base, LONGEST_NAME - suffix.length)}${suffix}`
    if (!taken.has(name)) return name
  }
}

// NAMEDATALEN - 1; Postgres cuts longer names without a word.
const LONGEST_NAME = 63

function shorten(text: string, bytes: number): string {
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 8)
  let kept = ''
  for (const character of text) {
    if (Buffer.byteLength(kept + character) > bytes - hash.length - 1) break
    kept += character
  }
  return `${kept}_${hash}`
}

/** Is `other` a foreign key of the table that `key` refers to, and is that table not in one circle with its own? */
const isOfParent = (draft: Draft, key: ForeignKeyStep, other: ForeignKeyStep): boolean =>
  sameTable(other.table, key.reference.to) && !refersTo(draft, other.table, key.table)

function refersTo(draft: Draft, from: TableName, to: TableName): boolean {
  const seen: TableName[] = []
  const open = [from]
  for (let table = open.pop(); table; table = open.pop()) {
    const current = table
    if (sameTable(current, to)) return true
    if (seen.some((it) => sameTable(it, current))) continue
    seen.push(current)
    open.push(...(findTable(draft, current)?.definition.references.map((it) => it.to) ?? []))
  }
  return false
}

const byColumns = (a: Reference, b: Reference): number => byText(columnsText(a), columnsText(b))
const columnsText = ({ columns, to, toColumns }: Reference): string =>
  JSON.stringify([columns, to.schema, to.table, toColumns])
