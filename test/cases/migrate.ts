import type { Fate } from '../../src/checks/survey.ts'
import { Surveys } from '../../src/runner/surveys.ts'
import { openProject } from '../runner/harness.ts'

export interface Migration {
  /** Folder with migrations.yaml. */
  readonly project: string
  /** Address of the source, for `${KV_URL}`; without it the project says where its data is. */
  readonly kv?: string
  /** What else the environment has. */
  readonly variables?: Readonly<Record<string, string>>
  /** Address of the target, for `${DATABASE_URL}`. */
  readonly database: string
}

export interface Migrated {
  /** Gates that stayed closed and steps that failed, with the reason. */
  readonly trouble: readonly string[]
  /** Every record in quarantine, accepted or not. */
  readonly quarantine: readonly { readonly key: string; readonly part: string; readonly code: string }[]
  /** What became of every key of the source. */
  readonly fates: ReadonlyMap<string, Fate>
}

/** Applies phase A of a project, then asks its ledger and a survey what became of everything. */
export async function migrate({ project: root, kv, variables, database }: Migration): Promise<Migrated> {
  const harness = await openProject(root, {
    ...variables,
    DATABASE_URL: database,
    ...(kv === undefined ? {} : { KV_URL: kv }),
  })
  try {
    const { session } = harness
    const applied = await harness.apply()
    const failed = applied.steps.flatMap((it) => (it.error ? [`${it.step.id}: ${it.error.message}`] : []))
    const closed = [...applied.findings].flatMap(([gate, findings]) =>
      findings
        .filter((it) => it.status !== 'pass')
        .map((it) => `${gate}: ${it.check} ${it.status}: ${it.measured} ${it.samples.join(' ')}`),
    )
    const fates = new Map<string, Fate>()
    const surveys = new Surveys(session, session.project.plans, {
      compare: true,
      signal: session.signal,
      onFate: (key, fate) => fates.set(key.toString(), fate),
    })
    await surveys.all()
    const quarantine = await session.ledger.quarantine.list({ limit: 100_000 })
    return {
      trouble: [...failed, ...closed],
      quarantine: quarantine.map(({ key, part, code }) => ({ key: key.toString(), part, code })),
      fates,
    }
  } finally {
    await harness.close()
  }
}
