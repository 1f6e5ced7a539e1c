import type { Counts, Outcome } from '../executors/executor.ts'
import type { Step } from '../plan/step.ts'

/** Something that happened during a run. Views listen; nothing depends on their listening. */
export type RunEvent =
  | { readonly kind: 'started'; readonly step: Step }
  | { readonly kind: 'progress'; readonly step: string; readonly counts: Counts; readonly reached?: number }
  | { readonly kind: 'finished'; readonly step: Step; readonly outcome: Outcome; readonly millis: number }
  | { readonly kind: 'undone'; readonly step: string }
  | { readonly kind: 'skipped'; readonly step: Step; readonly because: readonly string[] }
  | { readonly kind: 'note'; readonly message: string }

export type Listener = (event: RunEvent) => void
