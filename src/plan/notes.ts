import type { Diagnostic, Position } from '../diagnostic.ts'
import type { PlanCode } from './codes.ts'
import type { Problem } from './problem.ts'
import type { YamlNode } from './yaml.ts'

/** Collects what there is to tell about the files of a project, and remembers from which node of YAML each part of a plan was made. */
export class Notes {
  readonly diagnostics: Diagnostic[] = []
  readonly #nodes = new WeakMap<object, YamlNode>()

  error(code: PlanCode, at: Position, message: string, hint?: string): void {
    this.diagnostics.push({ severity: 'error', code, message, ...(hint && { hint }), at })
  }

  warning(code: PlanCode, at: Position, message: string, hint?: string): void {
    this.diagnostics.push({ severity: 'warning', code, message, ...(hint && { hint }), at })
  }

  /** Problems of a scalar's text, each at its own place in the file. */
  problems(node: YamlNode, problems: readonly Problem[]): void {
    for (const { code, message, hint, offset, severity = 'error' } of problems) {
      const why = node.cutByComment ? CUT : hint
      this.diagnostics.push({ severity, code, message, ...(why && { hint: why }), at: node.locate(offset) })
    }
  }

  /** Remembers that `part` was made of `node`; gives `part` back. */
  from<T extends object>(node: YamlNode, part: T): T {
    this.#nodes.set(part, node)
    return part
  }

  /** The node below the one that `part` was made of. */
  node(part: object, ...path: readonly (string | number)[]): YamlNode | undefined {
    let node = this.#nodes.get(part)
    for (const segment of path) node = typeof segment === 'number' ? node?.items[segment] : node?.get(segment)
    return node
  }

  /** Where something below `part` stands; the nearest place above it, where there is no such node. */
  at(part: object & { readonly at: Position }, ...path: readonly (string | number)[]): Position {
    return this.node(part, ...path)?.at ?? (path.length > 0 ? this.at(part, ...path.slice(0, -1)) : part.at)
  }

  /** Where a key below `part` stands (not its value). */
  keyAt(part: object & { readonly at: Position }, ...path: readonly (string | number)[]): Position {
    const map = this.node(part, ...path.slice(0, -1))
    return map?.entries.find((it) => it.key === path.at(-1))?.at ?? part.at
  }
}

const CUT = 'YAML took the rest of the line, from " #" on, as a comment: put the whole value in quotes.'

/** By file, line and column. Of a bad name nobody has to be told that it is unknown, too. */
export function sorted(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const place = ({ at }: Diagnostic) => `${at?.file}:${at?.line}:${at?.column}`
  const badNames = new Set(diagnostics.filter((it) => it.code === 'KV041').map(place))
  const told = diagnostics.filter((it) => !['KV042', 'KV043'].includes(it.code) || !badNames.has(place(it)))
  return told.sort((a, b) => {
    const [x, y] = [a.at, b.at]
    if (!x || !y) return Number(Boolean(x)) - Number(Boolean(y))
    return compare(x.file, y.file) || x.line - y.line || x.column - y.column || compare(a.code, b.code)
  })
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
