import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { runArguments } from '../../src/cli/args.ts'
import type { Io } from '../../src/cli/io.ts'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** Somebody watches, and answers this. */
  readonly answer?: string
  readonly signal?: AbortSignal
  /** Milliseconds since 1970; time stands still unless said, so that no output depends on it. */
  readonly now?: () => number
  readonly version?: string
}

/** Runs the command line in this process. */
export async function runCli(argv: readonly string[], options: RunOptions): Promise<Ran> {
  const {
    cwd,
    answer,
    signal = new AbortController().signal,
    now = () => 0,
    version = '0.0.0-test',
  } = options
  const env: Record<string, string | undefined> = { ...options.env }
  const texts = { stdout: '', stderr: '' }
  const io: Io = {
    stdout: { write: (text) => (texts.stdout += text) },
    stderr: { write: (text) => (texts.stderr += text) },
    env,
    cwd,
    // Drawing is for a real terminal; questions are for anybody who answers.
    isTerminal: answer !== undefined,
    signal,
    now,
    loadEnvironment: (file) => {
      for (const [name, value] of Object.entries(parseEnv(readFileSync(file, 'utf8')))) env[name] ??= value
    },
    ask: async (question) => {
      texts.stderr += `${question}\n`
      return answer ?? ''
    },
  }
  const code = await runArguments(argv, io, version)
  return { code, ...texts }
}
