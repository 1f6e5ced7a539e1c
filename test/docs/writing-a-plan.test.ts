import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

test('the tutorial shows the plan that is shipped', () => {
  const shipped = new Set(lines(read('plans/messages.yaml')))
  const shown = [...read('docs/writing-a-plan.md').matchAll(/```yaml\n(.*?)```/gs)].map(([, block]) => block!)
  expect(shown.length).toBeGreaterThan(6)
  // The examples are shortened for the reader.
  const parts = shown.filter((block) => !block.startsWith('examples:')).flatMap(lines)
  expect(parts.filter((it) => it !== '…' && !shipped.has(it))).toEqual([])
})

const lines = (yaml: string): readonly string[] =>
  yaml
    .split('\n')
    .map((line) =>
      line
        .replace(/\s+#.*$/, '')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .filter((line) => line !== '')
