import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { EXIT } from '../errors.ts'
import { describeFailure, sentence } from './failure.ts'
import type { Io } from './io.ts'

/** What every command may be told. */
export interface CommonOptions {
  /** The project file; else `migrations.yaml`, here or in a folder above. */
  readonly project?: string | undefined
  /** Stores of another environment: `environments:` in the project file. */
  readonly env?: string | undefined
  readonly quiet?: boolean | undefined
}

interface CommandModule<O> {
  run(options: O, io: Io): Promise<number>
}

/**
 * Reads the arguments and runs the command they name; gives its exit code. What goes wrong is told on stderr, never thrown. Commands are
 * imported when they are named, so that help and mistakes answer at once.
 */
export async function runArguments(argv: readonly string[], io: Io, version: string): Promise<number> {
  let code: number = EXIT.done
  const program = createProgram(io, version, (answer) => {
    code = answer
  })
  try {
    await program.parseAsync(argv, { from: 'user' })
    return code
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      const { text, exitCode } = describeFailure(error, io)
      io.stderr.write(text)
      return exitCode
    }
    if (['commander.helpDisplayed', 'commander.version'].includes(error.code)) return EXIT.done
    if (error.code !== 'commander.help') io.stderr.write(usage(error.message, argv, program))
    return EXIT.couldNot
  }
}

function createProgram(io: Io, version: string, done: (code: number) => void): Command {
  const program = new Command('kvmig')
  const action =
    <O>(load: () => Promise<CommandModule<O>>, ...positional: readonly string[]) =>
    async (...given: unknown[]): Promise<void> => {
      const command = given.at(-1) as Command
      const { cwd, ...options } = command.optsWithGlobals<{ cwd?: string }>()
      const names = Object.fromEntries(positional.map((name, index) => [name, given[index]]))
      const { run } = await load()
      // Commander has filled in exactly the options declared beside the command.
      done(await run({ ...options, ...names } as O, cwd === undefined ? io : await insideFolder(io, cwd)))
    }

  program
    .description(
      'Moves application data out of key-value stores into Postgres, by plans in YAML, checked at every gate.',
    )
    .usage('COMMAND [options]')
    .option('--project <file>', 'project file (default: migrations.yaml, here or in a folder above)')
    .option('--env <name>', 'use the stores of this environment of the project file')
    .option('--cwd <folder>', 'act as if called from there')
    .option('-q, --quiet', 'no progress, only results and errors')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true, sortOptions: false })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: () => {},
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
    })
    .exitOverride()
    .addHelpText('after', EXIT_CODES)

  program.commandsGroup('Begin:')
  program
    .command('init')
    .description('write migrations.yaml and an example plan')
    .option('--preset <name>', 'write the plan of a well-known key layout: connect-redis, authjs, …')
    .option('--force', 'write over files that are there')
    .action(action(() => import('./commands/init.ts')))
  program
    .command('inspect')
    .description('sample a source: key patterns, types, fields, expiry, sizes; never values')
    .argument('[source]', 'its name in the project file, if there are several')
    .option('--keys <number>', 'keys to look at, at most', wholeNumber, 10_000)
    .option('--json', 'as JSON')
    .action(action(() => import('./commands/inspect.ts'), 'source'))
  program
    .command('schema')
    .description('print the JSON Schema of plan and project files, for editors')
    .action(action(() => import('./commands/schema.ts')))
  program
    .command('explain')
    .description('what a code such as KV014 or NUL_IN_TEXT means, and what to do')
    .argument('[code]', 'without one: all codes')
    .action(action(() => import('./commands/explain.ts'), 'code'))

  program.commandsGroup('Plan and apply:')
  program
    .command('plan')
    .description('the dry run: what would happen, and every mistake in the plans')
    .argument('[plans...]', 'names of plans (default: all)')
    .option('--live', 'also read the stores: coverage, rejects to expect, drift, forecast; changes nothing')
    .addOption(
      new Option('--format <format>', 'how to print it')
        .choices(['text', 'md', 'json', 'mermaid', 'github'])
        .default('text'),
    )
    .option('--json', 'the same as --format json')
    .option('--detailed-exitcode', 'exit 2 if there is something to do')
    .option('--out <file>', 'save the plan, to apply exactly this one later')
    .option('--no-prove', 'do not try the DDL on an embedded (or, with --live, scratch) Postgres')
    .action(action(() => import('./commands/plan.ts'), 'plans'))
  program
    .command('apply')
    .description('bring plans to a phase: every pending step, then the gate')
    .argument('[plans...]', 'names of plans, or one saved plan (default: all plans)')
    .requiredOption(
      '--phase <phase>',
      'A: create the tables, copy, check; B: write both stores; C: read Postgres; D: retire the source',
      phase,
    )
    .option('--again', 'copy again what was copied, to take over later changes of the source')
    .option('--rate <number>', 'source commands a second, at most', wholeNumber)
    .option('--fast', 'nobody else uses the source: ask it for much at a time')
    .option('--batch <rows>', 'rows in one transaction, about (default: 20000)', wholeNumber)
    .option('--expect <number>', 'B: how many instances of the application there are', wholeNumber)
    .option(
      '--credential-rotated',
      'B: the credential of the source was changed, so that instances without kvmig/runtime cannot write',
    )
    .option('--wait <seconds>', 'B, C: how long to wait for instances (default: 30)', count)
    .option(
      '--confirm-deletes <number>',
      'B, A --again: so many rows may go that the source does not have any more',
      count,
    )
    .option('--point-of-no-return', 'D: yes, the source is not written any more from now on')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'the result as JSON')
    .action(action(() => import('./commands/apply.ts'), 'plans'))
  program
    .command('check')
    .description('ask the checks of a gate now; changes nothing')
    .argument('[plans...]', 'names of plans (default: all)')
    .option('--phase <phase>', 'the phase that the gate opens', phase, 'B')
    .option('--fast', 'nobody else uses the source: ask it for much at a time')
    .option('--json', 'as JSON')
    .action(action(() => import('./commands/check.ts'), 'plans'))
  program
    .command('test')
    .description('run the examples of the plans against an embedded Postgres')
    .argument('[plans...]', 'names of plans (default: all)')
    .option('--json', 'as JSON')
    .action(action(() => import('./commands/test.ts'), 'plans'))

  program.commandsGroup('Look:')
  program
    .command('status')
    .description('phases, steps, gates, quarantine, who is applying')
    .option('--watch', 'again every two seconds, until it is stopped')
    .option('--json', 'as JSON')
    .action(action(() => import('./commands/status.ts')))
  program
    .command('diff')
    .description('compare source and target, both ways, row by row; exit 3 if they differ')
    .argument('[plans...]', 'names of plans (default: all)')
    .option('--out <file>', 'every difference, one JSON line each, by key (never by value)')
    .option('--fast', 'nobody else uses the source: ask it for much at a time')
    .option('--json', 'as JSON')
    .action(action(() => import('./commands/diff.ts'), 'plans'))
  program
    .command('trace')
    .description('one key of the source: which rule has it, which rows it gives, or why none')
    .argument('<key>', 'the key as the source spells it; base64:… for bytes that are no text')
    .option('--json', 'as JSON')
    .action(action(() => import('./commands/trace.ts'), 'key'))
  program
    .command('graph')
    .description('the steps and what comes after what')
    .argument('[plans...]', 'names of plans (default: all)')
    .addOption(
      new Option('--format <format>', 'how to print it').choices(['text', 'mermaid', 'dot']).default('text'),
    )
    .action(action(() => import('./commands/graph.ts'), 'plans'))

  program
    .command('types')
    .description('TypeScript of the plans, for the runtime, and of their tables, for Kysely')
    .option('--out <file>', 'into this file, not to stdout')
    .action(action(() => import('./commands/types.ts')))

  program.commandsGroup('Mend:')
  program
    .command('retry')
    .description('try the quarantined records again, after plans or data were mended')
    .argument('[plans...]', 'names of plans (default: all)')
    .option('--json', 'the result as JSON')
    .action(action(() => import('./commands/retry.ts'), 'plans'))
  program
    .command('accept')
    .description('accept quarantined records: they stay behind, and the gate may open')
    .argument('<plan>', 'name of the plan')
    .option('--code <code>', 'only those with this reason')
    .option('--key <key>', 'only those of this key')
    .requiredOption('--because <reason>', 'why it is right to leave them behind')
    .action(action(() => import('./commands/accept.ts'), 'plan'))
  program
    .command('unlock')
    .description('take the lease from a run that is certainly dead')
    .argument('<id>', 'of the lease, as `kvmig status` shows it')
    .action(action(() => import('./commands/unlock.ts'), 'id'))

  program
    .command('sweep')
    .description('delete rows that have expired, make the partitions that are due; for a scheduler')
    .argument('[plans...]', 'names of plans (default: all)')
    .option('--batch <rows>', 'rows that one transaction deletes, at most (default: 10000)', wholeNumber)
    .option('--json', 'the result as JSON')
    .action(action(() => import('./commands/sweep.ts'), 'plans'))
  program.commandsGroup('While both stores are written:')
  program
    .command('reconcile')
    .description('compare both stores and repair exactly what differs')
    .argument('[plans...]', 'names of plans (default: all in phase B or C)')
    .option('--from <file>', 'only the records that `kvmig diff --out` listed there')
    .option('--adopt', 'take over records that only the source has')
    .option('--emptied', 'the source lost its data: write everything again')
    .option('--json', 'the result as JSON')
    .action(action(() => import('./commands/reconcile.ts'), 'plans'))
  program
    .command('drill')
    .description('rehearse the way back: B to C to B (or C to B to C), comparing both stores')
    .argument('[plans...]', 'names of plans')
    .option('--wait <seconds>', 'how long to wait for instances (default: 30)', count)
    .option('-y, --yes', 'do not ask')
    .option('--json', 'the result as JSON')
    .action(action(() => import('./commands/drill.ts'), 'plans'))
  program
    .command('watch')
    .description('ask the triggers and act on them, until the phase ends')
    .argument('[plans...]', 'names of plans (default: all that have triggers)')
    .option('--once', 'ask once, for cron; exit 4 if one fired')
    .option('--every <seconds>', 'how often to ask (default: 15)', wholeNumber)
    .option('--webhook <url>', 'told of what fires and recovers, as JSON; may hold ${NAME}')
    .option('--notify <command>', 'run for what fires and recovers, with KVMIG_* in its environment')
    .option('--listen <port>', 'take bug reports over HTTP as well: a port, or host:port')
    .option('--json', 'one JSON line for each that is asked')
    .action(action(() => import('./commands/watch.ts'), 'plans'))
  program
    .command('pause')
    .description('keep a plan where it is: apply does not bring it further')
    .argument('<plan>', 'name of the plan')
    .requiredOption('--because <reason>', 'why')
    .action(action(() => import('./commands/pause.ts'), 'plan'))
  program
    .command('resume')
    .description('let a paused plan go on')
    .argument('<plan>', 'name of the plan')
    .action(action(() => import('./commands/resume.ts'), 'plan'))
  program
    .command('report-bug')
    .description('count a bug that somebody noticed; checks and triggers look at them')
    .argument('<plan>', 'name of the plan')
    .requiredOption('--note <text>', 'what was noticed, without data of anybody')
    .option('--severity <word>', 'such as minor, major or critical', 'major')
    .action(action(() => import('./commands/report-bug.ts'), 'plan'))

  program.commandsGroup('Keep:')
  program
    .command('archive')
    .description('write the source data of plans to a folder, checksummed, and read it back')
    .argument('[plans...]', 'names of plans (default: all)')
    .option('--to <folder>', 'where to, if the plan has no archive:')
    .option('--json', 'the result as JSON')
    .action(action(() => import('./commands/archive.ts'), 'plans'))
  program
    .command('restore')
    .description('bring an archive back into a store, with its expiries')
    .argument('<archive>', 'the folder with its manifest.json')
    .option('--into <source>', 'name of the source, if the project has several')
    .option('--replace', 'also keys that hold something else by now')
    .option('--without-deleted', 'leave out what the application has deleted since')
    .option('--with-deleted', 'bring back everything as it was then, deleted or not')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'the result as JSON')
    .action(action(() => import('./commands/restore.ts'), 'archive'))

  program.commandsGroup('Go back:')
  program
    .command('rollback')
    .description('go back: from C to B, from B to A, within seconds; in A, drop exactly what was added')
    .argument('[plans...]', 'names of plans (default: all)')
    .option('--to <phase>', 'where to: C (from D), B or A (default: one phase back)', phase)
    .option('--accept-risk <number>', 'although so many changes have not reached the source', count)
    .option('--drop', 'in A: take it back also where a rollback has brought the plan')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'the result as JSON')
    .action(action(() => import('./commands/rollback.ts'), 'plans'))
  program
    .command('rebuild')
    .description('write the entries again, made of the rows in the target, into an empty store')
    .argument('[plans...]', 'names of plans (default: all)')
    .requiredOption('--into <address>', 'the store: redis://host/1, or ${NAME} of the environment')
    .option('--beside', 'the store may hold keys: those are left as they are')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'the result as JSON')
    .action(action(() => import('./commands/rebuild.ts'), 'plans'))
  program
    .command('uninstall')
    .description('drop schema kvmig, and with it all that kvmig remembers; your tables stay')
    .option('-y, --yes', 'do not ask')
    .action(action(() => import('./commands/uninstall.ts')))
  return program
}

const EXIT_CODES = `
Exit codes:
  0 done, or nothing to do    1 could not             2 changes pending (plan --detailed-exitcode)
  3 a gate stayed closed, or diff found differences   4 a trigger fired
  5 not yet: time or people are missing               6 the saved plan is stale
  7 somebody else holds the lease                     130, 143 stopped by a signal

A first look: kvmig init, then kvmig plan. Every command has its --help.
`

// Commander says "error: unknown option '--jsn'\n(Did you mean --json?)"; every error of kvmig looks alike.
function usage(message: string, argv: readonly string[], program: Command): string {
  const [first = '', suggestion] = message.replace(/^error: /, '').split('\n')
  const words = first.charAt(0).toUpperCase() + first.slice(1)
  const meant = suggestion?.match(/Did you mean (.*)\?\)/)?.[1]
  const name = program.commands.map((it) => it.name()).find((it) => argv.includes(it))
  return sentence(
    'USAGE',
    `${words.replace(/\.?$/, '.')}${meant ? ` Did you mean ${meant}?` : ''}`,
    `See kvmig ${name ? `${name} ` : ''}--help.`,
  )
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('A whole number from 1 is wanted.')
  return Number(text)
}

function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('A whole number is wanted.')
  return Number(text)
}

function phase(text: string): string {
  const word = text.toUpperCase()
  if (!['A', 'B', 'C', 'D'].includes(word)) throw new InvalidArgumentError('The phases are A, B, C and D.')
  return word
}

async function insideFolder(io: Io, folder: string): Promise<Io> {
  const { resolve } = await import('node:path')
  return { ...io, cwd: resolve(io.cwd, folder) }
}
