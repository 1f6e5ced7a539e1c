import { EXIT, KvmigError } from '../../errors.ts'
import type { Project } from '../../plan/plan.ts'
import { printable } from '../../printable.ts'
import { countsText, listed } from '../../report/wording.ts'
import { restoreArchive } from '../../runner/archive.ts'
import type { CommonOptions } from '../args.ts'
import { confirm } from '../confirm.ts'
import { createCounter } from '../counter.ts'
import type { Io } from '../io.ts'
import { phaseRun } from '../phase-run.ts'
import { loadProject } from '../project.ts'
import { withSession } from '../session.ts'

export interface RestoreOptions extends CommonOptions {
  /** A folder with the manifest of an archive. */
  readonly archive: string
  readonly into?: string | undefined
  readonly replace?: boolean | undefined
  /** Records that the application has deleted since come back as well. */
  readonly withDeleted?: boolean | undefined
  /** They are left out. */
  readonly withoutDeleted?: boolean | undefined
  readonly yes?: boolean | undefined
  readonly json?: boolean | undefined
}

/** Brings an archive back into a store, with its expiries. Keys that are there stay, unless --replace.
 * Where records were deleted since, somebody has to say what becomes of them. */
export async function run(options: RestoreOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const into = sourceNamed(project, options.into)
  const replace = options.replace ?? false
  const { withDeleted, withoutDeleted } = options
  if (withDeleted && withoutDeleted)
    throw new KvmigError('USAGE', '--with-deleted and --without-deleted contradict each other.', {
      hint: 'Leave one of them out.',
    })
  const deleted = withDeleted ? 'bring back' : withoutDeleted ? 'leave out' : undefined
  return withSession({ project, options, io }, async (session) => {
    const { label } = await session.source(into)
    const how = replace ? 'Keys that are there are replaced.' : 'Keys that are there stay as they are.'
    if (!(await confirm(`Bring ${options.archive} back into ${label}? ${how}`, options.yes, io)))
      return EXIT.couldNot
    const counter = createCounter({ io, quiet: options.quiet, words: 'Restoring' })
    const { outcome } = await phaseRun(
      { session, options, command: 'restore', plans: [] },
      io,
      async ({ signal }) => {
        const { plan, samples, ...rest } = await restoreArchive(session, {
          folder: options.archive,
          root: io.cwd,
          into,
          replace,
          deleted,
          signal,
          progress: counter.tell,
        })
        counter.finish()
        const { written, same, kept, expired, left } = rest
        const kepts = kept > 0 ? `, e.g. ${listed(samples.slice(0, 3).map((it) => printable(it)))}` : ''
        return {
          outcome: 'done',
          acts: [
            {
              plan,
              status: 'done',
              verb: 'restore',
              detail: `${countsText({ written, same, kept, expired, left }) || 'the archive is empty'}, into ${label}${kepts}`,
            },
          ],
          ...(kept > 0
            ? { next: 'What was kept holds something else by now; --replace takes the archive’s.' }
            : {}),
        }
      },
    )
    return outcome === 'done' ? EXIT.done : EXIT.couldNot
  })
}

function sourceNamed({ sources, file }: Project, name: string | undefined): string {
  const known = [...sources.keys()]
  const [only, another] = known
  if (name !== undefined && sources.has(name)) return name
  if (name === undefined && only !== undefined && another === undefined) return only
  throw new KvmigError(
    'SOURCE_UNKNOWN',
    name === undefined ? `${file} has several sources.` : `There is no source "${name}" in ${file}.`,
    { hint: `Say --into ${known.join(' or --into ')}.` },
  )
}
