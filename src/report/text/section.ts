import { line, type Painter } from '../layout.ts'

/** Blocks of lines with an empty line between them; empty blocks vanish. */
export const blocks = (...parts: readonly (readonly string[])[]): string[] =>
  parts.filter((it) => it.length > 0).flatMap((lines, index) => (index === 0 ? [...lines] : ['', ...lines]))

/** A title over lines; nothing where there are no lines. */
export const section = (title: string, lines: readonly string[], painter: Painter): string[] =>
  lines.length === 0 ? [] : [line(title, painter.strong), ...lines]
