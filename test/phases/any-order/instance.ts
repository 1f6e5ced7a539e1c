import { AsyncLocalStorage } from 'node:async_hooks'
import { Redis } from 'ioredis'
import { connect, type Internals } from '../../../src/runtime/connect.ts'
import type { ConnectOptions, Kvmig } from '../../../src/runtime/kvmig.ts'
import type { Probe } from '../../../src/runtime/walk.ts'
import { type FaultyProxy, startProxy } from '../../setup/proxy.ts'

/** Where an instance can be killed, or hang: before and after each step of a write. */
export type Point = Parameters<Probe>[0]

/** Whose clock is wrong, and by how many milliseconds: `Date` of whatever an instance does, and of nobody else. */
const wrong = new AsyncLocalStorage<{ by: number }>()
const now = Date.now
Date.now = () => now() + (wrong.getStore()?.by ?? 0)

/** So long an instance hangs at most. */
const FROZEN_MILLIS = 700

/**
 * An instance of the application, with connections of its own that can be cut, a clock of its own that can be wrong, and a place in a write
 * where it is killed or hangs. Killed means: nothing that it still does reaches any store.
 */
export class Instance {
  readonly id: string
  readonly #options: ConnectOptions
  readonly #internals: Internals
  readonly #servers: { readonly sql: string; readonly kv: string }
  readonly #clock = { by: 0 }
  #sql!: FaultyProxy
  #kv!: FaultyProxy
  #client!: Redis
  #kvmig: Kvmig | undefined
  #redis!: Redis
  #at: { readonly point: Point; readonly what: 'kill' | 'freeze' } | undefined
  readonly #frozen: (() => void)[] = []
  readonly #gone: Promise<unknown>[] = []

  constructor(
    id: string,
    servers: { readonly sql: string; readonly kv: string },
    options: ConnectOptions,
    internals: Internals,
  ) {
    this.id = id
    this.#servers = servers
    this.#options = options
    this.#internals = internals
  }

  get isUp(): boolean {
    return this.#kvmig !== undefined
  }

  get kvmig(): Kvmig {
    if (!this.#kvmig) throw new Error(`${this.id} is down`)
    return this.#kvmig
  }

  /** The application's client, wrapped. */
  get redis(): Redis {
    return this.#redis
  }

  async start(): Promise<void> {
    this.#at = undefined
    this.#sql = await startProxy(portOf(this.#servers.sql))
    this.#kv = await startProxy(portOf(this.#servers.kv))
    const life = { isOver: false }
    this.#life = life
    const probe: Probe = async (point) => {
      // Whoever was killed does not go on, wherever it was.
      if (life.isOver) await new Promise(() => {})
      if (this.#at?.point !== point) return
      const { what } = this.#at
      this.#at = undefined
      if (what === 'kill') {
        this.#die()
        await new Promise(() => {})
      }
      await new Promise<void>((resolve) => {
        this.#frozen.push(resolve)
        setTimeout(resolve, FROZEN_MILLIS)
      })
    }
    const addresses = {
      DATABASE_URL: through(this.#servers.sql, this.#sql),
      KV_URL: through(this.#servers.kv, this.#kv),
    }
    await this.#own(async () => {
      this.#kvmig = await connect(
        { ...this.#options, instance: this.id, variables: { ...this.#options.variables, ...addresses } },
        { ...this.#internals, probe },
      )
      this.#client = new Redis(addresses.KV_URL, { maxRetriesPerRequest: 1, retryStrategy: () => 20 })
      this.#client.on('error', () => {})
      this.#redis = this.#kvmig.wrap(this.#client)
    })
  }

  /** Ends it as a deploy does: it finishes what it is at. */
  async stop(): Promise<void> {
    this.thaw()
    const kvmig = this.#kvmig
    this.#kvmig = undefined
    this.#client.disconnect()
    await this.#own(() => kvmig?.close())
    await Promise.all([this.#sql.close(), this.#kv.close()])
  }

  /** Does something as this instance, by its clock. Gives nothing if it was killed meanwhile. */
  async does<T>(work: (it: Instance) => Promise<T>): Promise<T | 'killed'> {
    const death = this.#death
    return Promise.race([this.#own(() => work(this)), death.then(() => 'killed' as const)])
  }

  /** Kills it now, or freezes it, when a write comes to this place the next time. */
  arm(point: Point, what: 'kill' | 'freeze'): void {
    this.#at = { point, what }
  }

  disarm(): void {
    this.#at = undefined
    this.thaw()
  }

  thaw(): void {
    for (const go of this.#frozen.splice(0)) go()
  }

  kill(): void {
    if (this.isUp) this.#die()
  }

  stepClock(by: number): void {
    this.#clock.by += by
  }

  cut(what: 'sql' | 'kv', bytes: number): void {
    ;(what === 'sql' ? this.#sql : this.#kv).cutAfter(bytes)
  }

  /** Its connections are whole again. */
  mend(): void {
    if (!this.isUp) return
    this.#sql.cutAfter(Number.POSITIVE_INFINITY)
    this.#kv.cutAfter(Number.POSITIVE_INFINITY)
  }

  /** Until nothing of those that were killed is left. */
  async buried(): Promise<void> {
    await Promise.allSettled(this.#gone)
  }

  #life = { isOver: true }
  #dies!: () => void
  #death = new Promise<void>((resolve) => {
    this.#dies = resolve
  })

  #die(): void {
    const [kvmig, sql, kv, client] = [this.#kvmig!, this.#sql, this.#kv, this.#client]
    this.#kvmig = undefined
    this.#life.isOver = true
    for (const proxy of [sql, kv]) {
      proxy.refuse(true)
      proxy.redirect(1)
    }
    // Nothing of it goes on.
    this.#frozen.length = 0
    client.disconnect()
    this.#dies()
    this.#death = new Promise<void>((resolve) => {
      this.#dies = resolve
    })
    this.#gone.push(
      kvmig
        .close()
        .catch(() => {})
        .then(() => Promise.all([sql.close(), kv.close()])),
    )
  }

  #own<T>(work: () => T): T {
    return wrong.run(this.#clock, work)
  }
}

const portOf = (address: string): number => Number(new URL(address).port)
const through = (address: string, { port }: FaultyProxy): string =>
  Object.assign(new URL(address), { port: String(port) }).href
