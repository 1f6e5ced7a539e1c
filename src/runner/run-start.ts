import { execFileSync } from 'node:child_process'
import { hostname, userInfo } from 'node:os'
import { planHash } from '../plan/fingerprint.ts'
import type { Phase, Project } from '../plan/plan.ts'
import type { RunStart } from '../state/ledger.ts'
import { VERSION } from '../version.ts'

/** What the journal says of a run: who, where, from which commit, with which plans. */
export function runStart(
  { command, phase, plans, project }: RunOf,
  variables: Readonly<Record<string, string | undefined>>,
): RunStart {
  return {
    command,
    phase,
    plans,
    planHash: planHash(project),
    who: variables.GITHUB_ACTOR ?? variables.GITLAB_USER_LOGIN ?? userName(),
    host: hostname(),
    commit: variables.GITHUB_SHA ?? variables.CI_COMMIT_SHA ?? gitCommit(project.root),
    version: VERSION,
  }
}

interface RunOf {
  /** The words of the command, without what may be secret. */
  readonly command: string
  readonly phase?: Phase | undefined
  readonly plans: readonly string[]
  readonly project: Project
}

// A container may run under a number that has no name.
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return 'somebody'
  }
}

function gitCommit(root: string): string | undefined {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 2_000,
    }).trim()
  } catch {
    return undefined
  }
}
