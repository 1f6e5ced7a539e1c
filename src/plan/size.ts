/** `500MB`, `0.5GB`, `2 TB` in bytes: powers of ten, as bills count. Undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const found = /^(\d{1,6}(?:\.\d{1,3})?) ?(kB|MB|GB|TB)$/.exec(text)
  const bytes = found ? Math.round(Number(found[1]) * UNITS[found[2] as keyof typeof UNITS]) : 0
  return bytes > 0 ? bytes : undefined
}

const UNITS = { kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 }
