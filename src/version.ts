import { readFileSync } from 'node:fs'

/** As package.json has it, which lies beside both `src` and `dist`. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version
