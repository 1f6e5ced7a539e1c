import pc from 'picocolors'
import { github } from '../report/github.ts'
import { json } from '../report/json.ts'
import { type Painter, PLAIN } from '../report/layout.ts'
import { markdown } from '../report/markdown.ts'
import type { Report } from '../report/report.ts'
import { text } from '../report/text.ts'
import { type Io, wantsColor } from './io.ts'

export type Format = 'text' | 'md' | 'json' | 'github'

/** Prints what a command found or did, on stdout. */
export function printReport(report: Report, format: Format, { stdout, env }: Io): void {
  const voices: { readonly [F in Format]: () => string } = {
    text: () => text(report, wantsColor(stdout, env) ? COLOURS : PLAIN),
    md: () => markdown(report),
    json: () => json(report),
    github: () => github(report),
  }
  stdout.write(voices[format]())
}

const colours = pc.createColors(true)
const COLOURS: Painter = {
  strong: colours.bold,
  dim: colours.dim,
  good: colours.green,
  bad: colours.red,
  warn: colours.yellow,
}
