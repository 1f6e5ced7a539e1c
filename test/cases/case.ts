import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import type { EntryType } from '../../src/plan/plan.ts'
import type { ChromaSeed } from '../setup/chroma-server.ts'

/** A real layout with what a correct migration makes of it; see README.md beside this file. */
export interface Case {
  readonly name: string
  /** Its folder: migrations.yaml and plans. */
  readonly project: string
  readonly ddl: string
  /** Rows by table. */
  readonly rows: ReadonlyMap<string, readonly Readonly<Record<string, unknown>>[]>
  readonly keys: readonly ExpectedKey[]
  readonly rejects: readonly ExpectedReject[]
  seed(client: Redis): Promise<void>
  /** What a Replit database holds, by key; undefined where the layout is none of Replit's. */
  readonly replit: ReadonlyMap<string, string> | undefined
  /** A layout that lives on Upstash or Vercel KV. */
  readonly isUpstash: boolean
  /** What lies in stores beside the key-value store: a script that makes a SQLite database, and records of Chroma by collection. */
  readonly beside:
    | { readonly sqlite: string; readonly chroma: ReadonlyMap<string, readonly ChromaSeed[]> }
    | undefined
}

interface ExpectedKey {
  readonly key: string
  readonly type: EntryType
  readonly disposition: 'migrate' | 'partial' | 'reject' | 'index' | 'ephemeral' | 'ignore'
}

interface ExpectedReject {
  readonly key: string
  /** Of a row of the table that `key` names: `sqlite:events`. */
  readonly id?: string
  readonly field?: string
  readonly index?: number
  readonly member?: string
}

/** The folders beside this file. */
export const readCases = (): readonly Case[] =>
  readdirSync(import.meta.dirname, { withFileTypes: true })
    .filter((it) => it.isDirectory())
    .map((it) => readCase(it.name))

function readCase(name: string): Case {
  const project = join(import.meta.dirname, name)
  const rows = new Map<string, Record<string, unknown>[]>()
  for (const line of lines<{ table: string; row: Record<string, unknown> }>(
    join(project, 'expected.ndjson'),
  )) {
    const known = rows.get(line.table)
    if (known) known.push(line.row)
    else rows.set(line.table, [line.row])
  }
  return {
    name,
    project,
    ddl: readFileSync(join(project, 'expected.sql'), 'utf8'),
    rows,
    keys: [
      ...lines<ExpectedKey>(join(project, 'expected_keys.ndjson')),
      ...lines<ExpectedKey>(join(project, 'expected_keys.others.ndjson')),
    ],
    rejects: lines<ExpectedReject>(join(project, 'expected_rejects.ndjson')).map(({ id, ...it }) =>
      id === undefined ? it : { ...it, key: `${it.key.replace('sqlite:', '')}:${id}` },
    ),
    replit: existsSync(join(project, 'seed.replit.ndjson'))
      ? new Map(
          lines<{ key: string; value: string }>(join(project, 'seed.replit.ndjson')).map(({ key, value }) => [
            key,
            value,
          ]),
        )
      : undefined,
    isUpstash: /upstash|vercel/.test(name),
    beside: existsSync(join(project, 'seed.sqlite.sql'))
      ? {
          sqlite: readFileSync(join(project, 'seed.sqlite.sql'), 'utf8'),
          chroma: collections(join(project, 'seed.chroma.ndjson')),
        }
      : undefined,
    seed: (client) => seed(client, join(project, 'seed.redis.ndjson')),
  }
}

async function seed(client: Redis, file: string): Promise<void> {
  const pipeline = client.pipeline()
  for (const { cmd } of lines<{ cmd: readonly (string | { b64: string })[] }>(file)) {
    const [command, ...args] = cmd.map((it) => (typeof it === 'string' ? it : Buffer.from(it.b64, 'base64')))
    pipeline.call(String(command), ...args)
  }
  for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error
}

function collections(file: string): ReadonlyMap<string, readonly ChromaSeed[]> {
  const found = new Map<string, ChromaSeed[]>()
  for (const { collection, id, document, metadata, embedding } of lines<ChromaLine>(file)) {
    const seed = { id, document, embedding: JSON.stringify(embedding), metadata: JSON.stringify(metadata) }
    found.set(collection, [...(found.get(collection) ?? []), seed])
  }
  return found
}

interface ChromaLine {
  readonly collection: string
  readonly id: string
  readonly document: string | null
  readonly metadata: unknown
  readonly embedding: readonly number[] | null
}

function lines<T>(file: string): T[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((it) => it !== '')
    .map((it) => JSON.parse(it))
}
