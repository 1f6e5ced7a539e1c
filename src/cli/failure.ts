import { EXIT, KvmigError } from '../errors.ts'
import { printableSentence } from '../printable.ts'
import { Interruption, type Io } from './io.ts'
import { PlanMistakes, showMistakes } from './plan-mistakes.ts'

/**
 * What went wrong, as one or two lines for people and an exit code. Messages of errors that kvmig did not make may hold values, so they are
 * never printed: only their kind, and under `KVMIG_DEBUG=1` where they came from.
 */
export function describeFailure(error: unknown, { env, signal }: Pick<Io, 'env' | 'signal'>): Failure {
  const frames = env.KVMIG_DEBUG === '1' ? framesOf(error) : ''
  if (error instanceof PlanMistakes) return { text: showMistakes(error.diagnostics), exitCode: EXIT.couldNot }
  if (error instanceof KvmigError) {
    return { text: `${sentence(error.code, error.message, error.hint)}${frames}`, exitCode: error.exitCode }
  }
  const interruption = [error, signal.aborted && signal.reason].find((it) => it instanceof Interruption)
  if (interruption) {
    return {
      text: sentence('STOPPED', interruption.message, 'Nothing was left half done.'),
      exitCode: interruption.exitCode,
    }
  }
  const kind = kindOf(error)
  const hint =
    env.KVMIG_DEBUG === '1'
      ? 'Please report it with the lines below; they hold no data of yours.'
      : 'Run it again with KVMIG_DEBUG=1 to see where (no data of yours is printed), and please report it.'
  return {
    text: `${sentence('UNEXPECTED', `kvmig met an error that it has no word for (${kind}).`, hint)}${frames}`,
    exitCode: EXIT.couldNot,
  }
}

export interface Failure {
  /** Whole lines. */
  readonly text: string
  readonly exitCode: number
}

/** `kvmig: CODE  sentence`, and below it what to do. */
export const sentence = (code: string, message: string, hint?: string): string =>
  `kvmig: ${code}  ${printableSentence(message)}\n${hint === undefined ? '' : `       ${printableSentence(hint)}\n`}`

// ECONNREFUSED and its like are the system's words and hold nothing else; so are the names of classes.
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const code =
    'code' in error && typeof error.code === 'string' && /^[A-Z0-9_]+$/.test(error.code)
      ? ` ${error.code}`
      : ''
  return `${error.constructor.name}${code}`
}

// The places of an error and of its causes, without their messages.
function framesOf(error: unknown, label = ''): string {
  if (!(error instanceof Error)) return ''
  const head = `${error.name}: ${error.message}`
  const stack = error.stack ?? ''
  const frames = (stack.startsWith(head) ? stack.slice(head.length) : stack)
    .split('\n')
    .filter((line) => /^\s+at .*(:\d+|\)|<anonymous>)$/.test(line))
  const code = error instanceof KvmigError ? `${error.code} ` : ''
  return `${label}${code}${kindOf(error)}\n${frames.map((it) => `${it}\n`).join('')}${framesOf(error.cause, 'caused by ')}`
}
