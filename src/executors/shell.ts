export interface Shell {
  /** A command line, for the shell. */
  readonly run: string
  readonly cwd: string
  /** Beside the environment of the process. */
  readonly variables: Readonly<Record<string, string>>
  /** It is ended after so long. */
  readonly withinMillis: number
  readonly signal: AbortSignal
  /** Is told each line that it prints, on either stream. */
  readonly tell: (line: string) => void
}

/** Runs a command of the team's own. Gives how it ended; undefined: it could not be run. Throws where the signal aborts. */
export async function runShell({
  run,
  cwd,
  variables,
  withinMillis,
  signal,
  tell,
}: Shell): Promise<{ readonly exitCode: number | undefined; readonly timedOut: boolean }> {
  const { execa } = await import('execa')
  const child = execa(run, {
    shell: true,
    cwd,
    env: variables,
    timeout: withinMillis,
    cancelSignal: signal,
    stdin: 'ignore',
    all: true,
    reject: false,
    buffer: false,
    // One that ignores the friendly signal is ended after a moment all the same.
    forceKillAfterDelay: 2_000,
  })
  for await (const line of child.iterable({ from: 'all' })) tell(line)
  const { exitCode, timedOut } = await child
  signal.throwIfAborted()
  return { exitCode, timedOut }
}
