import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectFolder } from '../setup/cli.ts'
import { runCli } from '../setup/run-cli.ts'
import { BLOG, USERS } from './blog.ts'

let project: ReturnType<typeof projectFolder>
let empty: ReturnType<typeof projectFolder>

beforeAll(() => {
  project = projectFolder(BLOG)
  empty = projectFolder({})
})
afterAll(() => {
  project.remove()
  empty.remove()
})

describe('a usage error is told in two lines on stderr, and exits 1', () => {
  test.each([
    ['plna', `Unknown command 'plna'. Did you mean plan?`, 'See kvmig --help.'],
    ['plan --jsn', `Unknown option '--jsn'. Did you mean --json?`, 'See kvmig plan --help.'],
    [
      'plan --format xml',
      `argument 'xml' is invalid. Allowed choices are text, md, json, mermaid, github.`,
      'kvmig plan --help',
    ],
    ['apply', `Required option '--phase <phase>' not specified.`, 'See kvmig apply --help.'],
    // plans/schema_phase_unknown of the corpus
    ['apply --phase=E', 'The phases are A, B, C and D.', 'See kvmig apply --help.'],
    ['apply --phase=A --rate fast', 'A whole number from 1 is wanted.', 'See kvmig apply --help.'],
    ['trace', `Missing required argument 'key'.`, 'See kvmig trace --help.'],
    ['accept posts', `Required option '--because <reason>' not specified.`, 'See kvmig accept --help.'],
    ['status posts', 'Too many arguments for', 'See kvmig status --help.'],
  ])('kvmig %s', async (line, message, hint) => {
    const { code, stdout, stderr } = await runCli(line.split(' '), { cwd: project.path })
    expect(stderr).toContain('kvmig: USAGE  ')
    expect(stderr).toContain(message)
    expect(stderr).toContain(hint)
    expect(stderr.trimEnd().split('\n')).toHaveLength(2)
    expect(stdout).toBe('')
    expect(code).toBe(1)
  })
})

describe('what cannot be done is told with its code and the way out', () => {
  test.each([
    ['apply --phase=B', 'TARGET_EMBEDDED', 'in phase B the application', 'name a server'],
    ['apply --phase=D', 'TARGET_EMBEDDED', 'in phase D the application', 'name a server'],
    [
      'graph psts',
      'PLAN_UNKNOWN',
      'There is no plan "psts". Did you mean posts?',
      'migrations.yaml has: posts, users.',
    ],
    ['accept psts --because x', 'PLAN_UNKNOWN', 'There is no plan "psts".', ''],
    [
      'accept posts --code ORPAN --because x',
      'USAGE',
      'There is no reason "ORPAN". Did you mean ORPHAN?',
      'kvmig status',
    ],
    ['trace base64:***', 'USAGE', 'What follows base64: is no base64.', ''],
    [
      'inspect kvv',
      'SOURCE_UNKNOWN',
      'There is no source "kvv". Did you mean kv?',
      'migrations.yaml has: kv.',
    ],
    ['explain KV9999', 'CODE_UNKNOWN', 'There is no page for "KV9999".', 'kvmig explain lists all codes.'],
    ['plan --project nowhere.yaml', 'PROJECT_MISSING', 'There is no file nowhere.yaml.', ''],
    ['status --env prod', 'ENVIRONMENT_UNKNOWN', 'There is no environment "prod"', ''],
  ])('kvmig %s', async (line, errorCode, message, hint) => {
    const { code, stdout, stderr } = await runCli(line.split(' '), { cwd: project.path })
    expect(stderr).toContain(`kvmig: ${errorCode}  `)
    expect(stderr).toContain(message)
    expect(stderr).toContain(hint)
    expect(stdout).toBe('')
    expect(code).toBe(1)
  })
})

test('help goes to stdout, and names every command and exit code', async () => {
  const { code, stdout, stderr } = await runCli(['--help'], { cwd: empty.path })
  const commands = [...stdout.matchAll(/^ {2}([a-z][a-z-]*)\b.* {2}\S/gm)].map((it) => it[1])
  expect(commands).toEqual([
    ...['init', 'inspect', 'schema', 'explain'],
    ...['plan', 'apply', 'check', 'test'],
    ...['status', 'diff', 'trace', 'graph', 'types'],
    ...['retry', 'accept', 'unlock', 'sweep'],
    ...['reconcile', 'drill', 'watch', 'pause', 'resume', 'report-bug'],
    ...['archive', 'restore'],
    ...['rollback', 'rebuild', 'uninstall'],
  ])
  for (const exit of [
    '0 done',
    '1 could not',
    '2 changes',
    '3 a gate',
    '6 the saved',
    '7 somebody',
    '130, 143',
  ]) {
    expect(stdout).toContain(exit)
  }
  expect(stderr).toBe('')
  expect(code).toBe(0)
})

test('the version is the only thing that --version prints', async () => {
  expect(await runCli(['--version'], { cwd: empty.path })).toEqual({
    code: 0,
    stdout: '0.0.0-test\n',
    stderr: '',
  })
})

test('a folder without a project says how to begin', async () => {
  const { code, stderr } = await runCli(['plan'], { cwd: empty.path })
  expect(stderr).toBe(
    'kvmig: PROJECT_MISSING  There is no migrations.yaml here or in a folder above.\n' +
      '       kvmig init writes one; --project FILE names another.\n',
  )
  expect(code).toBe(1)
})

test('the project file is found from a folder below, and mistakes are told as seen from there', async () => {
  const broken = projectFolder({ ...BLOG, 'plans/users.yaml': USERS.replace('| lower', '| lowr') })
  const { code, stdout } = await runCli(['plan', '--cwd', 'plans'], { cwd: broken.path })
  expect(stdout).toMatch(
    /^\.\.\/plans\/users\.yaml:7:\d+ {2}KV014 {2}There is no transform "lowr"\. Did you mean "lower"\?/,
  )
  expect(code).toBe(1)
  broken.remove()
})

describe('init', () => {
  test('writes a project that plan and test accept as it is', async () => {
    const folder = projectFolder({})
    const cwd = folder.path
    const written = await runCli(['init'], { cwd })
    expect(written.stdout).toMatch(/^Wrote migrations.yaml .*\nWrote plans\/users.yaml /)
    expect(await runCli(['plan', '--no-prove'], { cwd })).toMatchObject({ code: 0, stderr: '' })
    const tested = await runCli(['test'], { cwd })
    expect(tested.stdout).toContain('Test: 2 examples pass.')
    expect(tested.code).toBe(0)

    const again = await runCli(['init'], { cwd })
    expect(again.stderr).toContain('kvmig: FILE_EXISTS  There is a migrations.yaml already.')
    expect(again.code).toBe(1)
    expect((await runCli(['init', '--force'], { cwd })).code).toBe(0)
    folder.remove()
  })
})

describe('explain', () => {
  test.each([
    ['KV014', 'KV014  Unknown transform\n\nTransforms stand behind |'],
    ['kv304', 'KV304  check full\n\nEvery row is there'],
    ['NUL_IN_TEXT', 'NUL_IN_TEXT  a NUL character: text cannot hold it\n\nUsual way out: '],
  ])('%s', async (name, page) => {
    const { code, stdout } = await runCli(['explain', name], { cwd: empty.path })
    expect(stdout).toContain(page)
    expect(code).toBe(0)
  })

  test('without a code lists all, by chapter', async () => {
    const { stdout } = await runCli(['explain'], { cwd: empty.path })
    expect(stdout.match(/^\S.*/gm)).toEqual([
      'Mistakes in plans',
      'Checks of gates',
      'Records in quarantine',
      'When something did not cooperate',
      'kvmig explain CODE has more about one of them.',
    ])
  })
})
