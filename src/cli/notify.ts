import { runShell } from '../executors/shell.ts'
import type { Session } from '../runner/session.ts'
import type { Asked } from '../runner/watch.ts'
import type { Io } from './io.ts'

const WITHIN_MILLIS = 10_000

/** Tells the webhook and the command of `kvmig watch` what happened. Nobody who cannot be told stops the watch: that is said on stderr. */
export async function notify(
  { plan, phase, trigger, finding, verdict }: Asked,
  did: string,
  {
    session,
    options,
    io,
  }: {
    readonly session: Session
    readonly options: { readonly webhook?: string | undefined; readonly notify?: string | undefined }
    readonly io: Io
  },
): Promise<void> {
  const message = {
    project: session.project.file,
    plan,
    phase,
    trigger: trigger.check,
    state: verdict.state,
    did,
    measured: finding.measured,
    expected: finding.expected,
  }
  if (options.webhook !== undefined) {
    const url = session.resolve(options.webhook, { file: '--webhook', line: 1, column: 1 })
    await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(message),
      signal: AbortSignal.any([session.signal, AbortSignal.timeout(WITHIN_MILLIS)]),
    }).then(
      ({ ok, status }) => ok || io.stderr.write(`kvmig: the webhook answered ${status}\n`),
      () => io.stderr.write('kvmig: the webhook could not be told\n'),
    )
  }
  if (options.notify !== undefined) {
    const { exitCode } = await runShell({
      run: options.notify,
      cwd: session.project.root,
      variables: Object.fromEntries(
        Object.entries(message).map(([name, value]) => [`KVMIG_${name.toUpperCase()}`, value]),
      ),
      withinMillis: WITHIN_MILLIS,
      signal: session.signal,
      tell: () => {},
    })
    if (exitCode !== 0)
      io.stderr.write(`kvmig: the command for notices ended with ${exitCode ?? 'an error'}\n`)
  }
}
