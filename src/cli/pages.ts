import { readFileSync } from 'node:fs'
import { CHECKS } from '../checks/index.ts'
import { PLAN_CODES } from '../plan/codes.ts'
import { COMPILE_CODES } from '../plan/passes/codes.ts'
import { PLAN_EXAMPLES, type PlanExample } from './plan-examples.ts'
import { PLAN_PAGES } from './plan-pages.ts'
import { PROOF_CODES } from './proof-codes.ts'

/** A code and what there is to say about it. */
export interface Page {
  readonly code: string
  readonly chapter: string
  /** A few words. */
  readonly title: string
  /** What to do, or more about it. */
  readonly help?: string | undefined
  readonly example?: PlanExample | undefined
}

/** Every code that has a page, by chapter. */
export const readPages = (): readonly Page[] => [
  ...Object.entries({ ...PLAN_CODES, ...COMPILE_CODES, ...PROOF_CODES }).map(([code, title]) => ({
    code,
    chapter: 'Mistakes in plans',
    title,
    help: PLAN_PAGES[code],
    example: PLAN_EXAMPLES[code],
  })),
  {
    code: 'KV300',
    chapter: 'Checks of gates',
    title: 'a check that this version does not have',
    help: 'A gate only opens when all that is listed could be asked. Take it out of the list, or upgrade kvmig.',
  },
  ...[...CHECKS.values()].map(({ code, name, summary }) => ({
    code,
    chapter: 'Checks of gates',
    title: `check ${name}`,
    help: `${summary} docs/gates-and-triggers.md says what to do where it fails.`,
  })),
  ...readReasons(),
]

// The reasons of the quarantine have their page in the docs, which come with the package: a row of a table each.
function readReasons(): readonly Page[] {
  const text = readFileSync(new URL('../../docs/quarantine.md', import.meta.url), 'utf8')
  return [...text.matchAll(/^\| ([A-Z_0-9]+) \| (.+?) \| (.+?) \|$/gm)].map(([, code, wrong, wayOut]) => ({
    code: code!,
    chapter: 'Records in quarantine',
    title: wrong!,
    help: `Usual way out: ${wayOut}.`,
  }))
}
