import { createHash } from 'node:crypto'
import { SLOTS } from './slot.ts'

export interface Node {
  /** Forty hexadecimal digits; a node keeps its own for life. */
  readonly id: string
  readonly host: string
  readonly port: number
}

/** Who serves what, as one node of a cluster sees it. */
export interface Topology {
  /** By id. */
  readonly masters: readonly Node[]
  /** Of each master, by its id: those that nobody calls failed, by their ids. */
  readonly replicas: ReadonlyMap<string, readonly Node[]>
  /** Of each slot, the id of its master. */
  readonly owners: readonly (string | undefined)[]
  /** Slots that this node is giving away or taking in: their keys are at two nodes. */
  readonly moving: ReadonlySet<number>
}

/**
 * Reads the answer to CLUSTER NODES: a line a node, `id ip:port@bus[,hostname] flags master ping pong epoch link slot slot …`. A node that does
 * not know its own address has `host`'s.
 */
export function readNodes(text: string, host: string): Topology {
  const masters: Node[] = []
  const replicas = new Map<string, Node[]>()
  const owners = new Array<string | undefined>(SLOTS).fill(undefined)
  const moving = new Set<number>()
  for (const line of text.split('\n')) {
    const [id, address, words = '', master = '', , , , , ...slots] = line.trim().split(' ')
    if (id === undefined || address === undefined) continue
    const flags = words.split(',')
    const [, ip = '', port = '', name] = /^(.*):(\d+)@\d+(?:,([^,]*))?/.exec(address) ?? []
    const node = { id, host: name || ip.replace(/^\[(.*)\]$/, '$1') || host, port: Number(port) }
    if (flags.includes('slave') && !flags.some((it) => UNUSABLE.has(it)))
      replicas.set(master, [...(replicas.get(master) ?? []), node].sort(byId))
    if (!flags.includes('master') || slots.length === 0) continue
    masters.push(node)
    for (const slot of slots) {
      const open = /^\[(\d+)-[<>]-/.exec(slot)?.[1]
      if (open !== undefined) {
        moving.add(Number(open))
        continue
      }
      const [first = 0, last = first] = slot.split('-').map(Number)
      for (let at = first; at <= last; at++) owners[at] = id
    }
  }
  return { masters: masters.sort(byId), replicas, owners, moving }
}

const UNUSABLE: ReadonlySet<string> = new Set(['fail', 'handshake', 'noaddr'])

const byId = (a: Node, b: Node): number => (a.id < b.id ? -1 : 1)

/** Slots that are served by another master in one than in the other. */
export const movedBetween = (before: Topology, now: Topology): number[] =>
  before.owners.flatMap((id, slot) => (id === now.owners[slot] ? [] : [slot]))

/** The same for the same masters with the same slots. */
export const digestOf = ({ owners }: Topology): string =>
  createHash('sha256').update(owners.join(',')).digest('hex').slice(0, 24)
