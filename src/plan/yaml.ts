import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
} from 'yaml'
import type { Diagnostic, Position } from '../diagnostic.ts'
import type { PlanCode } from './codes.ts'
import { belongs, codePoint, explain, FORBIDDEN } from './yaml-explain.ts'
import { sourceOffset } from './yaml-offset.ts'

/** A node of a YAML file: its plain data, and where it and everything in it stands. */
export interface YamlNode {
  readonly kind: 'map' | 'list' | 'scalar'
  /** Plain data. Maps are objects without a prototype; whole numbers beyond 2^53 are bigints. */
  readonly value: unknown
  readonly at: Position
  /** Of a map, in the order of the file. */
  readonly entries: readonly YamlEntry[]
  /** Of a list. */
  readonly items: readonly YamlNode[]
  get(key: string): YamlNode | undefined
  /** A scalar's text; of a number, true, false and null, as it is written. */
  readonly source: string
  /** Where the character at an offset of this scalar's text stands in the file. */
  locate(offset: number): Position
  /** Did a comment cut off this unquoted text? Then the author may have meant the `#` to be part of it. */
  readonly cutByComment: boolean
}

export interface YamlEntry {
  readonly key: string
  /** Of the key. */
  readonly at: Position
  readonly value: YamlNode
}

/**
 * Reads one YAML 1.2 document. What is legal YAML but has no place in a plan (tags, anchors, merge keys, directives, several
 * documents, keys that are not text) is refused, and so is everything the parser merely warns about.
 */
export function readYaml(
  file: string,
  bytes: Uint8Array,
): { readonly root?: YamlNode; readonly diagnostics: readonly Diagnostic[] } {
  const reader = new YamlReader(file)
  const root = reader.read(bytes)
  const { diagnostics } = reader
  return root && diagnostics.length === 0 ? { root, diagnostics } : { diagnostics }
}

const MAX_BYTES = 1_000_000
const MAX_DEPTH = 60
const MAX_REPORTED = 20

class YamlReader {
  readonly diagnostics: Diagnostic[] = []
  readonly #file: string
  readonly #lines = new LineCounter()
  #text = ''

  constructor(file: string) {
    this.#file = file
  }

  read(bytes: Uint8Array): YamlNode | undefined {
    const text = this.#decode(bytes)
    if (text === undefined) return undefined
    this.#text = text
    const document = this.#parse(text)
    if (!document) return undefined
    this.#refuseCharacters(text)
    this.#refuseDirectives(document)
    this.#syntax(document)
    if (this.diagnostics.length > 0) return undefined
    const contents = document.contents
    if (!contents || (isScalar(contents) && contents.value === null)) {
      this.#refuse('KV005', 0, 'The file is empty.', 'It begins with "version: 1".')
      return undefined
    }
    return this.#node(contents, 0, false)
  }

  #decode(bytes: Uint8Array): string | undefined {
    if (bytes.length > MAX_BYTES) {
      this.#refuse('KV008', 0, `The file has ${bytes.length} bytes; a plan has at most ${MAX_BYTES}.`)
      return undefined
    }
    if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
      this.#refuse('KV007', 0, 'The file is UTF-16.', 'Save it as UTF-8.')
      return undefined
    }
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    } catch {
      const upTo = Buffer.from(bytes).toString('utf8').indexOf('\ufffd')
      const before = Buffer.from(bytes).toString('utf8').slice(0, upTo).split('\n')
      const at = { file: this.#file, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
      this.#report('KV007', at, 'The file is not UTF-8.', 'Save it as UTF-8.')
      return undefined
    }
  }

  // intAsBigInt, so that a large number is kept until it is known whether it is too large.
  #parse(text: string): Document.Parsed | undefined {
    try {
      return parseDocument(text, { lineCounter: this.#lines, intAsBigInt: true, prettyErrors: false })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.#refuse('KV008', 0, 'The file is nested too deeply to be read.')
      return undefined
    }
  }

  #refuseCharacters(text: string): void {
    for (const { index, 0: character } of text.matchAll(FORBIDDEN)) {
      this.#refuse(
        'KV007',
        index,
        `The character ${codePoint(character)} has no place in a plan.`,
        'Remove it.',
      )
    }
  }

  #refuseDirectives(document: Document.Parsed): void {
    const directive = /^%.*/m.exec(this.#text)
    const { yaml, tags } = document.directives
    if (directive && (yaml.explicit || Object.keys(tags).length > 1))
      this.#refuse('KV004', directive.index, 'Directives are not part of the language.', 'Remove this line.')
  }

  #syntax({ errors, warnings }: Document.Parsed): void {
    const lines = new Set<number>()
    const end = this.#text.trimEnd().length
    let broken = false
    let isLost = false
    for (const error of [...errors, ...warnings].sort((a, b) => a.pos[0] - b.pos[0])) {
      const { line } = this.#at(error.pos[0])
      const duplicate = error.code === 'DUPLICATE_KEY'
      // What follows a mistake on its line is an echo of it; so are the keys that it left without a name, and what is missing at the end.
      if (lines.has(line) || (broken && (duplicate || error.pos[0] >= end))) continue
      // Once the parser has lost its place, nearly every line is unexpected.
      if (isLost && error.code === 'UNEXPECTED_TOKEN') continue
      isLost ||= error.code === 'UNEXPECTED_TOKEN'
      lines.add(line)
      broken ||= !duplicate
      const { code, message, hint } = explain(error)
      this.#refuse(code, error.pos[0], message, hint)
    }
  }

  #node(node: Node | null, depth: number, escapes: boolean): YamlNode {
    const start = node?.range?.[0] ?? 0
    if (depth > MAX_DEPTH) {
      this.#refuse('KV008', start, `This is nested more than ${MAX_DEPTH} levels deep.`)
      return this.#scalarNode(start, null)
    }
    if (isAlias(node)) this.#refuse('KV003', start, 'Aliases are not part of the language.', belongs('*'))
    else if (node?.anchor) this.#refuse('KV003', start, 'Anchors are not part of the language.', belongs('&'))
    if (node?.tag) this.#refuse('KV004', start, 'Tags are not part of the language.', belongs('!'))
    if (isMap(node)) return this.#map(node.items as Pair<Node, Node | null>[], start, depth, escapes)
    if (isSeq(node)) return this.#list(node.items as Node[], start, depth, escapes)
    return isScalar(node) ? this.#scalar(node, escapes) : this.#scalarNode(start, null)
  }

  #map(pairs: readonly Pair<Node, Node | null>[], start: number, depth: number, escapes: boolean): YamlNode {
    const value: Record<string, unknown> = Object.create(null)
    const entries: YamlEntry[] = []
    for (const pair of pairs) {
      const from = pair.key.range?.[0] ?? start
      const key = this.#key(pair.key, from, escapes)
      // A key without a value stands in no range of its own.
      const child = pair.value ?? Object.assign(new Scalar(null), { range: [from, from, from] })
      const node = this.#node(child as Node, depth + 1, escapes || (depth === 0 && key === 'examples'))
      if (key === undefined) continue
      value[key] = node.value
      entries.push({ key, at: this.#at(from), value: node })
    }
    return nodeOf({ kind: 'map', value, at: this.#at(start), entries })
  }

  #key(key: Node, start: number, escapes: boolean): string | undefined {
    if (!isScalar(key) || typeof key.value !== 'string') {
      const written = isScalar(key) ? String(key.source ?? key.value) : undefined
      const found = written === undefined ? 'This key is no text.' : `The key ${written} is no text.`
      this.#refuse(
        'KV009',
        start,
        found,
        written === undefined ? undefined : `Write '${written}' if it is meant to be.`,
      )
      return undefined
    }
    if (key.anchor) this.#refuse('KV003', start, 'Anchors are not part of the language.')
    if (key.value === '<<') {
      this.#refuse('KV003', start, 'Merge keys ("<<") are not part of the language.', 'Write the keys out.')
      return undefined
    }
    if (key.value === '__proto__') {
      this.#refuse('KV010', start, 'A key may not be called "__proto__".')
      return undefined
    }
    return this.#checkText(key.value, start, escapes)
  }

  #list(nodes: readonly Node[], start: number, depth: number, escapes: boolean): YamlNode {
    const items = nodes.map((it) => this.#node(it, depth + 1, escapes))
    return nodeOf({ kind: 'list', value: items.map((it) => it.value), at: this.#at(start), items })
  }

  #scalar(scalar: Scalar, escapes: boolean): YamlNode {
    const start = scalar.range?.[0] ?? 0
    const { value } = scalar
    if (typeof value === 'string') {
      this.#checkText(value, start, escapes)
      return this.#scalarNode(start, value, scalar)
    }
    if (typeof value === 'bigint') {
      const exact = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
      return this.#scalarNode(start, exact ? Number(value) : value, scalar)
    }
    if (typeof value === 'number' && !Number.isFinite(value))
      this.#refuse(
        'KV012',
        start,
        `${scalar.source} is no number that can be kept.`,
        'Put it in quotes if text is meant.',
      )
    return this.#scalarNode(start, value, scalar)
  }

  #scalarNode(start: number, value: unknown, scalar?: Scalar): YamlNode {
    const end = scalar?.range?.[1] ?? start
    return nodeOf({
      kind: 'scalar',
      value,
      at: this.#at(start),
      source: typeof value === 'string' ? value : (scalar?.source ?? ''),
      cutByComment: scalar?.type === 'PLAIN' && /^[ \t]+#/.test(this.#text.slice(end, end + 80)),
      locate: (offset) => this.#at(scalar ? sourceOffset(this.#text, scalar, offset) : start),
    })
  }

  // Escapes such as "\0" may stand in examples only: that is data, the rest becomes names, SQL and messages.
  #checkText(text: string, start: number, escapes: boolean): string {
    const found = text.match(escapes ? /\p{Surrogate}/u : new RegExp(FORBIDDEN, 'u'))
    if (found)
      this.#refuse('KV007', start, `This text holds the character ${codePoint(found[0])}.`, 'Remove it.')
    return text
  }

  #refuse(code: PlanCode, offset: number, message: string, hint?: string): void {
    this.#report(code, this.#at(offset), message, hint)
  }

  #report(code: PlanCode, at: Position, message: string, hint?: string): void {
    // A file that is no plan at all gives thousands; the first of each line, and a few lines, say as much.
    const known = this.diagnostics.some((it) => it.code === code && it.at?.line === at.line)
    if (known || this.diagnostics.length >= MAX_REPORTED) return
    this.diagnostics.push({ severity: 'error', code, message, ...(hint && { hint }), at })
  }

  #at(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset)
    return { file: this.#file, line: Math.max(1, line), column: Math.max(1, col) }
  }
}

type NodeParts = Pick<YamlNode, 'kind' | 'value' | 'at'> & Partial<YamlNode>

function nodeOf(parts: NodeParts): YamlNode {
  const { entries = [], items = [], at, source = '', cutByComment = false, locate = () => at } = parts
  const get = (key: string) => entries.find((it) => it.key === key)?.value
  return { ...parts, entries, items, get, source, locate, cutByComment }
}

/** The text of a scalar that is text; undefined for anything else. */
export const textOf = (node: YamlNode | undefined): string | undefined =>
  typeof node?.value === 'string' ? node.value : undefined

/** A list of what is there. */
export const optional = <T>(value: T | undefined): readonly T[] => (value === undefined ? [] : [value])
