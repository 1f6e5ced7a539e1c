import type { Place } from '../state/touches.ts'
import type { Held } from './commands/content.ts'
import { elementsOf } from './elements.ts'
import type { AnyKind, Claimed } from './key-claims.ts'
import type { Modification } from './record-write.ts'

type Records = Modification['records']

/** The places that commands are about, each once. */
export class Places {
  readonly #places = new Map<string, Records[number]>()
  readonly #whole = new Set<string>()

  get list(): Records {
    return [...this.#places.values()]
  }

  add(kind: AnyKind, place: Place): void {
    const name = `${hex(place.key)} ${place.part}`
    if (!this.#places.has(name)) this.#places.set(name, { kind, place })
  }

  /** All elements of this key are among them, as far as they were known. */
  isWhole = (key: Buffer): boolean => this.#whole.has(hex(key))
  markWhole(key: Buffer): void {
    this.#whole.add(hex(key))
  }
}

/** Elements that keys have after the commands, and whose records are not among these. */
export function missingOf(
  claimed: ReadonlyMap<string, Claimed>,
  records: Records,
  held: ReadonlyMap<string, Held>,
): Records {
  const known = new Set(records.map(({ place }) => `${hex(place.key)} ${place.part}`))
  return [...claimed].flatMap(([name, { key, kind }]) => {
    if (kind.element === 'key') return []
    return elementsOf(held.get(name)).flatMap((it) => {
      const place = { key, part: partOf(kind, it) }
      return known.has(`${name} ${place.part}`) ? [] : [{ kind, place }]
    })
  })
}

/** The part that an element is. */
export const partOf = ({ element }: AnyKind, name: Buffer): string => `${element}:${name.toString()}`

/** A key as the name of something. */
export const hex = (key: Buffer): string => key.toString('hex')
