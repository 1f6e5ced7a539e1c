import type { Project } from '../plan/plan.ts'
import type { EntryStore } from './entry-store.ts'
import type { Plans } from './index.ts'
import type { MetricsHandler } from './metrics-handler.ts'
import type { Store } from './record-store.ts'
import type { JsValue } from './values.ts'

export interface ConnectOptions {
  /** The project file, or a project that was loaded already. Default: `migrations.yaml` of the working folder. */
  readonly project?: string | Project
  /** Where addresses and overrides come from. Default: the environment of the process. */
  readonly variables?: Readonly<Record<string, string | undefined>>
  /** A name of the project's environments. */
  readonly environment?: string
  /** What this process is called in `kvmig status`. Default: its host and a random id. */
  readonly instance?: string
  /** Connections to the target at the same time, at most. Default 10; one more is for what goes on in the background. */
  readonly connections?: number
  /** How long one statement, or one command of a source, may take. Default 5000. */
  readonly timeoutMillis?: number
  /** Which share of the reads is compared with the other side while a plan is in B or C, 0 to 1. Default 0.05. */
  readonly shadow?: number
  /** Whom a history of changes names (`audit: true`): asked at every write, so that it may be the user of the request. Default: `instance`. */
  readonly who?: () => string
  /** Plans whose records are taken over from the source when they are read in B, once it has caught up, and Postgres has none yet. Default: none. */
  readonly readThrough?: readonly string[]
}

/** What `kvmig types` wrote of a plan, or of one of its mappings where it has several. */
type Typed<P, M, Part extends string> = P extends keyof Plans
  ? Plans[P] extends { readonly mappings: infer All }
    ? M extends keyof All
      ? PartOf<All[M], Part>
      : Record<string, JsValue>
    : PartOf<Plans[P], Part>
  : Record<string, JsValue>

type PartOf<Rows, Part extends string> = Rows extends { readonly [name in Part]: infer T extends object }
  ? T
  : Record<string, JsValue>

/** Of entries, where one of them is several rows; else of rows. */
export type StoreOf<P, M> =
  EntryOf<P, M> extends {
    readonly key: infer K extends object
    readonly value: infer V
  }
    ? EntryStore<K, V>
    : Store<Typed<P, M, 'row'>, Typed<P, M, 'key'>, Typed<P, M, 'input'>>

type EntryOf<P, M> = P extends keyof Plans
  ? Plans[P] extends { readonly entry: infer E }
    ? E
    : Plans[P] extends { readonly mappings: infer All }
      ? M extends keyof All
        ? All[M] extends { readonly entry: infer E }
          ? E
          : undefined
        : undefined
      : undefined
  : undefined

/** The application's end of the migration. */
export interface Kvmig {
  readonly instance: string
  /**
   * The records of a plan; of one of its mappings, where it has several. Where one thing is several rows (a list, a value with elements inside,
   * several mappings of one entry) it is a store of entries. Throws what makes dual-write impossible for them, by name: a
   * plan does not find out in B that it cannot be written.
   */
  store<P extends string, M extends string = never>(plan: P, mapping?: M): StoreOf<P, M>
  /**
   * The application's client, of ioredis or @upstash/redis, with its commands on keys that a plan claims routed by that plan; all others reach the client as
   * they are. `source`: the name of the source that it is connected to; default: the only one. The client is still the application's to
   * close.
   */
  wrap<C extends object>(client: C, source?: string): C
  /** What this instance measured, for Prometheus to scrape. */
  metrics(): Promise<string>
  /** The same as an answer to a scrape, for `node:http`, Express, and servers in the way of fetch. */
  metricsHandler(): MetricsHandler
  /** Finishes what goes on in the background, says good-bye to the fleet, and closes the stores. */
  close(): Promise<void>
}
