import { KvmigError } from '../../errors.ts'
import { runShell } from '../../executors/shell.ts'
import type { Hook, Phase, Plan } from '../../plan/plan.ts'

/** What a hook came to. Its output goes to `tell`, line by line, with secrets taken out. */
export interface Hooked {
  readonly run: string
  readonly millis: number
}

export interface HookOptions {
  readonly root: string
  /** Beside the environment of the process. */
  readonly variables: Readonly<Record<string, string>>
  /** Texts that no output may show: addresses of stores, passwords. */
  readonly secrets: readonly string[]
  readonly signal: AbortSignal
  readonly tell: (line: string) => void
}

/** Runs the hooks of a plan around a phase, in order. The first that fails stops everything: throws HOOK. */
export async function runHooks(
  plan: Plan,
  when: Hook['when'],
  phase: Phase,
  { root, variables, secrets, signal, tell }: HookOptions,
): Promise<readonly Hooked[]> {
  const hooks = (plan.hooks ?? []).filter((it) => it.when === when && it.phase === phase)
  const ran: Hooked[] = []
  for (const { run, withinMillis } of hooks) {
    const began = performance.now()
    const redact = redactor(secrets)
    const { exitCode, timedOut } = await runShell({
      run,
      cwd: root,
      variables: { ...variables, KVMIG_PLAN: plan.name, KVMIG_PHASE: phase, KVMIG_WHEN: when },
      withinMillis,
      signal,
      tell: (line) => tell(redact(line)),
    })
    const millis = performance.now() - began
    if (exitCode !== 0) {
      const how = timedOut
        ? `did not end within ${withinMillis / 1000} s`
        : exitCode === undefined
          ? 'could not be run'
          : `ended with ${exitCode}`
      throw new KvmigError('HOOK', `The hook ${when} phase ${phase} of ${plan.name} ${how}.`, {
        hint:
          when === 'before'
            ? 'Nothing was changed. Its output is above; mend it, then apply again.'
            : 'The phase has begun. Its output is above; kvmig rollback goes back.',
      })
    }
    ran.push({ run, millis })
  }
  return ran
}

/** Takes out secrets, and the passwords of any URL. */
export function redactor(secrets: readonly string[]): (line: string) => string {
  const known = secrets.filter((it) => it.length >= 4).sort((a, b) => b.length - a.length)
  return (line) =>
    known
      .reduce((text, it) => text.replaceAll(it, '***'), line)
      .replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, '$1***@')
}
