import type { FaultyProxy } from '../setup/proxy.ts'

/**
 * Makes a Redis behind the proxy give one page of its SCAN twice, as it may while it makes its table smaller: the second page that is asked
 * for is the first one again. Gives whether it did.
 */
export function scanTwice(proxy: FaultyProxy): () => boolean {
  let last: string | undefined
  let was = false
  proxy.onRequest((bytes) => {
    const text = bytes.toString('latin1')
    const changed = text.replace(SCAN, (all, cursor: string) => {
      const before = last
      last = cursor
      if (was || cursor === '0' || before === undefined) return all
      was = true
      return `$4\r\nSCAN\r\n$${before.length}\r\n${before}\r\n`
    })
    if (changed !== text) return Buffer.from(changed, 'latin1')
  })
  return () => was
}

const SCAN = /\$4\r\nSCAN\r\n\$\d+\r\n(\d+)\r\n/g
