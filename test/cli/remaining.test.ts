import { expect, test } from 'vitest'
import { Remaining } from '../../src/cli/remaining.ts'

/** What is said after these times (seconds) and shares. */
function after(...told: readonly (readonly [seconds: number, reached: number | undefined])[]): string {
  const remaining = new Remaining()
  for (const [seconds, reached] of told) remaining.tell(reached, seconds * 1000)
  return remaining.words()
}

test.each<[string, string, readonly (readonly [number, number | undefined])[]]>([
  [
    'nothing, where nobody knows how far it is',
    '',
    [
      [0, undefined],
      [60, undefined],
    ],
  ],
  [
    'only how far it is, as long as it has just begun',
    '1%',
    [
      [0, 0],
      [4, 0.019],
    ],
  ],
  [
    'how long the rest takes at the pace so far',
    '25%, about 3 min left',
    [
      [0, 0],
      [60, 0.25],
    ],
  ],
  [
    'what is left by what this run did, not by what one before it did',
    '75%, about 30 s left',
    [
      [0, 0.5],
      [30, 0.75],
    ],
  ],
  [
    'more when it becomes slower',
    '50%, about 10 min left',
    [
      [0, 0],
      [60, 0.4],
      [600, 0.5],
    ],
  ],
  [
    'anew, when the scan began anew',
    '10%, about 9 min left',
    [
      [0, 0],
      [100, 0.9],
      [110, 0],
      [170, 0.1],
    ],
  ],
  [
    'hours without a pretence of minutes',
    '10%, about 9 h left',
    [
      [0, 0],
      [3600, 0.1],
    ],
  ],
  [
    'no more than that at the end',
    '100%',
    [
      [0, 0],
      [60, 1],
    ],
  ],
])('says %s', (_, words, told) => {
  expect(after(...told)).toBe(words)
})
