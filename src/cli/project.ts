import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { type Diagnostic, didYouMean } from '../diagnostic.ts'
import { KvmigError } from '../errors.ts'
import { loadProject as load } from '../plan/load.ts'
import type { Plan, Project } from '../plan/plan.ts'
import { filesIn, type ProjectFiles } from '../plan/project-files.ts'
import { environmentOf } from '../runner/environment.ts'
import type { CommonOptions } from './args.ts'
import type { Io } from './io.ts'
import { PlanMistakes } from './plan-mistakes.ts'

export interface Loaded {
  readonly project: Project
  /** Warnings. */
  readonly diagnostics: readonly Diagnostic[]
  /** SHA-256 of each file that was read, by its path inside the project. */
  readonly files: Readonly<Record<string, string>>
}

/**
 * Finds the project file, reads `.env` beside it, and loads the project with its plans. Throws `PlanMistakes` with everything that is wrong,
 * or PROJECT_MISSING.
 */
export async function loadProject(options: CommonOptions, io: Io): Promise<Loaded> {
  const { PLAN_CATALOG } = await import('../catalog.ts')
  const path = findProject(options.project, io.cwd)
  const root = dirname(path)
  loadEnvironment(join(root, '.env'), io)
  const digests: Record<string, string> = {}
  const { project, diagnostics } = await load({
    file: relative(io.cwd, path),
    root,
    files: withDigests(filesIn(root), digests),
    catalog: PLAN_CATALOG,
  })
  if (!project) throw new PlanMistakes(diagnostics)
  // Also where no store is opened: whoever named it wants its stores.
  environmentOf(project, options.env)
  return { project, diagnostics, files: digests }
}

/** The project file as it is told to people: relative to where they are. Throws PROJECT_MISSING. */
export const projectFile = ({ project }: CommonOptions, { cwd }: Pick<Io, 'cwd'>): string =>
  relative(cwd, findProject(project, cwd))

/** The plans of these names, in the project's order; all of them where none is named. Throws PLAN_UNKNOWN. */
export function plansNamed(project: Project, names: readonly string[]): readonly Plan[] {
  const known = project.plans.map((it) => it.name)
  for (const name of names) {
    if (known.includes(name)) continue
    const meant = didYouMean(name, known)
    throw new KvmigError(
      'PLAN_UNKNOWN',
      `There is no plan "${name}".${meant ? ` Did you mean ${meant}?` : ''}`,
      {
        hint: `${project.file} has: ${known.toSorted().join(', ')}.`,
      },
    )
  }
  return project.plans.filter((it) => names.length === 0 || names.includes(it.name))
}

// The file holds secrets: what is wrong with it is told without a line of it.
function loadEnvironment(file: string, io: Io): void {
  if (!existsSync(file)) return
  try {
    io.loadEnvironment(file)
  } catch (error) {
    throw new KvmigError('ENV_FILE', `${file} cannot be read.`, { cause: error })
  }
}

function findProject(named: string | undefined, cwd: string): string {
  if (named !== undefined) {
    const path = resolve(cwd, named)
    if (existsSync(path)) return path
    throw new KvmigError('PROJECT_MISSING', `There is no file ${named}.`, {
      hint: `It was looked for in ${dirname(path)}. kvmig init writes a migrations.yaml.`,
    })
  }
  for (let folder = cwd; ; folder = dirname(folder)) {
    const path = join(folder, 'migrations.yaml')
    if (existsSync(path)) return path
    if (folder === dirname(folder)) break
  }
  throw new KvmigError('PROJECT_MISSING', 'There is no migrations.yaml here or in a folder above.', {
    hint: 'kvmig init writes one; --project FILE names another.',
  })
}

// What a plan was made from is what was read, not what lies there a moment later.
const withDigests = (files: ProjectFiles, digests: Record<string, string>): ProjectFiles => ({
  glob: (pattern) => files.glob(pattern),
  read: (path) => {
    const content = files.read(path)
    if ('bytes' in content) digests[path] = createHash('sha256').update(content.bytes).digest('hex')
    return content
  },
})
