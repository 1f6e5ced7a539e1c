import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { History, type Written } from '../../runtime/history.ts'

interface Told {
  readonly id: string
  readonly do?: 'write' | 'read' | 'count'
  readonly record: string
  readonly value?: string | null
  readonly began?: number
  readonly ended?: number
  readonly failed?: string
  readonly ready?: true
  readonly stopped?: true
}

/** What became of the increments of one counter. */
export interface Counted {
  /** Whose caller heard that they are done. */
  done: number
  /** Whose caller heard nothing, or that nobody knows. */
  unknown: number
}

/** Instances of the application, each in a process of its own, and all that they tell. */
export class Crowd {
  readonly history = new History()
  readonly counters = new Map<string, Counted>()
  /** Calls by how they ended: `done`, or an error's code. */
  readonly ended = new Map<string, number>()
  readonly #environment: Readonly<Record<string, string>>
  readonly #children = new Map<string, ChildProcess>()
  readonly #open = new Map<string, Told>()
  readonly #written = new Map<string, Written>()

  constructor(environment: Readonly<Record<string, string>>) {
    this.#environment = environment
  }

  get names(): readonly string[] {
    return [...this.#children.keys()]
  }

  /** Starts an instance, or the next of its name after it was killed. */
  async start(name: string, seed: number): Promise<void> {
    const child = fork(join(import.meta.dirname, 'app.mjs'), {
      env: { ...process.env, ...this.#environment, INSTANCE: name, SEED: String(seed) },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    })
    let said = ''
    child.stderr!.on('data', (it) => {
      said += it
    })
    this.#children.set(name, child)
    await new Promise<void>((resolve, reject) => {
      child.on('message', (it: Told) => (it.ready ? resolve() : this.#hear(it)))
      child.once('exit', () => reject(new Error(`${name} ended: ${said}`)))
    })
  }

  /** Ends it as a power cut would. */
  async kill(name: string): Promise<void> {
    const child = this.#children.get(name)!
    const gone = once(child, 'close')
    child.kill('SIGKILL')
    await gone
  }

  /** The clock of an instance goes wrong by so many milliseconds. */
  stepClock(name: string, by: number): void {
    this.#children.get(name)!.send({ say: 'clock', by })
  }

  /** Each finishes what it is at. */
  async stop(): Promise<void> {
    await Promise.all(
      [...this.#children.values()].map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return
        const gone = once(child, 'close')
        if (child.connected) child.send({ say: 'stop' })
        await gone
      }),
    )
  }

  #hear(told: Told): void {
    if (told.began !== undefined) {
      this.#open.set(told.id, told)
      if (told.do === 'write')
        this.#written.set(told.id, this.history.begin(told.record, told.value!, told.began))
      if (told.do === 'count') this.#counted(told.record).unknown += 1
      return
    }
    const begun = this.#open.get(told.id)
    if (!begun) return
    this.#open.delete(told.id)
    const how = told.failed ?? 'done'
    this.ended.set(`${begun.do} ${how}`, (this.ended.get(`${begun.do} ${how}`) ?? 0) + 1)
    const isRefused = told.failed === 'WRITE_REFUSED' || told.failed === 'ROLLOUT_COMMAND'
    if (begun.do === 'write') {
      const written = this.#written.get(told.id)!
      if (told.failed === undefined) written.ended = told.ended
      else written.refused = isRefused
    }
    if (begun.do === 'count' && (told.failed === undefined || isRefused)) {
      const counted = this.#counted(begun.record)
      counted.unknown -= 1
      if (told.failed === undefined) counted.done += 1
    }
    if (begun.do === 'read' && told.failed === undefined)
      this.history.saw({ record: begun.record, value: told.value ?? null, began: begun.began! })
  }

  #counted(record: string): Counted {
    const known = this.counters.get(record) ?? { done: 0, unknown: 0 }
    this.counters.set(record, known)
    return known
  }
}
