#!/usr/bin/env node
import { VERSION } from '../version.ts'
import { runArguments } from './args.ts'
import { describeFailure } from './failure.ts'
import { Interruption, type Io } from './io.ts'

/** argv in, exit code out. The only place that touches the process. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

// With DEBUG=* of somebody else's the client of Redis would print what it sends, its password first.
if (process.env.DEBUG) process.env.DEBUG += ',-ioredis:*'

const stop = new AbortController()
const io: Io = {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  isTerminal: process.stderr.isTTY === true && process.stdin.isTTY === true && !process.env.CI,
  signal: stop.signal,
  now: Date.now,
  loadEnvironment: (file) => process.loadEnvFile(file),
  ask,
}

// Whoever reads our output may go away (`kvmig plan | head`); the work goes on regardless.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

for (const [signal, exitCode] of Object.entries(SIGNALS)) {
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(exitCode)
    process.stderr.write(
      `\nkvmig: ${signal}: stopping as soon as nothing is half done. Once more stops at once.\n`,
    )
    stop.abort(new Interruption(signal, exitCode))
  })
}
process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)

runArguments(process.argv.slice(2), io, VERSION).then(exit, fail)

function fail(error: unknown): void {
  const { text, exitCode } = describeFailure(error, io)
  process.stderr.write(text)
  exit(exitCode)
}

// A pipe may still hold output; process.exit would cut it off.
function exit(code: number): void {
  process.stderr.write('', () => process.stdout.write('', () => process.exit(code)))
}

async function ask(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await lines.question(question, { signal: stop.signal })
  } finally {
    lines.close()
  }
}
