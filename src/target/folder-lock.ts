import { once } from 'node:events'
import { closeSync, constants, openSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { TargetError } from '../errors.ts'

/**
 * Holds a folder for this process, by something that the operating system frees when the process ends, however it ends: an embedded
 * Postgres does not notice a second one on the same files, and both lose data. Gives what lets go of it. Throws PGLITE_LOCKED.
 */
export async function lockFolder(folder: string): Promise<() => void> {
  const { dev, ino } = statSync(folder, { bigint: true })
  // By identity, not by path: links and mounts lead to the same files.
  const name = `kvmig-pglite-${dev}-${ino}`
  switch (process.platform) {
    case 'linux':
      // An abstract socket: a name without a file.
      return lockName(`\0${name}`, folder)
    case 'win32':
      return lockName(`\\\\.\\pipe\\${name}`, folder)
    default:
      return lockFile(`${folder}.lock`, folder)
  }
}

async function lockName(name: string, folder: string): Promise<() => void> {
  const server = createServer((socket) => socket.destroy())
  server.listen(name)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw held(folder, cause, 'EADDRINUSE')
  }
  server.unref()
  return () => server.close()
}

// On BSD and macOS a file can be locked by opening it.
function lockFile(path: string, folder: string): () => void {
  const exclusive = 0x20
  try {
    const file = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NONBLOCK | exclusive)
    return () => closeSync(file)
  } catch (cause) {
    throw held(folder, cause, 'EAGAIN')
  }
}

function held(folder: string, cause: unknown, code: string): TargetError {
  if (cause instanceof Error && 'code' in cause && cause.code === code) {
    return new TargetError('PGLITE_LOCKED', `Another process has the embedded Postgres in ${folder} open.`, {
      hint: 'Wait until it has ended, or end it: two at a time would lose data.',
    })
  }
  return new TargetError('PGLITE_OPEN', `The folder ${folder} cannot be locked.`, { cause })
}
