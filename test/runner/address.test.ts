import { describe, expect, test } from 'vitest'
import { resolveAddress, resolveOptions } from '../../src/runner/address.ts'

const at = { file: 'migrations.yaml', line: 3, column: 7, offset: 0 }
const resolve = (url: string, variables: Record<string, string | undefined>) =>
  resolveAddress({ url, at }, variables)

describe('a variable in an address', () => {
  // plans/schema_env_dollar_amp, plans/schema_env_recursive of the corpus
  test.each<readonly [string, string, Record<string, string | undefined>, string]>([
    ['stands for its text', 'redis://h:6379/${DB}', { DB: '3' }, 'redis://h:6379/3'],
    ['may hold what a replacement would mean', '${PW}', { PW: 'pa$&ss$1' }, 'pa$&ss$1'],
    ['is not expanded again', '${A}', { A: '${B}', B: 'x' }, '${B}'],
    ['may have a default', '${KV:-rdb:./a.rdb}', {}, 'rdb:./a.rdb'],
    ['counts as unset where it is empty', '${KV:-rdb:./a.rdb}', { KV: '' }, 'rdb:./a.rdb'],
    ['may stand beside another', '${A}${B}', { A: 'x', B: 'y' }, 'xy'],
    ['is one only in braces', '$A ${1A} ${}', { A: 'x' }, '$A ${1A} ${}'],
  ])('%s', (_, url, variables, expected) => {
    expect(resolve(url, variables)).toBe(expected)
  })

  // plans/schema_env_missing
  test('that is not set is refused by its name, with the place', () => {
    expect(() => resolve('${NO_SUCH_ENV}', {})).toThrow(
      'migrations.yaml:3:7  The environment variable NO_SUCH_ENV is not set.',
    )
  })

  test('is the same in what stands beside the address', () => {
    expect(resolveOptions({ url: 'x', at, options: { token: '${T}' } }, { T: '$&' })).toEqual({ token: '$&' })
  })
})
