import { KvmigError } from '../errors.ts'
import { type CompiledProject, compileProject, type MappingParts } from '../mapping/compiled-project.ts'
import type { Environment, Project } from '../plan/plan.ts'
import type { Source, SourceContext } from '../sources/source.ts'
import type { Ledger } from '../state/ledger.ts'
import type { LedgerOptions } from '../state/postgres-ledger.ts'
import type { OpenOptions } from '../target/connect.ts'
import type { Target } from '../target/target.ts'
import { resolveAddress, resolveOptions } from './address.ts'
import { Budget } from './budget.ts'
import { warnOfClearText } from './clear-text.ts'

/** The parts a session opens stores with; `src/catalog.ts` has them all. */
export interface SessionParts extends MappingParts {
  openSource(address: string, context: SourceContext): Promise<Source>
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
    const { project, parts, variables, signal } = options
    const address = environmentOf(project, options.environment)?.target ?? project.target
    const target = await parts.openTarget(resolveAddress(address, variables), {
      root: project.root,
      signal,
      insecure: address.insecure !== undefined,
    })
    return new Session(options, target)
  }

  source(name: string): Promise<Source> {
    const open = this.#sources.get(name) ?? this.#open(name)
    this.#sources.set(name, open)
    return open
  }

  async #open(name: string): Promise<Source> {
    const { project, parts, variables, environment, signal, perSecond } = this.#options
    const address = environmentOf(project, environment)?.sources.get(name) ?? project.sources.get(name)
    if (!address) throw new KvmigError('SOURCE_UNKNOWN', `There is no source "${name}" in ${project.file}.`)
    const url = resolveAddress(address, variables)
    const warning = warnOfClearText(name, url, address)
    if (warning !== undefined) this.#warnings.push(warning)
    const rate = perSecond ?? project.budget.perSecond
    return parts.openSource(url, {
      root: project.root,
      signal,
      variables,
      options: resolveOptions(address, variables),
      allowance: this.#budget,
      ...(rate === undefined ? {} : { perSecond: rate }),
    })
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
    await Promise.allSettled(sources.flatMap((it) => (it.status === 'fulfilled' ? [it.value.close()] : [])))
    // A count that cannot be mended is too high; that is no reason to fail what was done.
    await this.#budget.close().catch(() => {})
    await this.target.close()
  }
}

function environmentOf(project: Project, name: string | undefined): Environment | undefined {
  if (name === undefined) return undefined
  const found = project.environments.get(name)
  if (found) return found
  const known = [...project.environments.keys()].sort().join(', ') || 'none'
  throw new KvmigError(
    'ENVIRONMENT_UNKNOWN',
    `There is no environment "${name}" in ${project.file}. It names: ${known}.`,
  )
}
