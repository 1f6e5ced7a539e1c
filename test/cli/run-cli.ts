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
}

/** Runs the command line in this process. */
export async function runCli(argv: readonly string[], options: RunOptions): Promise<Ran> {
  const { cwd, answer, signal = new AbortController().signal } = options
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
    now: () => 0,
    loadEnvironment: (file) => {
      for (const [name, value] of Object.entries(parseEnv(readFileSync(file, 'utf8')))) env[name] ??= value
    },
    ask: async (question) => {
      texts.stderr += `${question}\n`
      return answer ?? ''
    },
  }
  const code = await runArguments(argv, io, '0.0.0-test')
  return { code, ...texts }
}
