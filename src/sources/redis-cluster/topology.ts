import { createHash } from 'node:crypto'
import { SLOTS } from './slot.ts'

export interface Master {
  /** Forty hexadecimal digits; a node keeps its own for life. */
  readonly id: string
  readonly host: string
  readonly port: number
}

/** Who serves what, as one node of a cluster sees it. */
export interface Topology {
  /** By id. */
  readonly masters: readonly Master[]
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
  const masters: Master[] = []
  const owners = new Array<string | undefined>(SLOTS).fill(undefined)
  const moving = new Set<number>()
  for (const line of text.split('\n')) {
    const [id, address, flags = '', , , , , , ...slots] = line.trim().split(' ')
    if (id === undefined || address === undefined || !flags.split(',').includes('master')) continue
    if (slots.length === 0) continue
    const [, ip = '', port = '', name] = /^(.*):(\d+)@\d+(?:,([^,]*))?/.exec(address) ?? []
    masters.push({ id, host: name || ip.replace(/^\[(.*)\]$/, '$1') || host, port: Number(port) })
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
  return { masters: masters.sort((a, b) => (a.id < b.id ? -1 : 1)), owners, moving }
}

/** Slots that are served by another master in one than in the other. */
export const movedBetween = (before: Topology, now: Topology): number[] =>
  before.owners.flatMap((id, slot) => (id === now.owners[slot] ? [] : [slot]))

/** The same for the same masters with the same slots. */
export const digestOf = ({ owners }: Topology): string =>
  createHash('sha256').update(owners.join(',')).digest('hex').slice(0, 24)
