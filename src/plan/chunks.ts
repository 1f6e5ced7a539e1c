import { captureNames, type KeyPart, type KeyPattern } from './key-pattern.ts'
import { patternOf } from './lookup.ts'
import { ParseProblem as Mistake, type ParseProblem, type Problem, parsing } from './problem.ts'

/** Where the further pieces of a value lie: literal text, `key`, captures of the first piece's key, and `i`, which counts from 1. */
export type ChunkKey = readonly ({ readonly text: string } | { readonly hole: string })[]

/** Reads `{key}-{i}`. Offsets of problems count from the beginning of the text. */
export function parseChunks(
  source: string,
  match: KeyPattern,
): { readonly chunks?: ChunkKey; readonly problems: readonly Problem[] } {
  const { value, problems } = parsing(() => read(source, captureNames(match)))
  return value ? { chunks: value, problems } : { problems }
}

function read(source: string, captures: readonly string[]): ChunkKey {
  const parts: ({ text: string } | { hole: string })[] = []
  let end = 0
  for (const found of source.matchAll(/\{\{|\}\}|\{([A-Za-z_]\w*)\}|[{}]/g)) {
    if (found.index > end) parts.push({ text: source.slice(end, found.index) })
    end = found.index + found[0].length
    const [whole, hole] = found
    if (hole === undefined) {
      if (whole.length === 1) throw mistake(found.index, `This "${whole}" stands alone.`)
      parts.push({ text: whole[0]! })
    } else if (hole !== 'i' && hole !== 'key' && !captures.includes(hole))
      throw mistake(found.index, `There is no {${hole}} in the key.`)
    else parts.push({ hole })
  }
  if (end < source.length) parts.push({ text: source.slice(end) })
  if (parts.filter((it) => 'hole' in it && it.hole === 'i').length !== 1)
    throw mistake(0, 'The key of a piece has one {i}, which counts from 1.')
  return parts
}

const mistake = (offset: number, message: string): ParseProblem =>
  new Mistake(
    'KV032',
    offset,
    message,
    "Such as '{key}-{i}', or 'doc:{id}:{i}' with a capture of the pattern.",
  )

/** Keys of pieces as a pattern. `wide`: whatever stands in the holes; else what the first piece's key allows there. */
export function chunkPattern(
  chunks: ChunkKey,
  match: KeyPattern,
  { wide }: { readonly wide: boolean },
): KeyPattern {
  const parts = chunks.flatMap((it): readonly KeyPart[] => {
    if ('text' in it) return [{ kind: 'literal', text: it.text }]
    if (it.hole === 'i') return [{ kind: 'capture', name: '_', type: 'int' }]
    if (wide) return [{ kind: 'capture', name: '_', type: 'rest' }]
    return match.parts
      .filter((part) => it.hole === 'key' || (part.kind === 'capture' && part.name === it.hole))
      .map((part) => (part.kind === 'capture' ? { ...part, name: '_' } : part))
  })
  return patternOf(parts)
}
