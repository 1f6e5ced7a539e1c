import type { Fate } from '../../src/checks/survey.ts'

export interface Migration {
  /** Folder with migrations.yaml. */
  readonly project: string
  /** Address of the source, for `${KV_URL}`; without it the project says where its data is. */
  readonly kv?: string
  /** Address of the target, for `${DATABASE_URL}`. */
  readonly database: string
}

export interface Migrated {
  /** Exit code of `kvmig apply --phase=A`. */
  readonly exit: number
  /** Every record in quarantine, accepted or not. */
  readonly quarantine: readonly { readonly key: string; readonly part: string; readonly code: string }[]
  /** What became of every key of the source. */
  readonly fates: ReadonlyMap<string, Fate>
}

/** `kvmig apply --phase=A` in a process whose time zone is not UTC, then what its ledger and its survey say. */
export async function migrate(_: Migration): Promise<Migrated> {
  throw new Error('not wired yet')
}
