/** Slots of a Redis Cluster. */
export const SLOTS = 16_384

/** The slot of a key: CRC16 (XMODEM) of what stands between the first `{` and the next `}`, if that is something, else of all of it. */
export function slotOf(key: Buffer): number {
  const open = key.indexOf(OPEN)
  const close = open === -1 ? -1 : key.indexOf(CLOSE, open + 1)
  return crc16(close > open + 1 ? key.subarray(open + 1, close) : key) % SLOTS
}

/** Keys of one slot together: only those may be asked for in one command, or in one transaction. */
export function bySlot(keys: readonly Buffer[]): Map<number, Buffer[]> {
  const groups = new Map<number, Buffer[]>()
  for (const key of keys) {
    const slot = slotOf(key)
    const group = groups.get(slot)
    if (group) group.push(key)
    else groups.set(slot, [key])
  }
  return groups
}

const OPEN = 123
const CLOSE = 125

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 8
  for (let bit = 0; bit < 8; bit++) value = (value & 0x8000) === 0 ? value << 1 : (value << 1) ^ 0x1021
  return value & 0xffff
})

function crc16(bytes: Buffer): number {
  let crc = 0
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ TABLE[((crc >> 8) ^ byte) & 0xff]!
  return crc
}
