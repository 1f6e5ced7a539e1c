import type { ChildProcess } from 'node:child_process'

const children = new Map<ChildProcess, NodeJS.Signals>()

/** Ends a server with the process that started it, whatever became of the test that was to stop it. */
export function endsWithTests(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): void {
  if (children.size === 0) {
    process.on('exit', endAll)
    process.on('SIGTERM', exit)
  }
  children.set(child, signal)
  child.once('exit', () => {
    children.delete(child)
    if (children.size > 0) return
    process.off('exit', endAll)
    process.off('SIGTERM', exit)
  })
}

function endAll(): void {
  for (const [child, signal] of children) child.kill(signal)
}

const exit = (): never => process.exit()
