import { type Diagnostic, hasErrors, type Position } from '../diagnostic.ts'
import { checkSecrets } from './address.ts'
import type { PlanCatalog } from './catalog.ts'
import { lint } from './lint/lint.ts'
import { Notes, sorted } from './notes.ts'
import type { Plan, Project } from './plan.ts'
import type { ProjectFiles } from './project-files.ts'
import { readPlan, readTables } from './read-plan.ts'
import { type FileName, readProject } from './read-project.ts'
import { withReferredKeys } from './read-table.ts'
import { planSchema, projectSchema } from './schema.ts'
import { type ApplicationSchema, readSchemaSql } from './schema-sql.ts'
import type { TableDefinition } from './table.ts'
import { type Validate, validator } from './validate.ts'
import { readYaml, type YamlNode } from './yaml.ts'

export interface LoadOptions {
  /** The project file as the user named it: `examples/vibe/migrations.yaml`. Positions are told relative to its folder. */
  readonly file: string
  /** Absolute folder of the project file. */
  readonly root: string
  readonly files: ProjectFiles
  readonly catalog: PlanCatalog
}

/**
 * Reads a project with its plans and SQL. Everything that is wrong in any of the files comes back at once, by file, line and column;
 * there is a project unless one of the diagnostics is an error.
 */
export async function loadProject(
  options: LoadOptions,
): Promise<{ readonly project?: Project; readonly diagnostics: readonly Diagnostic[] }> {
  const loader = new Loader(options)
  const project = await loader.load()
  const diagnostics = sorted(loader.notes.diagnostics)
  return project && !hasErrors(diagnostics) ? { project, diagnostics } : { diagnostics }
}

class Loader {
  readonly notes = new Notes()
  readonly #options: LoadOptions
  readonly #folder: string
  /** False as soon as a file could not be read as a whole: then what seems to be missing may stand there. */
  #complete = true

  constructor(options: LoadOptions) {
    this.#options = options
    this.#folder = options.file.replace(/[^/\\]*$/, '')
  }

  async load(): Promise<Project | undefined> {
    const { file, root, catalog } = this.#options
    const projectFile = this.#readYaml(file.slice(this.#folder.length), await projectValidator(catalog))
    if (!projectFile) return undefined
    const {
      plans: names,
      schema: schemaName,
      target,
      ...rest
    } = readProject(projectFile.root, { notes: this.notes, catalog })
    const application = await this.#readSchema(schemaName, rest.targetSchema)
    const plans = await this.#readPlans(names, { ...rest, application })
    const { tables, unlogged } = application.schema
    lint({
      ...rest,
      notes: this.notes,
      catalog,
      plans: plans.filter((it) => it.fits).map((it) => it.plan),
      allPlans: plans.map((it) => it.plan),
      tables: [...tables, ...plans.flatMap((it) => it.tables)],
      unlogged,
      complete: this.#complete,
    })
    if (!target) return undefined
    return {
      version: 1,
      root,
      file,
      ...rest,
      target,
      plans: plans.map((it) => it.plan),
      ...(application.source && { schema: application.source }),
    }
  }

  /** Reads a YAML file and holds it against its schema; the node comes back even if it does not fit, so that more can be found. */
  #readYaml(path: string, validate: Validate, at?: Position): YamlFile | undefined {
    const bytes = this.#readFile(path, at)
    if (!bytes) return undefined
    const { root, diagnostics } = readYaml(this.#shown(path), bytes)
    const found = root ? validate(root) : diagnostics
    this.notes.diagnostics.push(...found)
    if (root) checkSecrets(root, this.notes)
    if (root?.kind === 'map') return { root, fits: found.length === 0 }
    this.#complete = false
    return undefined
  }

  #readFile(
    path: string,
    at: Position = { file: this.#shown(path), line: 1, column: 1 },
  ): Uint8Array | undefined {
    const content = this.#options.files.read(path)
    if ('bytes' in content) return content.bytes
    this.#complete = false
    this.notes.error(content.refused === 'outside' ? 'KV017' : 'KV018', at, content.message)
    return undefined
  }

  async #readSchema(name: FileName | undefined, targetSchema: string): Promise<Application> {
    const bytes = name && this.#readFile(name.path, name.at)
    if (!name || !bytes) return { schema: NO_SCHEMA }
    const sql = decodeUtf8(bytes)
    if (sql === undefined) {
      this.#complete = false
      this.notes.error('KV007', name.at, `The file "${name.path}" is not UTF-8.`)
      return { schema: NO_SCHEMA }
    }
    const { schema, diagnostics } = await readSchemaSql(this.#shown(name.path), sql, targetSchema)
    this.notes.diagnostics.push(...diagnostics)
    if (diagnostics.length > 0) this.#complete = false
    return { schema, source: { file: name.path, sql } }
  }

  async #readPlans(
    names: readonly FileName[],
    {
      application,
      targetSchema,
      sources,
    }: { application: Application } & Pick<Project, 'targetSchema' | 'sources'>,
  ): Promise<readonly ReadPlan[]> {
    const { catalog } = this.#options
    const validate = await planValidator(catalog)
    const files = this.#planFiles(names)
    const roots = files.flatMap(({ path, at }) => {
      const file = this.#readYaml(path, validate, at)
      return file ? [{ path, ...file }] : []
    })
    const context = { notes: this.notes, catalog, targetSchema, enums: application.schema.enums }
    const read = roots.map((it) => ({ ...it, tables: readTables(it.root, context) }))
    const tables = [...application.schema.tables, ...read.flatMap((it) => it.tables)]
    const onlySource = sources.size === 1 ? [...sources.keys()][0] : undefined
    return read.map(({ path, root, fits, ...it }) => {
      const own = withReferredKeys(it.tables, tables, this.notes)
      return {
        plan: readPlan(path, root, own, {
          ...context,
          tables,
          onlySource,
          readFile: (script) => this.#options.files.read(script),
        }),
        tables: own,
        fits,
      }
    })
  }

  #planFiles(names: readonly FileName[]): readonly FileName[] {
    const found = new Map<string, FileName>()
    for (const { path: pattern, at } of names) {
      const paths = this.#options.files.glob(pattern)
      if (/^\/|(?:^|\/)\.\.(?:\/|$)/.test(pattern)) {
        this.#complete = false
        this.notes.error('KV017', at, `"${pattern}" lies outside of the project.`)
      } else if (paths.length === 0) {
        this.#complete = false
        this.notes.error(
          'KV063',
          at,
          `No file of the project matches "${pattern}".`,
          'Plans lie in plans/*.yaml unless "plans:" says otherwise.',
        )
      }
      for (const path of paths) if (!found.has(path)) found.set(path, { path, at })
    }
    return [...found.values()]
  }

  #shown(path: string): string {
    return this.#folder + path
  }
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

interface YamlFile {
  readonly root: YamlNode
  /** Does it fit its schema? */
  readonly fits: boolean
}

interface ReadPlan {
  readonly plan: Plan
  readonly tables: readonly TableDefinition[]
  readonly fits: boolean
}

interface Application {
  readonly schema: ApplicationSchema
  readonly source?: NonNullable<Project['schema']>
}

const NO_SCHEMA: ApplicationSchema = { tables: [], unlogged: [], enums: new Map() }

const projectValidator = once((catalog) => validator(projectSchema(catalog)))
const planValidator = once((catalog) => validator(planSchema(catalog)))

// A schema may have to be compiled.
function once<T>(make: (catalog: PlanCatalog) => T): (catalog: PlanCatalog) => T {
  const made = new WeakMap<PlanCatalog, T>()
  return (catalog) => {
    const known = made.get(catalog)
    if (known) return known
    const value = make(catalog)
    made.set(catalog, value)
    return value
  }
}
