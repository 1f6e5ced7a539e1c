import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { printable, printableSentence } from '../../src/printable.ts'
import { columns, PLAIN, right } from '../../src/report/layout.ts'
import { bytes, counted, countsText, duration, listed, number } from '../../src/report/wording.ts'

describe('printable', () => {
  test.each([
    ['user:1', 'user:1'],
    ['größe 大 👍', 'größe 大 👍'],
    ['back\\slash', 'back\\slash'],
    ['two\nlines\r\tand a tab', 'two\\nlines\\r\\tand a tab'],
    ['\u001b[31mred\u0007', '\\u001b[31mred\\u0007'],
    ['\u0000\u007f\u009b', '\\u0000\\u007f\\u009b'],
    ['abc\u202ecba\u2066', 'abc\\u202ecba\\u2066'],
    ['zero\u200bwidth\ufeff', 'zero\\u200bwidth\\ufeff'],
    ['no\u00a0break\u2028', 'no\\u00a0break\\u2028'],
    ['tag\u{e0041}', 'tag\\u{e0041}'],
    ['lone\ud800', 'lone\\ud800'],
  ])('shows %j as %j', (raw, shown) => {
    expect(printable(raw)).toBe(shown)
  })

  test('leaves out the middle of what is long', () => {
    expect(printable('abcdefghijklmnopqrstuvwxyz', 12)).toBe('abcdefgh…xyz')
    expect([...printable('👍'.repeat(500))]).toHaveLength(120)
    expect(printableSentence('x'.repeat(500))).toHaveLength(500)
  })

  test('shows nothing that a terminal obeys, and changes nothing a second time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (raw) => {
        const shown = printable(raw)
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
        expect(printable(shown)).toBe(shown)
      }),
    )
  })
})

describe('columns', () => {
  test('are as wide as their widest cell, by character; the last one takes what it needs', () => {
    const rows = [
      ['a', right('1'), 'x'],
      ['größe', right('1,000'), 'a longer last cell'],
      ['👍', right(''), ''],
    ]
    expect(columns(rows, PLAIN)).toEqual(['  a          1  x', '  größe  1,000  a longer last cell', '  👍'])
  })

  test('show nothing raw, whatever is in a cell', () => {
    expect(columns([['a\nb', { text: '\u001b[2J', whole: true }]], PLAIN)).toEqual(['  a\\nb  \\u001b[2J'])
  })
})

describe('wording', () => {
  test.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [12345678, '12,345,678'],
  ])('writes the number %d as %s', (value, shown) => {
    expect(number(value)).toBe(shown)
  })

  test.each([
    [0, '0 ms'],
    [31, '31 ms'],
    [400, '0.4 s'],
    [9949, '9.9 s'],
    [12_400, '12 s'],
    [59_400, '59 s'],
    [59_600, '1 min'],
    [200_000, '3 min 20 s'],
    [3_840_000, '1 h 4 min'],
  ])('writes %d ms as %s', (millis, shown) => {
    expect(duration(millis)).toBe(shown)
  })

  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1234, '1.2 kB'],
    [9_960, '10 kB'],
    [999_600, '1.0 MB'],
    [34_000_000, '34 MB'],
  ])('writes %d bytes as %s', (value, shown) => {
    expect(bytes(value)).toBe(shown)
  })

  test('counts, lists and orders', () => {
    expect([counted(1, 'key'), counted(2, 'key'), counted(0, 'entry', 'entries')]).toEqual([
      '1 key',
      '2 keys',
      '0 entries',
    ])
    expect([listed([]), listed(['a']), listed(['a', 'b']), listed(['a', 'b', 'c'])]).toEqual([
      '',
      'a',
      'a and b',
      'a, b and c',
    ])
    expect(
      countsText({ zebra: 1, rejected: 2, inserted: 998, records: 1000, left_over: 3, updated: 0 }),
    ).toBe('1,000 records, 998 inserted, 2 rejected, 3 left over, 1 zebra')
  })
})
