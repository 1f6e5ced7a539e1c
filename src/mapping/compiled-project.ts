import { type Merge, mappingsOf, type Project } from '../plan/plan.ts'
import { sameTable, showTable, type TableName } from '../plan/table.ts'
import { compileMapping, type MappingSource } from './compile.ts'
import type { CompiledMapping, Router } from './mapping.ts'
import { createRouter } from './router.ts'

/** What mappings are made of. */
export type MappingParts = Pick<MappingSource, 'transforms' | 'decoders'>

/** All mappings of a project, compiled once, and who reads and writes what. */
export interface CompiledProject {
  mapping(plan: string, name: string): CompiledMapping
  /** All rules of the project that read this source. */
  router(source: string): Router
  /** The mappings that write a table, in the order of their plan file. */
  writers(table: TableName): readonly CompiledMapping[]
  /** Can two records give one row of this table? Where several mappings write, and where a mapping does not keep its records apart. */
  collides(table: TableName): boolean
  /** What of a table is made of several records, column by column; empty for most tables. */
  merges(table: TableName): readonly Merge[]
  /**
   * Are origins kept for this table? Where it is the application's, and where two records can give one row: everywhere else the source
   * key of a row can be computed.
   */
  tracked(table: TableName): boolean
}

/** Compiles every mapping of a project. The project has passed its checks: nothing here is a user's mistake any more. */
export function compileProject(project: Project, parts: MappingParts): CompiledProject {
  const tables = new Map(project.plans.flatMap((plan) => plan.tables).map((it) => [showTable(it.name), it]))
  const byPlan = new Map<string, Map<string, CompiledMapping>>()
  for (const plan of project.plans) {
    const mappings = mappingsOf(plan).map((mapping) => {
      const table = tables.get(showTable(mapping.into))
      if (!table) throw new Error(`no definition of table ${showTable(mapping.into)}`)
      return [
        mapping.name,
        compileMapping({ plan, mapping, table, transforms: parts.transforms, decoders: parts.decoders }),
      ] as const
    })
    byPlan.set(plan.name, new Map(mappings))
  }
  const all = [...byPlan.values()].flatMap((it) => [...it.values()])
  const routers = new Map<string, Router>()
  const writers = (table: TableName): readonly CompiledMapping[] =>
    all.filter((it) => sameTable(it.table.name, table))
  const collides = (table: TableName): boolean => {
    const mappings = writers(table)
    return mappings.length > 1 || mappings.some((it) => !it.injective)
  }
  const merges = (table: TableName): readonly Merge[] =>
    writers(table).find((it) => it.mapping.merge)?.mapping.merge ?? []

  return {
    mapping: (plan, name) => {
      const found = byPlan.get(plan)?.get(name)
      if (!found) throw new Error(`no mapping ${name} in plan ${plan}`)
      return found
    },
    router: (source) => {
      const made =
        routers.get(source) ??
        createRouter(source, project, (plan, mapping) => byPlan.get(plan)!.get(mapping)!)
      routers.set(source, made)
      return made
    },
    writers,
    collides,
    merges,
    tracked: (table) => collides(table) || writers(table).some((it) => it.table.owner === 'schema'),
  }
}
