import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Fate, Survey, TableSurvey } from '../../src/checks/survey.ts'
import type { Applied } from '../../src/runner/apply.ts'
import type { Retried } from '../../src/runner/retry.ts'
import { Surveys } from '../../src/runner/surveys.ts'
import { memorySource } from '../../src/sources/memory.ts'
import type { Entry, Source } from '../../src/sources/source.ts'
import { type Harness, type HarnessOptions, openProject } from '../runner/harness.ts'
import { projectFolder } from '../setup/cli.ts'
import type { FreshDatabase } from '../setup/postgres.ts'
import { requireAccounts } from './accounts.ts'

/** A small project, its stores, and what one may do with it. Every act opens and closes its own session, as a process would. */
export interface World {
  /** What the source holds, in the order in which it gives it. */
  entries: readonly Entry[]
  /** Rows in one transaction. */
  batchRows: number
  apply(options?: Parameters<Harness['apply']>[0]): Promise<Applied>
  retry(): Promise<readonly Retried[]>
  rollback(plans?: readonly string[]): Promise<readonly string[]>
  /** Every row of a query as text, columns joined by a space. */
  rows(sql: string): Promise<readonly string[]>
  execute(sql: string): Promise<void>
  /** `CODE key part`, in order. */
  quarantine(): Promise<readonly string[]>
  survey(): Promise<Surveyed>
  /** Writes or overwrites files of the project. */
  edit(files: Readonly<Record<string, string>>): void
  inSession<T>(work: (harness: Harness) => Promise<T>): Promise<T>
  remove(): void
}

export interface Surveyed {
  readonly fates: Readonly<Record<string, Fate>>
  readonly surveys: readonly Survey[]
  /** `missing key part` and the like, in order. */
  readonly differences: readonly string[]
  readonly tables: readonly TableSurvey[]
}

export interface WorldOptions {
  /** One plan, `data`; or files by name. */
  readonly plan?: string
  readonly files?: Readonly<Record<string, string>>
  /** The application's tables. */
  readonly schema?: string
  readonly database: string
  /** Address of a source; without it one is made of `entries`. */
  readonly kv?: string
  readonly entries?: readonly Entry[]
  readonly batchRows?: number
  readonly openSource?: (entries: readonly Entry[], pageSize: number) => Source
}

export const PROJECT = `version: 1
sources: { kv: "\${KV_URL}" }
target: \${DATABASE_URL}
plans: plans/*.yaml
`

export function makeWorld(options: WorldOptions): World {
  const { plan, schema, database, kv } = options
  const folder = projectFolder({
    'migrations.yaml': PROJECT + (schema === undefined ? '' : 'schema: schema.sql\n'),
    ...(schema === undefined ? {} : { 'schema.sql': schema }),
    ...(plan === undefined ? {} : { 'plans/data.yaml': plan }),
    ...options.files,
  })
  // A batch is never smaller than a page.
  const openEntries =
    options.openSource ??
    ((entries: readonly Entry[], pageSize: number) => memorySource(entries, undefined, { pageSize }))
  const open = (): Promise<Harness> => {
    const harness: HarnessOptions = {
      batchRows: world.batchRows,
      ...(kv === undefined ? { openSource: async () => openEntries(world.entries, world.batchRows) } : {}),
    }
    return openProject(folder.path, { DATABASE_URL: database, KV_URL: kv ?? 'memory:' }, harness)
  }
  const inSession = async <T>(work: (harness: Harness) => Promise<T>): Promise<T> => {
    const harness = await open()
    try {
      return await work(harness)
    } finally {
      await harness.close()
    }
  }
  const query = (sql: string) =>
    inSession(({ session }) => session.target.transaction((tx) => tx.query(sql), { searchPath: ['public'] }))
  const world: World = {
    entries: options.entries ?? [],
    batchRows: options.batchRows ?? 300,
    inSession,
    apply: (how) => inSession((it) => it.apply(how)),
    retry: () => inSession((it) => it.retry()),
    rollback: (plans) => inSession((it) => it.rollback(plans)),
    rows: async (sql) =>
      (await query(sql)).map((row) =>
        Object.values(row)
          .map((it) => it ?? 'null')
          .join(' '),
      ),
    execute: async (sql) => {
      await query(sql)
    },
    quarantine: () =>
      inSession(async ({ session }) => {
        const records = await session.ledger.quarantine.list({ limit: 1_000_000 })
        return records.map(({ code, key, part }) => `${code} ${key} ${part}`.trim()).sort()
      }),
    survey: () => inSession(surveyOf),
    edit: (files) => {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder.path, name), text)
    },
    remove: () => folder.remove(),
  }
  return world
}

export async function surveyOf({ session }: Harness): Promise<Surveyed> {
  const fates: Record<string, Fate> = {}
  const differences: string[] = []
  const surveys = await new Surveys(session, session.project.plans, {
    compare: true,
    signal: session.signal,
    onFate: (key, fate) => {
      const name = key.toString()
      fates[name] = fates[name] === undefined ? fate : (`${fates[name]} and ${fate}` as Fate)
    },
    onDifference: ({ kind, key, part }) =>
      differences.push(`${kind} ${key?.toString() ?? '?'} ${part}`.trim()),
  }).all()
  const tables = surveys.flatMap((it) => [...it.plans.values()].flatMap((plan) => plan.tables))
  return { fates, surveys, differences: differences.sort(), tables }
}

/** A database as it was when it was new, which costs less than a new one. */
export const emptied = (database: FreshDatabase): Promise<unknown> =>
  database.query('drop schema if exists kvmig cascade; drop schema public cascade; create schema public')

/** Applies, and makes sure that nothing failed and that everything is accounted for. Gates may stay closed. */
export async function applied(world: World, how?: Parameters<World['apply']>[0]): Promise<Applied> {
  const result = await world.apply(how)
  const errors = result.steps.flatMap((it) => (it.error ? [`${it.step.id}: ${it.error.stack}`] : []))
  if (errors.length > 0) throw new Error(errors.join('\n'))
  await world.inSession(requireAccounts)
  return result
}
