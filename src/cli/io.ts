/**
 * All that a command sees of the world it was called from: `main.ts` fills it from the process, tests fill it with text. Data goes to
 * `stdout`, progress and messages go to `stderr`.
 */
export interface Io {
  readonly stdout: Output
  readonly stderr: Output
  /** Environment variables, those of `.env` included once the project was found. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Somebody is watching: stderr is a terminal, and this is no CI job. Progress is drawn then, and questions may be asked. */
  readonly isTerminal: boolean
  /** Aborts at the first SIGINT, SIGTERM or SIGHUP; its reason is an `Interruption`. */
  readonly signal: AbortSignal
  /** Milliseconds since 1970. */
  now(): number
  /** Reads a `.env` file into `env`; what is set already wins. */
  loadEnvironment(file: string): void
  /** Puts a question to whoever is watching; called only where `isTerminal`. */
  ask(question: string): Promise<string>
}

export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

/** Why a run stops early: the signal that came, and the exit code that stands for it. */
export class Interruption extends Error {
  readonly exitCode: number
  constructor(signal: string, exitCode: number) {
    super(`Stopped by ${signal}.`)
    this.name = 'Interruption'
    this.exitCode = exitCode
  }
}

/** Is colour wanted on this stream? NO_COLOR and FORCE_COLOR decide, else whether it is a terminal. */
export function wantsColor(output: Output, env: Io['env']): boolean {
  if (env.NO_COLOR) return false
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false'
  return output.isTTY === true && env.TERM !== 'dumb'
}
