import type { Position } from '../diagnostic.ts'
import { readAddress } from './address.ts'
import type { PlanCatalog } from './catalog.ts'
import { parseCount } from './duration.ts'
import { checkIdentifier, checkSchema } from './identifier.ts'
import type { Notes } from './notes.ts'
import type { Budget, Environment, Skip, StoreAddress } from './plan.ts'
import { readLetBe } from './read-mapping.ts'
import { optional, textOf, type YamlNode } from './yaml.ts'

/** What the project file itself says; the plans and the SQL are files of their own. */
export interface ProjectFile {
  readonly sources: ReadonlyMap<string, StoreAddress>
  /** Undefined where the file names none, or names it wrongly. */
  readonly target: StoreAddress | undefined
  readonly targetSchema: string
  readonly plans: readonly FileName[]
  readonly schema: FileName | undefined
  readonly budget: Budget
  readonly skips: readonly Skip[]
  readonly environments: ReadonlyMap<string, Environment>
}

/** A path or pattern, and where it is written. */
export interface FileName {
  readonly path: string
  readonly at: Position
}

interface Context {
  readonly notes: Notes
  readonly catalog: PlanCatalog
}

/** Reads the project file. What is broken is reported and left out. */
export function readProject(root: YamlNode, context: Context): ProjectFile {
  const { notes } = context
  const target = root.get('target')
  const schema = root.get('schema')
  const budget = root.get('budget')
  return {
    sources: readSources(root.get('sources'), context),
    target: target && readAddress(target, 'target', context),
    targetSchema: readSchemaName(root.get('target_schema'), notes),
    plans: readPlanFiles(root),
    schema: schema && fileName(schema),
    budget: {
      ...count('commands', budget?.get('commands')),
      ...count('perMonth', budget?.get('per_month')),
      ...count('perSecond', budget?.get('per_second')),
    },
    skips: SKIPS.flatMap(([key, fate]) =>
      (root.get(key)?.items ?? []).flatMap((it) => optional(readLetBe(it, fate, notes))),
    ),
    environments: new Map(
      (root.get('environments')?.entries ?? []).map(({ key, value }) => [
        key,
        readEnvironment(value, context),
      ]),
    ),
  }
}

const SKIPS = [
  ['ignore', 'ignored'],
  ['index', 'index'],
  ['ephemeral', 'ephemeral'],
] as const

function readSources(node: YamlNode | undefined, context: Context): ReadonlyMap<string, StoreAddress> {
  return new Map(
    (node?.entries ?? []).flatMap(({ key, value }) =>
      optional(readAddress(value, 'source', context)).map((it) => [key, it] as const),
    ),
  )
}

function readEnvironment(node: YamlNode, context: Context): Environment {
  const written = node.get('target')
  const target = written && readAddress(written, 'target', context)
  return { sources: readSources(node.get('sources'), context), ...(target && { target }) }
}

function readSchemaName(node: YamlNode | undefined, notes: Notes): string {
  const schema = textOf(node) ?? 'public'
  if (node) {
    if (checkIdentifier(schema, 'schema', node.at, notes)) checkSchema(schema, node.at, notes)
  }
  return schema
}

function readPlanFiles(root: YamlNode): readonly FileName[] {
  const node = root.get('plans')
  if (!node) return [{ path: 'plans/*.yaml', at: root.at }]
  return (node.kind === 'list' ? node.items : [node]).flatMap((it) => optional(fileName(it)))
}

function fileName(node: YamlNode): FileName | undefined {
  const path = textOf(node)
  return path === undefined ? undefined : { path, at: node.at }
}

function count<K extends keyof Budget>(key: K, node: YamlNode | undefined): { readonly [_ in K]?: number } {
  const value = node && parseCount(node.value)
  return value === undefined ? {} : ({ [key]: value } as { [_ in K]: number })
}
