import { expect, test } from 'vitest'
import { read } from './shipped-files.ts'

const later = read('docs/what-if.md').split(/^# /m).at(-1)!
const answers = later.split(/^## /m).slice(1)

test('what an operator looks up of the later phases has an answer, and each is shown by a test that is there', () => {
  expect(answers.length).toBeGreaterThan(15)
  const untold = answers.flatMap((it) => {
    const shown = [...it.matchAll(/^<!-- shown: (\S+\.test\.ts): (.+) -->$/gm)]
    const lost = shown.filter(([, file, title]) => !read(file!).includes(title!))
    const heading = it.slice(0, it.indexOf('\n'))
    return shown.length === 0 ? [heading] : lost.map(([, file, title]) => `${heading}: ${file}: ${title}`)
  })
  expect(untold).toEqual([])
})
