import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'
import { expect, test } from 'vitest'
import { read, shippedFiles } from './shipped-files.ts'

const root = join(import.meta.dirname, '../..')
const pages = shippedFiles('.md').filter((it) => !it.startsWith('test/data/'))

test('there are pages', () => expect(pages.length).toBeGreaterThan(15))

test.each(pages)('every link of %s leads somewhere', (page) => {
  const text = read(page).replace(/```.*?```/gs, '')
  const dead = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link!)
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [path = '', anchor] = link.split('#')
      const file = path === '' ? page : join(dirname(page), path)
      if (!existsSync(join(root, file))) return true
      return anchor !== undefined && !anchorsOf(read(file)).has(anchor)
    })
  expect(dead).toEqual([])
})

test('the index of the docs leads to every page', () => {
  const index = read('docs/README.md')
  const left = pages.filter((it) => it.startsWith('docs/') && it !== 'docs/README.md')
  expect(left.filter((it) => !index.includes(`(${it.slice('docs/'.length)})`))).toEqual([])
})

/** As GitHub makes them of headings. */
const anchorsOf = (text: string): ReadonlySet<string> =>
  new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
      title!
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-'),
    ),
  )
