import { join } from 'node:path'
import { expect, test } from 'vitest'
import { apply, compile, KvmigError, loadProject, type RunEvent } from '../src/index.ts'
import { BLOG, USERS } from './cli/blog.ts'
import { projectFolder } from './setup/cli.ts'
import { freshDatabase } from './setup/postgres.ts'

test('a program loads a project, compiles it and applies it', async () => {
  const folder = projectFolder(BLOG)
  const database = await freshDatabase()
  const { project, diagnostics } = await loadProject(join(folder.path, 'migrations.yaml'))
  expect(diagnostics).toEqual([])
  expect(compile(project!).waves.map(({ plan }) => plan.name)).toEqual(['users', 'posts'])

  const events: RunEvent[] = []
  const applied = await apply(project!, {
    variables: { DATABASE_URL: database.url },
    listener: (it) => events.push(it),
  })
  expect(applied.outcome).toBe('done')
  expect(events.filter((it) => it.kind === 'finished').length).toBe(applied.steps.length)
  expect((await database.query('SELECT count(*)::int AS posts FROM posts')).rows).toEqual([{ posts: 3 }])
  await expect(apply(project!, { plans: ['psts'] })).rejects.toThrow(KvmigError)
  await database.drop()
  folder.remove()
})

test('mistakes come back as diagnostics', async () => {
  const folder = projectFolder({ ...BLOG, 'plans/users.yaml': USERS.replace('| lower', '| lowr') })
  const { project, diagnostics } = await loadProject(join(folder.path, 'migrations.yaml'))
  expect(project).toBeUndefined()
  expect(diagnostics.map((it) => it.code)).toEqual(['KV014'])
  folder.remove()
})
