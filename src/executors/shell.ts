import { type CommandEnded, type CommandLine, runInGroup } from '../process-group.ts'

export interface Shell extends Omit<CommandLine, 'hear'> {
  /** Is told each line that it prints, on either stream. */
  readonly tell: (line: string) => void
}

/** Runs a command of the team's own, and tells its output by lines. Throws where the signal aborts. */
export async function runShell({ tell, ...line }: Shell): Promise<CommandEnded> {
  const begun = { stdout: '', stderr: '' }
  const ended = await runInGroup({
    ...line,
    hear: (text, from) => {
      const lines = (begun[from] + text).split(/\r?\n/)
      begun[from] = lines.pop() ?? ''
      for (const it of lines) tell(it)
    },
  })
  for (const it of [begun.stdout, begun.stderr]) if (it !== '') tell(it)
  return ended
}
