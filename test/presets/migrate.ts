import { expect } from 'vitest'
import { projectFolder } from '../setup/cli.ts'
import { runCli } from '../setup/run-cli.ts'

/** What a person does: writes the preset out, looks at the plan, runs its examples, applies it. */
export async function migrate(preset: string, env: { KV_URL: string; DATABASE_URL: string }): Promise<void> {
  const folder = projectFolder({})
  try {
    for (const argv of [
      ['init', '--preset', preset],
      ['plan'],
      ['test'],
      ['plan', '--live'],
      ['apply', '--phase=A', '--yes'],
      ['diff'],
    ]) {
      const { code, stdout, stderr } = await runCli(argv, { cwd: folder.path, env })
      expect(`${argv.join(' ')}: exit ${code}\n${code === 0 ? '' : stdout + stderr}`).toBe(
        `${argv.join(' ')}: exit 0\n`,
      )
    }
  } finally {
    folder.remove()
  }
}

/** A library by a name that the compiler does not look into: some have no types, and some bring a browser's along. */
export const load = (name: string) => import(name)
