/**
 * Writes a canonical decimal (`-12.50`, no exponent; also `NaN`, `Infinity`, `-Infinity`) as Postgres's numeric: groups of four digits
 * around the point, the position of the first one, the sign, and the number of digits to show. Gives the offset behind it; the buffer
 * has room for twice the text and 16 bytes. `scale`: the column's digits after the point; those of the text, where it has none.
 */
export function writeNumeric(
  buffer: Buffer,
  offset: number,
  text: string,
  scale: number | undefined,
): number {
  const special = SPECIAL[text]
  if (special !== undefined) {
    buffer.fill(0, offset, offset + 8)
    buffer.writeUInt32BE(special, offset + 4)
    return offset + 8
  }
  const negative = text.charCodeAt(0) === 0x2d
  const start = negative ? 1 : 0
  const point = text.indexOf('.')
  const wholeEnd = point < 0 ? text.length : point
  const fraction = point < 0 ? 0 : text.length - point - 1
  const shown = Math.max(scale ?? fraction, 0)
  // Digits by their place: group g holds the places 4g … 4g+3, counted from the point to the left.
  const first = Math.ceil((wholeEnd - start) / 4) - 1
  const last = -Math.ceil(fraction / 4)
  let at = offset + 8
  let weight = 0
  let groups = 0
  let written = 0
  for (let group = first; group >= last; group--) {
    let value = 0
    for (let place = group * 4 + 3; place >= group * 4; place--) {
      const index = place >= 0 ? wholeEnd - 1 - place : wholeEnd - place
      const digit = index < start || index >= text.length ? 0 : text.charCodeAt(index) - 0x30
      value = value * 10 + digit
    }
    if (groups === 0) {
      if (value === 0) continue
      weight = group
    }
    groups++
    at = buffer.writeUInt16BE(value, at)
    // Groups of zeros at the end are not stored.
    if (value !== 0) written = groups
  }
  buffer.writeUInt16BE(written, offset)
  buffer.writeInt16BE(weight, offset + 2)
  buffer.writeUInt16BE(negative && written > 0 ? NEGATIVE : 0, offset + 4)
  buffer.writeUInt16BE(shown, offset + 6)
  return offset + 8 + written * 2
}

const NEGATIVE = 0x4000
// Sign and digits to show; that infinities show 32 is an accident of Postgres's short header.
const SPECIAL: Readonly<Record<string, number>> = {
  NaN: 0xc000_0000,
  Infinity: 0xd000_0020,
  '-Infinity': 0xf000_0020,
}

/** A numeric in binary as a canonical decimal: what `writeNumeric` was given. */
export function readNumeric(buffer: Buffer): string {
  const groups = buffer.readInt16BE(0)
  const weight = buffer.readInt16BE(2)
  const sign = buffer.readUInt16BE(4)
  const shown = buffer.readUInt16BE(6)
  if (sign === 0xc000) return 'NaN'
  if (sign === 0xd000) return 'Infinity'
  if (sign === 0xf000) return '-Infinity'
  const group = (place: number): string => {
    const index = weight - place
    return String(index >= 0 && index < groups ? buffer.readUInt16BE(8 + index * 2) : 0).padStart(4, '0')
  }
  let whole = ''
  for (let place = Math.max(weight, 0); place >= 0; place--) whole += group(place)
  let fraction = ''
  for (let place = -1; fraction.length < shown; place--) fraction += group(place)
  const digits = `${whole.replace(/^0+(?=\d)/, '')}${shown > 0 ? `.${fraction.slice(0, shown)}` : ''}`
  return sign === NEGATIVE ? `-${digits}` : digits
}
