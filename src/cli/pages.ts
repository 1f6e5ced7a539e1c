import { CHECKS } from '../checks/index.ts'
import { PLAN_CODES } from '../plan/codes.ts'
import { COMPILE_CODES } from '../plan/passes/codes.ts'
import { REJECT_CODES } from '../value.ts'
import { PLAN_PAGES } from './plan-pages.ts'
import { REJECT_PAGES } from './reject-pages.ts'

/** A code and what there is to say about it. */
export interface Page {
  readonly code: string
  readonly chapter: string
  /** A few words. */
  readonly title: string
  readonly means?: string | undefined
  readonly help?: string | undefined
}

/** Every code that has a page, by chapter. */
export const readPages = (): readonly Page[] => [
  ...Object.entries({ ...PLAN_CODES, ...COMPILE_CODES }).map(([code, title]) => ({
    code,
    chapter: 'Mistakes in plans',
    title,
    help: PLAN_PAGES[code],
  })),
  ...CHECKS.map(({ code, name, summary }) => ({
    code,
    chapter: 'Checks of gates',
    title: name,
    help: summary,
  })),
  ...REJECT_CODES.map((code) => ({
    code,
    chapter: 'Records in quarantine',
    title: REJECT_PAGES[code].means,
    help: REJECT_PAGES[code].help,
  })),
]
