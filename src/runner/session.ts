import { KvmigError } from '../errors.ts'
import { answering } from '../mapping/answering.ts'
import { type CompiledProject, compileProject, type MappingParts } from '../mapping/compiled-project.ts'
import type { Project, StoreAddress } from '../plan/plan.ts'
import type { LiveContext, LiveStore } from '../sources/live-store.ts'
import type { Source, SourceContext } from '../sources/source.ts'
import type { Ledger } from '../state/ledger.ts'
import type { LedgerOptions } from '../state/postgres-ledger.ts'
import type { OpenOptions } from '../target/connect.ts'
import type { Target } from '../target/target.ts'
import { resolveAddress, resolveOptions } from './address.ts'
import { Budget } from './budget.ts'
import { warnOfClearText } from './clear-text.ts'
import { environmentOf } from './environment.ts'

/** The parts a session opens stores with; `src/catalog.ts` has them all. */
export interface SessionParts extends MappingParts {
  openSource(address: string, context: SourceContext): Promise<Source>
  /** Undefined: a store of this kind cannot take part in dual-write. */
  openLive?(address: string, context: LiveContext): Promise<LiveStore | undefined>
  /** Can a store at such an address take part in dual-write? Opens nothing. Absent: who knows. */
  canBeLive?(address: string): boolean
  /** Is it a file that holds what was there at one instant? Absent: no. */
  isBackup?(address: string): boolean
  /** Does it bill by the command? */
  bills?(address: string): boolean
  openTarget(address: string, options: OpenOptions): Promise<Target>
  createLedger(target: Target, options?: LedgerOptions): Ledger
}

export interface SessionOptions {
  readonly project: Project
  readonly parts: SessionParts
  /** Environment variables that addresses may name. */
  readonly variables: Readonly<Record<string, string | undefined>>
  /** `--env NAME`. */
  readonly environment?: string | undefined
  readonly signal: AbortSignal
  /** Commands a second for each source; overrides the project's budget. */
  readonly perSecond?: number | undefined
  /** Hears that a server is being waited for: a sentence. */
  readonly waiting?: ((sentence: string) => void) | undefined
  /** How long a lease lasts without being renewed. */
  readonly leaseMillis?: number | undefined
}

/** The open stores of one run. Sources are opened when first asked for; `close` closes whatever was opened. */
export class Session {
  readonly project: Project
  readonly compiled: CompiledProject
  readonly target: Target
  readonly ledger: Ledger
  readonly signal: AbortSignal
  readonly #options: SessionOptions
  readonly #sources = new Map<string, Promise<Source>>()
  readonly #lives = new Map<string, Promise<LiveStore>>()
  readonly #warnings: string[] = []
  readonly #budget: Budget

  private constructor(options: SessionOptions, target: Target) {
    this.#options = options
    this.project = options.project
    this.compiled = compileProject(options.project, options.parts)
    this.target = target
    const { leaseMillis } = options
    this.ledger = options.parts.createLedger(target, leaseMillis === undefined ? {} : { leaseMillis })
    this.#budget = new Budget(options.project.budget, this.ledger)
    this.signal = options.signal
  }

  static async open(options: SessionOptions): Promise<Session> {
    const { project, parts, variables, signal, waiting } = options
    const address = environmentOf(project, options.environment)?.target ?? project.target
    const target = await parts.openTarget(resolveAddress(address, variables), {
      root: project.root,
      signal,
      insecure: address.insecure !== undefined,
      patientLater: true,
      ...(waiting ? { waiting } : {}),
    })
    return new Session(options, target)
  }

  source(name: string): Promise<Source> {
    const open = this.#sources.get(name) ?? this.#open(name)
    this.#sources.set(name, open)
    return open
  }

  /** The same store, to write to by the protocol of dual-write. Throws LIVE_NONE where it cannot take part. */
  live(name: string): Promise<LiveStore> {
    const open = this.#lives.get(name) ?? this.#openLive(name)
    this.#lives.set(name, open)
    return open
  }

  /** Commands that sources were asked this month. */
  spent(): Promise<number> {
    return this.#budget.used()
  }

  /** Does the store bill by the command? */
  bills(name: string): boolean {
    return this.#options.parts.bills?.(this.#address(name).url) ?? false
  }

  /** Can it? Opens nothing; where its address is not known here, nobody can tell. */
  canBeLive(name: string): boolean | undefined {
    try {
      return this.#options.parts.canBeLive?.(this.#address(name).url)
    } catch (error) {
      if (error instanceof KvmigError) return undefined
      throw error
    }
  }

  /** Is it a backup, which no application writes to any more? */
  isBackup(name: string): boolean {
    return this.#options.parts.isBackup?.(this.#address(name).url) ?? false
  }

  async #openLive(name: string): Promise<LiveStore> {
    const { project, parts, signal, variables } = this.#options
    const { address, url } = this.#address(name)
    const live = await parts.openLive?.(url, {
      root: project.root,
      signal,
      variables,
      options: resolveOptions(address, variables),
      allowance: this.#budget,
    })
    if (live) return live
    const { label } = await this.source(name)
    throw new KvmigError('LIVE_NONE', `${label} cannot take part in dual-write: it is only read.`, {
      hint: 'Phase A works with it; for the phases after it the source has to be a Redis, an Upstash, or a Replit database.',
    })
  }

  #address(name: string): { readonly address: StoreAddress; readonly url: string } {
    const { project, variables, environment } = this.#options
    const address = environmentOf(project, environment)?.sources.get(name) ?? project.sources.get(name)
    if (!address) throw new KvmigError('SOURCE_UNKNOWN', `There is no source "${name}" in ${project.file}.`)
    return { address, url: resolveAddress(address, variables) }
  }

  async #open(name: string): Promise<Source> {
    const { project, parts, variables, signal, perSecond } = this.#options
    const { address, url } = this.#address(name)
    const warning = warnOfClearText(name, url, address)
    if (warning !== undefined) this.#warnings.push(warning)
    const rate = perSecond ?? project.budget.perSecond
    const source = await parts.openSource(url, {
      root: project.root,
      signal,
      variables,
      options: resolveOptions(address, variables),
      allowance: this.#budget,
      ...(rate === undefined ? {} : { perSecond: rate }),
    })
    this.#warnings.push(...(source.warnings ?? []))
    return answering(source, this.compiled.router(name), Date.now)
  }

  /** The environment that addresses and places may name. */
  get variables(): Readonly<Record<string, string | undefined>> {
    return this.#options.variables
  }

  /** What the variables in addresses hold: what no output may show. */
  secrets(): readonly string[] {
    const { project, variables } = this.#options
    const environments = [...project.environments.values()]
    const addresses = [
      project.target,
      ...project.sources.values(),
      ...environments.flatMap((it) => [...(it.target ? [it.target] : []), ...it.sources.values()]),
    ]
    const names = addresses.flatMap(({ url }) =>
      [...url.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)/g)].map((it) => it[1]!),
    )
    return names.flatMap((it) => variables[it] ?? [])
  }

  /** A text of a plan with `${NAME}` replaced, as in addresses. Throws ENV_MISSING. */
  resolve(url: string, at: StoreAddress['at']): string {
    return resolveAddress({ url, at }, this.#options.variables)
  }

  /** Source commands sent so far, all sources together. */
  async commands(): Promise<number> {
    // One that could not be opened was asked nothing; why not is told by the step that wanted it.
    const sources = await Promise.allSettled(this.#sources.values())
    return sources.reduce((sum, it) => sum + (it.status === 'fulfilled' ? it.value.commands() : 0), 0)
  }

  /** What is to be said of the connections that were opened: sentences, without addresses or secrets. */
  get warnings(): readonly string[] {
    return [...this.target.warnings, ...this.#warnings]
  }

  async close(): Promise<void> {
    const sources = await Promise.allSettled(this.#sources.values())
    const lives = await Promise.allSettled(this.#lives.values())
    await Promise.allSettled(
      [...sources, ...lives].flatMap((it) => (it.status === 'fulfilled' ? [it.value.close()] : [])),
    )
    // A count that cannot be mended is too high; that is no reason to fail what was done.
    await this.#budget.close().catch(() => {})
    await this.target.close()
  }
}
