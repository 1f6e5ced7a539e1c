import { readFileSync } from 'node:fs'
import { CHECKS } from '../checks/index.ts'
import { PLAN_CODES } from '../plan/codes.ts'
import { COMPILE_CODES } from '../plan/passes/codes.ts'
import { ERROR_PAGES } from './error-pages.ts'
import { PHASE_PAGES } from './phase-pages.ts'
import { PLAN_EXAMPLES } from './plan-examples.ts'
import { PLAN_PAGES } from './plan-pages.ts'
import { PROOF_CODES } from './proof-codes.ts'
import { REJECT_EXAMPLES, showCase } from './reject-examples.ts'
import { STORED_EXAMPLES, showStored } from './stored-examples.ts'

/** A code and what there is to say about it. */
export interface Page {
  readonly code: string
  readonly chapter: string
  /** A few words. */
  readonly title: string
  /** What to do, or more about it. */
  readonly help?: string | undefined
  readonly example?: { readonly wrong: string; readonly right: string } | undefined
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
    help: `${summary}\n\n${chapterOf(name)}`,
  })),
  ...readReasons(),
  ...Object.entries({ ...ERROR_PAGES, ...PHASE_PAGES }).map(([code, [title, help]]) => ({
    code,
    chapter: 'When something did not cooperate',
    title,
    help,
  })),
]

// What docs/gates-and-triggers.md says of a check: from its heading to the next.
function chapterOf(check: string): string {
  const text = readFileSync(new URL('../../docs/gates-and-triggers.md', import.meta.url), 'utf8')
  const start = text.indexOf(`\n### ${check}\n`)
  if (start === -1) return 'docs/gates-and-triggers.md says what to do where it fails.'
  const chapter = text.slice(start + `\n### ${check}\n`.length)
  return chapter.slice(0, chapter.search(/\n##+ |$(?![\s\S])/)).trim()
}

// The reasons of the quarantine have their page in the docs, which come with the package: a row of a table each.
function readReasons(): readonly Page[] {
  const text = readFileSync(new URL('../../docs/quarantine.md', import.meta.url), 'utf8')
  return [...text.matchAll(/^\| ([A-Z_0-9]+) \| (.+?) \| (.+?) \|$/gm)].map(([, code, wrong, wayOut]) => ({
    code: code!,
    chapter: 'Records in quarantine',
    title: wrong!,
    help: `Usual way out: ${wayOut}.`,
    example: shown(code!),
  }))
}

function shown(code: string): Page['example'] {
  const example = REJECT_EXAMPLES[code]
  if (example) return { wrong: showCase(example.wrong), right: showCase(example.right) }
  const stored = STORED_EXAMPLES[code]
  return stored && { wrong: showStored(stored.wrong), right: showStored(stored.right) }
}
