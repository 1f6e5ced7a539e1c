import { type ChildProcess, spawn } from 'node:child_process'

export interface CommandLine {
  /** For the shell. */
  readonly run: string
  readonly cwd: string
  /** Beside the environment of the process. */
  readonly variables: Readonly<Record<string, string>>
  /** It is ended after so long. */
  readonly withinMillis: number
  readonly signal: AbortSignal
  /** Is given what it prints, in pieces as they come. */
  readonly hear: (text: string, from: 'stdout' | 'stderr') => void
}

/** No exit code: it could not be run, was ended by a signal, or did not end in time. */
export interface CommandEnded {
  readonly exitCode: number | undefined
  readonly timedOut: boolean
}

/**
 * Runs a command line in a process group of its own, and waits until it and whatever holds its output have ended.
 * Out of time or aborted, the whole group is ended, since a shell that is killed leaves what it started behind.
 * Throws where the signal aborts.
 */
export async function runInGroup(line: CommandLine): Promise<CommandEnded> {
  const { run, cwd, variables, withinMillis, signal, hear } = line
  signal.throwIfAborted()
  const child = spawn(run, {
    shell: true,
    cwd,
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: HAS_GROUPS,
    windowsHide: true,
  })
  child.stdout.setEncoding('utf8').on('data', (text: string) => hear(text, 'stdout'))
  child.stderr.setEncoding('utf8').on('data', (text: string) => hear(text, 'stderr'))

  let timedOut = false
  let force: NodeJS.Timeout | undefined
  const forceNow = () => {
    kill(child, 'SIGKILL')
    // One that has left the group may hold the pipes still.
    child.stdout.destroy()
    child.stderr.destroy()
  }
  const end = () => {
    kill(child, 'SIGTERM')
    force ??= setTimeout(forceNow, GRACE_MILLIS)
  }
  const timer = setTimeout(
    () => {
      timedOut = true
      end()
    },
    Math.min(withinMillis, LONGEST_TIMER),
  )
  signal.addEventListener('abort', end)
  // A group of its own does not hear what ends this process.
  process.on('exit', forceNow)
  try {
    const exitCode = await new Promise<number | undefined>((resolve) => {
      child.once('error', () => resolve(undefined))
      child.once('close', (code) => resolve(code ?? undefined))
    })
    if (force !== undefined) forceNow()
    signal.throwIfAborted()
    return { exitCode: timedOut ? undefined : exitCode, timedOut }
  } finally {
    clearTimeout(timer)
    clearTimeout(force)
    signal.removeEventListener('abort', end)
    process.off('exit', forceNow)
  }
}

/** What is asked to end has so long to do it. */
const GRACE_MILLIS = 2_000
/** A longer timer of Node's fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1
const HAS_GROUPS = process.platform !== 'win32'

function kill(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    if (HAS_GROUPS) process.kill(-child.pid, name)
    else child.kill(name)
  } catch {
    // Nobody is left in it.
  }
}
