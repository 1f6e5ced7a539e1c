import { expect, test } from 'vitest'
import { warnOfClearText } from '../../src/runner/clear-text.ts'

test.each([
  ['redis://localhost:6379', 'nothing'],
  ['redis://user:s3cret@127.0.0.1', 'nothing'],
  ['redis://[::1]:6379', 'nothing'],
  ['rediss://kv.example.com', 'nothing'],
  ['https://kv.example.com', 'nothing'],
  ['rdb:./dump.rdb', 'nothing'],
  ['redis://redis:6379', 'warned'],
  ['redis://user:s3cret@10.1.2.3', 'warned'],
  ['redis://[fd00::1]', 'warned'],
  ['redis://kv.railway.internal', 'warned'],
  ['redis://user:s3cret@kv.example.com', 'refused'],
  ['redis://8.8.8.8', 'refused'],
  ['redis://[2001:db8::1]:6379', 'refused'],
  ['http://kv.example.com/?token=s3cret', 'refused'],
])('%s out of the environment: %s', (url, what) => {
  const judge = (insecure?: string) => warnOfClearText('kv', url, insecure === undefined ? {} : { insecure })
  if (what === 'refused') {
    expect(judge).toThrow(
      expect.objectContaining({ code: 'CLEAR_TEXT', message: expect.not.stringContaining('s3cret') }),
    )
    expect(judge('a tunnel')).toMatch(/^source kv: clear text over a public network/)
  } else if (what === 'warned') {
    expect(judge()).toMatch(/^source kv: clear text over a private network/)
    expect(judge()).not.toContain('s3cret')
  } else expect(judge()).toBeUndefined()
})
