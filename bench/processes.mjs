// Runs a command to its end and says what it cost: wall time, and of itself and of the servers it kept busy CPU and peak memory (Linux).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

/**
 * `servers`: names and process ids. `until`: what stderr says when that is done of which the CPU is wanted; otherwise it is that of all.
 * Gives `{ seconds, stdout, cpu, cpuOfAll, memoryMb }`, the last three by name of process (`client` is the command's), in seconds and megabytes.
 */
export async function run(program, args, { servers = {}, until, ...settings } = {}) {
  for (const pid of Object.values(servers)) forgetPeak(pid)
  const before = cpuOfEach(servers)
  const began = performance.now()
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...settings })
  let stdout = ''
  let stderr = ''
  let cpu
  const memoryMb = Object.fromEntries(['client', ...Object.keys(servers)].map((it) => [it, 0]))
  let client = 0
  child.stdout.on('data', (it) => (stdout += it))
  child.stderr.on('data', (it) => {
    stderr += it
    if (until && !cpu && until.test(stderr))
      cpu = { client: cpuOf(child.pid), ...since(before, cpuOfEach(servers)) }
  })
  const look = setInterval(() => {
    memoryMb.client = Math.max(memoryMb.client, peakOf(child.pid))
    client = Math.max(client, cpuOf(child.pid))
  }, 20)
  const lookAtServers = setInterval(() => {
    for (const [name, pid] of Object.entries(servers))
      memoryMb[name] = Math.max(memoryMb[name], memoryOf(pid))
  }, 200)
  const [code] = await once(child, 'close')
  clearInterval(look)
  clearInterval(lookAtServers)
  const seconds = (performance.now() - began) / 1000
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${stderr.slice(-2000)}`)
  for (const [name, pid] of Object.entries(servers)) memoryMb[name] = Math.max(memoryMb[name], memoryOf(pid))
  const cpuToEnd = { client, ...since(before, cpuOfEach(servers)) }
  return { seconds, stdout, memoryMb, cpu: cpu ?? cpuToEnd, cpuOfAll: cpuToEnd }
}

const cpuOfEach = (servers) =>
  Object.fromEntries(Object.entries(servers).map(([name, pid]) => [name, cpuOf(pid)]))

const since = (before, now) =>
  Object.fromEntries(Object.entries(now).map(([name, it]) => [name, it - before[name]]))

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

/** Megabytes that a process has taken at its peak. */
const peakOf = (pid) => Number(/VmHWM:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024

/** Megabytes of a process at its peak; of one with children what it and they hold now, without what they share. */
function memoryOf(pid) {
  const family = children(pid)
  if (family.length === 0) return peakOf(pid)
  const own = (it) => Number(/RssAnon:\s+(\d+)/.exec(read(`/proc/${it}/status`))?.[1] ?? 0) / 1024
  return [pid, ...family].reduce((sum, it) => sum + own(it), 0)
}

/** Peaks before now are no news. */
function forgetPeak(pid) {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  } catch {
    // Another user's process keeps the peak of all lanes before.
  }
}

// Fields 14 to 17 of /proc/PID/stat; the second is the command in parentheses, which may hold anything.
function times(pid) {
  const stat = read(`/proc/${pid}/stat`)
  if (stat === '') return undefined
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number)
  return { ppid: Number(fields[1]), utime, stime, cutime, cstime }
}

function children(pid) {
  const file = `/proc/${pid}/task/${pid}/children`
  try {
    return readFileSync(file, 'utf8').split(' ').filter(Boolean)
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
