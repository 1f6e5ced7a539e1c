import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Diagnostic } from '../../src/diagnostic.ts'
import { loadProject } from '../../src/plan/load.ts'
import { filesIn } from '../../src/plan/project-files.ts'
import { readYaml } from '../../src/plan/yaml.ts'
import { catalog } from './catalog.ts'
import { load, PROJECT } from './project.ts'

interface Case {
  readonly id: string
  readonly yaml_base64?: string
  readonly yaml_recipe?: { readonly op: string; readonly levels: number }
  readonly patch?: { readonly op: string; readonly kind?: string; readonly value?: unknown }
  readonly expect: {
    readonly action: string
    readonly code?: string
    readonly line?: number
    readonly values?: Readonly<Record<string, unknown>>
  }
}

const CASES = readFileSync(new URL('../data/bad-input/plans.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line): Case => JSON.parse(line))

/** The corpus's names for classes of mistakes, in kvmig's codes. */
const CODES: Readonly<Record<string, readonly string[]>> = {
  ALIAS_BOMB: ['KV003'],
  BAD_DURATION: ['KV015'],
  BAD_IDENTIFIER: ['KV041'],
  BAD_REGEX: ['KV021'],
  CONTROL_CHARACTER: ['KV007'],
  DUPLICATE_KEY: ['KV002'],
  EMPTY_PLAN: ['KV005'],
  IDENTIFIER_TOO_LONG: ['KV041'],
  INVALID_UNICODE: ['KV007'],
  MERGE_KEY_UNSUPPORTED: ['KV003'],
  MISSING_KEY: ['KV011'],
  MULTIPLE_DOCS: ['KV006'],
  NON_STRING_KEY: ['KV009'],
  NOT_A_FILE: ['KV017', 'KV018'],
  NO_UNIQUE_KEY: ['KV044'],
  OVERLAPPING_PREFIX: ['KV024'],
  PATH_OUTSIDE_PROJECT: ['KV017'],
  SYNTAX: ['KV001'],
  TABLE_NOT_FOUND: ['KV042'],
  TAB_AS_INDENT: ['KV001'],
  TOO_DEEP: ['KV008'],
  UNKNOWN_KEY: ['KV010'],
  UNKNOWN_REFERENCE: ['KV061'],
  UNKNOWN_TAG: ['KV004'],
  UNRESOLVED_ALIAS: ['KV003'],
  // A word that should be a number fails as a type, a word that should be a count as a count.
  WRONG_TYPE: ['KV012', 'KV015'],
}

const syntax = CASES.filter((it) => it.yaml_base64 ?? it.yaml_recipe)

describe('a file with a mistake of YAML', () => {
  const bad = syntax.filter((it) => it.expect.action === 'plan_error')
  test.each(bad.map((it) => [it.id, it] as const))('%s, as a plan', async (_, it) => {
    const { project, diagnostics } = await load({ 'plans/zebra.yaml': bytesOf(it) })
    expect(project).toBeUndefined()
    expectMistake(diagnostics, it, 'plans/zebra.yaml')
  })
  test.each(bad.map((it) => [it.id, it] as const))('%s, as a project', async (_, it) => {
    const { project, diagnostics } = await load({ 'migrations.yaml': bytesOf(it) })
    expect(project).toBeUndefined()
    expectMistake(diagnostics, it, 'migrations.yaml')
  })
})

describe('a file that is legal YAML', () => {
  const good = syntax.filter((it) => it.expect.action === 'parses')
  test.each(good.map((it) => [it.id, it] as const))('%s', (_, it) => {
    const { root, diagnostics } = readYaml('a.yaml', bytesOf(it))
    expect(diagnostics).toEqual([])
    if (it.expect.values) expect({ ...(root!.value as object) }).toEqual(it.expect.values)
  })
})

test('keeps a number beyond 2^53 exactly', () => {
  const { root } = readYaml('a.yaml', bytesOf(CASES.find((it) => it.id === 'plans/bigint_trap')!))
  expect(root!.get('n')!.value).toBe(9007199254740993n)
})

test('refuses anchors, which the corpus leaves open', () => {
  const { diagnostics } = readYaml('a.yaml', bytesOf(CASES.find((it) => it.id === 'plans/anchors_plain_ok')!))
  expect(diagnostics.map((it) => it.code)).toEqual(['KV003', 'KV003'])
})

/** Where each change of the corpus is made in the valid project: file, text to replace, replacement. */
const CHANGES: Readonly<Record<string, readonly (readonly [string, string | RegExp, string])[]>> = {
  'plans/schema_unknown_root_key': [
    ['plans/messages.yaml', 'version: 1\n', 'version: 1\nmigratons: {}\n'],
    ['migrations.yaml', 'version: 1\n', 'version: 1\nmigratons: {}\n'],
  ],
  'plans/schema_string_for_number': [
    ['plans/messages.yaml', 'version: 1\n', 'version: "7"\n'],
    ['migrations.yaml', 'per_second: 500', 'per_second: "7"'],
    ['plans/messages.yaml', 'orphans,', 'orphans, { quarantine: { limit: "7" }, because: x },'],
  ],
  'plans/schema_number_for_string': [
    ['plans/messages.yaml', 'plan: messages', 'plan: 755'],
    ['plans/messages.yaml', 'match: vibe:messages', 'match: 755'],
    ['plans/messages.yaml', 'into: messages', 'into: 755'],
    ['plans/messages.yaml', 'decode: json', 'decode: 755'],
    ['plans/messages.yaml', 'each: field', 'each: 755'],
    ['plans/messages.yaml', 'text: text not null', 'text: 755'],
    ['plans/messages.yaml', 'uses: idx_messages_thread', 'uses: 755'],
    ['plans/messages.yaml', 'after: [handles]', 'after: [755]'],
    ['plans/messages.yaml', 'because: somebody left', 'because: 755'],
    ['migrations.yaml', 'schema: schema.sql', 'schema: 755'],
    ['migrations.yaml', 'because: people sign in again', 'because: 755'],
  ],
  'plans/schema_bool_string': [
    ['plans/messages.yaml', 'unique: false', 'unique: yes'],
    ['plans/messages.yaml', 'deferrable: true', 'deferrable: yes'],
  ],
  'plans/schema_missing_required': [
    ['plans/messages.yaml', 'version: 1\n', ''],
    ['plans/messages.yaml', 'plan: messages\n', ''],
    ['plans/messages.yaml', '    into: messages\n', ''],
    ['plans/messages.yaml', "match: 'message:draft:{_:rest}', ", ''],
    ['plans/messages.yaml', /mappings:[\s\S]*tables:/, 'tables:'],
    ['migrations.yaml', /sources:\n.*\n/, ''],
    ['migrations.yaml', /target: \${D.*\n/, ''],
    ['migrations.yaml', ', because: expires within a minute', ''],
  ],
  'plans/schema_list_for_map': [
    ['plans/messages.yaml', /tables:\n[\s\S]*queries:/, 'tables: []\nqueries:'],
    ['plans/messages.yaml', 'writes: { failure: available }', 'writes: []'],
    ['migrations.yaml', 'budget: { commands: 200k, per_second: 500 }', 'budget: []'],
  ],
  'plans/schema_nan_threshold': [
    ['plans/messages.yaml', 'orphans,', 'orphans, { quarantine: { limit: .nan }, because: x },'],
    ['plans/messages.yaml', 'limit: 0.1%', 'limit: .nan'],
    ['migrations.yaml', 'per_second: 500', 'per_second: .nan'],
  ],
  'plans/schema_duration_bad_unit': [
    ['plans/messages.yaml', 'within: 24h', 'within: 10 mins'],
    ['plans/messages.yaml', 'for: 10m', 'for: 10 mins'],
    ['plans/messages.yaml', 'keep: 30d', 'keep: 10 mins'],
  ],
  'plans/schema_two_mappings_same_prefix': [
    [
      'plans/messages.yaml',
      "  - { match: 'message:draft",
      `  - match: message:{id}
    type: string
    decode: json
    where: has(r.from) && has(r.to)
    into: messages
    fields: { id: $id, from_user: from, to_user: to, text: text, created_at: created_at | epoch_ms }
  - { match: 'message:draft`,
    ],
  ],
  'plans/schema_unknown_dependency': [['plans/messages.yaml', 'after: [handles]', 'after: [nope]']],
  'plans/schema_identifier_64_bytes': identifiers('x'.repeat(64)),
  'plans/schema_identifier_empty': identifiers("''"),
  'plans/schema_identifier_dot': identifiers('my.table'),
  'plans/schema_identifier_as': identifiers('users as u'),
  'plans/schema_identifier_system_column': [
    ['plans/messages.yaml', 'text: text not null', 'ctid: text not null'],
    ['plans/messages.yaml', 'text:       text', 'ctid:       text'],
  ],
  'plans/schema_table_missing': [
    ['plans/messages.yaml', 'into: messages', 'into: no_such_table'],
    ['plans/messages.yaml', 'to: handles }', 'to: no_such_table }'],
  ],
  'plans/schema_no_unique_key': [['plans/messages.yaml', '    primary_key: [id]\n', '']],
  'plans/schema_regex_invalid': [['plans/messages.yaml', 'match: message:{id}', "match: 'message:{id:/(/}'"]],
  'plans/schema_regex_backreference': [
    ['plans/messages.yaml', 'match: message:{id}', "match: 'message:{id:/(a)\\1/}'"],
  ],
}

function identifiers(name: string): readonly (readonly [string, string | RegExp, string])[] {
  return [
    ['plans/messages.yaml', 'into: messages', `into: ${name}`],
    ['plans/messages.yaml', 'into: messages', `into: { schema: app, table: ${name} }`],
    ['plans/messages.yaml', 'into: messages', `into: { schema: ${name}, table: messages }`],
    ['plans/messages.yaml', 'tables:\n  messages:', `tables:\n  ${name}:`],
    ['plans/messages.yaml', 'text: text not null', `${name}: text not null`],
    ['plans/messages.yaml', 'idx_messages_thread: [', `${name}: [`],
    ['plans/messages.yaml', 'plan: messages', `plan: ${name}`],
    ['migrations.yaml', 'plans: plans/*.yaml', `plans: plans/*.yaml\ntarget_schema: ${name}`],
  ]
}

describe('a valid project with one change', () => {
  const changed = CASES.filter((it) => CHANGES[it.id]).flatMap((it) =>
    CHANGES[it.id]!.map(
      ([file, find, by]) => [it.id, file, by.trim().split('\n')[0]!, find, by, it] as const,
    ),
  )
  test.each(changed)('%s: %s, %s', async (_, file, __, find, by, it) => {
    const text = PROJECT[file]!.replace(find, () => by)
    expect(text).not.toBe(PROJECT[file])
    const { project, diagnostics } = await load({ [file]: text })
    expect(project).toBeUndefined()
    expectMistake(diagnostics, it)
  })

  test('plans/schema_prefix_shadow: a longer template takes other keys, so both rules stand', async () => {
    const text = PROJECT['plans/messages.yaml']!.replace('message:draft:{_:rest}', 'message:{id}:{x}')
    expect((await load({ 'plans/messages.yaml': text })).diagnostics).toEqual([])
  })
})

describe('a file outside of the project', () => {
  const outside = CASES.filter((it) => it.patch?.kind === 'file')
  test.each(outside.map((it) => [it.id, it] as const))('%s', async (_, it) => {
    const root = mkdtempSync(join(tmpdir(), 'kvmig plan '))
    try {
      symlinkSync('/etc/passwd', join(root, 'link.json'))
      writeFileSync(join(root, 'migrations.yaml'), projectWith(String(it.patch!.value)))
      const { project, diagnostics } = await loadProject({
        file: 'migrations.yaml',
        root,
        files: filesIn(root),
        catalog,
      })
      expect(project).toBeUndefined()
      expectMistake(diagnostics, it, 'migrations.yaml')
    } finally {
      rmSync(root, { recursive: true })
    }
  })
  const projectWith = (path: string) =>
    PROJECT['migrations.yaml']!.replace('schema: schema.sql', `schema: ${path}`)
})

/** Cases that need an environment or a command line, and the file of the test that runs them. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'plans/schema_env_missing': '../runner/address.test.ts',
  'plans/schema_env_dollar_amp': '../runner/address.test.ts',
  'plans/schema_env_recursive': '../runner/address.test.ts',
  'plans/schema_phase_unknown': '../cli/arguments.test.ts',
}

test('every case of the corpus is run, or belongs to another part', () => {
  const run = new Set([
    ...syntax.map((it) => it.id),
    ...Object.keys(CHANGES),
    ...CASES.filter((it) => it.patch?.kind === 'file').map((it) => it.id),
    'plans/schema_prefix_shadow',
  ])
  expect(CASES.map((it) => it.id).filter((it) => !run.has(it))).toEqual(Object.keys(ELSEWHERE))
  for (const [id, file] of Object.entries(ELSEWHERE))
    expect(readFileSync(join(import.meta.dirname, file), 'utf8')).toContain(id)
})

function bytesOf({ yaml_base64, yaml_recipe }: Case): Uint8Array {
  if (yaml_base64 !== undefined) return Buffer.from(yaml_base64, 'base64')
  const levels = Array.from({ length: yaml_recipe!.levels }, (_, level) => `${' '.repeat(level)}k:`)
  return Buffer.from(`${levels.join('\n')} 1\n`)
}

function expectMistake(diagnostics: readonly Diagnostic[], { expect: wanted }: Case, file?: string): void {
  const codes = CODES[wanted.code!]!
  const found = diagnostics.filter((it) => codes.includes(it.code) && it.severity === 'error')
  expect(found, JSON.stringify(diagnostics, undefined, 1)).not.toEqual([])
  for (const { at } of diagnostics)
    expect(at).toMatchObject({ line: expect.any(Number), column: expect.any(Number) })
  if (file !== undefined) expect(found.map((it) => it.at!.file)).toContain(file)
  if (wanted.line !== undefined) expect(found.map((it) => it.at!.line)).toContain(wanted.line)
}
