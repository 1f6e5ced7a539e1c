import type { Painter } from '../layout.ts'
import type { CheckReport } from '../report.ts'
import { gateLines } from './findings.ts'
import { blocks } from './section.ts'

/** The gates, with what their checks found. */
export const checkLines = ({ gates }: CheckReport, painter: Painter): string[] =>
  blocks(...gates.map((gate) => gateLines(gate, painter)))
