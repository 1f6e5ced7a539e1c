import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { filesIn } from '../../src/plan/project-files.ts'

let folder: string
let root: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kvmig files ü '))
  root = join(folder, 'project')
  mkdirSync(join(root, 'plans/more'), { recursive: true })
  mkdirSync(join(root, '.git'))
  mkdirSync(join(folder, 'project-2'))
  writeFileSync(join(folder, 'secret.sql'), 'secret')
  writeFileSync(join(folder, 'project-2/secret.sql'), 'secret')
  for (const it of [
    'a.sql',
    'plans/b.yaml',
    'plans/a.yaml',
    'plans/a.yml',
    'plans/more/c.yaml',
    '.git/d.yaml',
  ])
    writeFileSync(join(root, it), it)
  writeFileSync(join(root, 'large.sql'), Buffer.alloc(8_000_001))
  symlinkSync('a.sql', join(root, 'inside.sql'))
  symlinkSync('../secret.sql', join(root, 'outside.sql'))
  symlinkSync('..', join(root, 'up'))
  symlinkSync('circle.sql', join(root, 'circle.sql'))
  symlinkSync('/dev/zero', join(root, 'zero.sql'))
  symlinkSync('nowhere', join(root, 'dangling.sql'))
  execFileSync('mkfifo', [join(root, 'pipe.sql')])
})

afterAll(() => rmSync(folder, { recursive: true }))

test.each(['a.sql', './a.sql', 'plans/../a.sql', 'inside.sql', 'plans/more/c.yaml'])('reads %s', (path) => {
  const content = filesIn(root).read(path)
  expect('bytes' in content && Buffer.from(content.bytes).toString()).toMatch(
    /^(?:a.sql|plans\/more\/c.yaml)$/,
  )
})

test.each([
  ['/etc/passwd', 'outside', 'outside of the project'],
  ['../secret.sql', 'outside', 'outside'],
  ['../project-2/secret.sql', 'outside', 'outside'],
  ['plans/../../secret.sql', 'outside', 'outside'],
  ['outside.sql', 'outside', 'outside'],
  ['up/secret.sql', 'outside', 'outside'],
  ['zero.sql', 'outside', 'outside'],
  ['/dev/zero', 'outside', 'outside'],
  ['pipe.sql', 'unreadable', 'no regular file'],
  ['plans', 'unreadable', 'no regular file'],
  ['large.sql', 'unreadable', '8000001 bytes'],
  ['missing.sql', 'unreadable', 'There is no file "missing.sql"'],
  ['a.sql/b', 'unreadable', 'There is no file'],
  ['dangling.sql', 'unreadable', 'There is no file'],
  ['circle.sql', 'unreadable', 'circle of links'],
  ['a\0b', 'unreadable', 'a'],
])('refuses %j', (path, refused, words) => {
  expect(filesIn(root).read(path)).toEqual({ refused, message: expect.stringContaining(words) })
})

test.each([
  ['plans/*.yaml', ['plans/a.yaml', 'plans/b.yaml']],
  ['./plans/*.yaml', ['plans/a.yaml', 'plans/b.yaml']],
  ['plans/a.*', ['plans/a.yaml', 'plans/a.yml']],
  ['plans/?.yaml', ['plans/a.yaml', 'plans/b.yaml']],
  ['**/*.yaml', ['plans/a.yaml', 'plans/b.yaml', 'plans/more/c.yaml']],
  ['plans/**/c.yaml', ['plans/more/c.yaml']],
  ['*/*/*.yaml', ['plans/more/c.yaml']],
  ['plans', []],
  ['nowhere/*.yaml', []],
  ['../*.sql', []],
  ['/etc/*', []],
  ['plans/[ab].yaml', []],
  ['up/*.sql', []],
])('finds what matches %s', (pattern, paths) => {
  expect(filesIn(root).glob(pattern)).toEqual(paths)
})
