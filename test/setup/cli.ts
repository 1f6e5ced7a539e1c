import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { VERSION } from '../../src/version.ts'
import { runCli } from './run-cli.ts'

const MAIN = resolve(import.meta.dirname, '../../dist/cli/main.js')

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves when stderr has said this. */
  says(text: string): Promise<void>
}

/**
 * What a run of the program says and how it ends. It runs in this process, which spares the start of another; only a run that is to be
 * killed (`KVMIG_FAILPOINT`) gets a process of its own.
 */
export async function ran(
  cwd: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  if (env.KVMIG_FAILPOINT !== undefined) return kvmig(cwd, args, env).ended
  const options = { cwd, env: environment(env), now: Date.now, version: VERSION }
  return { ...(await runCli(args, options)), signal: null }
}

/** The built program in a process of its own, without a terminal. */
export function kvmig(
  cwd: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Running {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd,
    env: environment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (it) => {
    stdout += it
  })
  child.stderr.on('data', (it) => {
    stderr += it
  })
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, stdout, stderr }))
  const says = async (text: string): Promise<void> => {
    while (!stderr.includes(text)) {
      await Promise.race([
        once(child.stderr, 'data'),
        ended.then(() => Promise.reject(new Error(`never said "${text}": ${stderr}`))),
      ])
    }
  }
  return { child, ended, says }
}

function environment(more: Readonly<Record<string, string>>): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env
  return { PATH, HOME, TZ: 'America/New_York', NO_COLOR: '1', ...more }
}

/** A project folder made of these files, gone after `remove`. */
export function projectFolder(files: Readonly<Record<string, string>>): {
  readonly path: string
  remove(): void
} {
  const path = mkdtempSync(join(tmpdir(), 'kvmig project-'))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
