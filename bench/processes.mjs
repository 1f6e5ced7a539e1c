// Runs a command to its end and says what it cost: wall time, peak memory, and the CPU of itself and of the servers it kept busy (Linux).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'

/** `servers`: names and process ids. Gives `{ seconds, stdout, memoryMb, cpu: { client, … } }`, all in seconds and megabytes. */
export async function run(program, args, { servers = {}, ...settings } = {}) {
  const before = Object.fromEntries(Object.entries(servers).map(([name, pid]) => [name, cpuOf(pid)]))
  const began = performance.now()
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...settings })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (it) => (stdout += it))
  child.stderr.on('data', (it) => (stderr += it))
  let memoryMb = 0
  let client = 0
  const look = setInterval(() => {
    const status = read(`/proc/${child.pid}/status`)
    memoryMb = Math.max(memoryMb, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024)
    client = Math.max(client, cpuOf(child.pid))
  }, 20)
  const [code] = await once(child, 'close')
  clearInterval(look)
  const seconds = (performance.now() - began) / 1000
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${stderr.slice(-2000)}`)
  const spent = Object.entries(servers).map(([name, pid]) => [name, cpuOf(pid) - before[name]])
  return { seconds, stdout, memoryMb, cpu: { client, ...Object.fromEntries(spent) } }
}

/** Seconds of CPU of a process, of its children, and of the children it has outlived (a Postgres has one for each connection). */
function cpuOf(pid) {
  const own = times(pid)
  if (!own) return 0
  let ticks = own.utime + own.stime + own.cutime + own.cstime
  for (const child of children(pid)) {
    const it = times(child)
    if (it) ticks += it.utime + it.stime
  }
  return ticks / TICKS
}

const TICKS = 100

// Fields 14 to 17 of /proc/PID/stat; the second is the command in parentheses, which may hold anything.
function times(pid) {
  const stat = read(`/proc/${pid}/stat`)
  if (stat === '') return undefined
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number)
  return { ppid: Number(fields[1]), utime, stime, cutime, cstime }
}

function children(pid) {
  try {
    return read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean)
  } catch {
    return readdirSync('/proc').filter((it) => /^\d+$/.test(it) && times(it)?.ppid === pid)
  }
}

function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
