import type { Finding } from '../../checks/check.ts'
import { span } from '../../checks/span.ts'
import { KvmigError } from '../../errors.ts'
import type { Plan } from '../../plan/plan.ts'
import { printable } from '../../printable.ts'
import { counted, listed, number } from '../../report/wording.ts'
import { isLetGo } from '../../runner/archive.ts'
import { isConfirmed, showFleet } from '../../runner/phases/fleet.ts'
import {
  archiveOnce,
  cameSince,
  idleOf,
  leftByHand,
  letGoOf,
  stopSource,
  touchedSince,
} from '../../runner/phases/retire.ts'
import type { ServerUse } from '../../runner/phases/server-use.ts'
import type { Route } from '../../state/ledger.ts'
import { databaseClock } from '../../target/clock.ts'
import { confirm } from '../confirm.ts'
import { createCounter } from '../counter.ts'
import { evidenceOf, hooks, type Later, patienceOf } from './later.ts'

export interface Retiring {
  readonly plan: Plan
  readonly route: Route
  readonly evidence: readonly Finding[] | undefined
}

/**
 * Retires the source of one plan, as far as the time has come: writes stop, the archive is made and read back, then nobody may use the
 * source for a while, and when the archive's time is over the keys go. Each call does what can be done by now.
 */
export async function beginRetire(later: Later, retiring: Retiring): Promise<void> {
  const { plan, evidence } = retiring
  const { session, context, options, io, acts, uses } = later
  const { name } = plan
  if (!plan.archive)
    throw new KvmigError('ARCHIVE_NOWHERE', `Plan ${name} does not say where its data is archived.`, {
      hint: 'Write archive: { to: ./archive, keep: 30d } into the plan.',
    })
  if (retiring.route.phase === 'C') {
    if (!(await pointOfNoReturn(later, plan))) {
      acts.push({
        plan: name,
        status: 'waiting',
        verb: 'confirm',
        detail: 'nobody confirmed that there is no way back',
      })
      return
    }
    await hooks(later, plan, 'before', 'D')
  }
  const { route, fleet } = await stopSource(session, context, {
    plan,
    route: retiring.route,
    patience: patienceOf(later, plan),
    evidence: evidenceOf(later, plan, 'D', evidence),
  })
  acts.push({
    plan: name,
    status: retiring.route.phase === 'D' ? 'kept' : 'done',
    verb: 'route',
    detail: `phase D since ${route.since}: the source is not written any more`,
  })
  acts.push({
    plan: name,
    status: isConfirmed(fleet) ? 'done' : 'waiting',
    verb: 'fleet',
    detail: showFleet(fleet, route.epoch),
  })
  if (!isConfirmed(fleet)) return
  const counter = createCounter({ io, quiet: options.quiet, words: 'Archiving' })
  const { archive, isNew } = await archiveOnce(session, context, {
    plan,
    route,
    progress: counter.tell,
  }).finally(counter.finish)
  acts.push({
    plan: name,
    status: isNew ? 'done' : 'kept',
    verb: 'archive',
    detail: `${counted(archive.keys, 'key')} in ${archive.to}/${archive.folder}, read back and verified`,
  })
  if (isNew) await hooks(later, plan, 'after', 'D')
  if (isLetGo(archive)) {
    acts.push({
      plan: name,
      status: 'kept',
      verb: 'let go',
      detail: `${counted(archive.letGo!.removed, 'key')} of the source were deleted`,
    })
    return
  }
  const idle = await idleOf(session, plan)
  const now = (await databaseClock(session))()
  const use = await uses?.of(plan, archive, now)
  if (use) acts.push({ plan: name, status: 'kept', verb: 'server', detail: showUse(use) })
  const waits = [
    idle.commands > 0 &&
      `${counted(idle.commands, 'command')} of the application reached the source within ${span(idle.wantedMillis)}`,
    idle.millis < idle.wantedMillis &&
      `it has to be idle for ${span(idle.wantedMillis)}, and has been for ${span(idle.millis)}`,
    idle.server && !(uses?.isKnown(plan) ?? true)
      ? 'idle: { server: true } cannot be shown, for this store keeps no statistics of its use: take it out'
      : idle.server &&
        (use?.quietMillis ?? 0) < idle.wantedMillis &&
        `the whole server has to be without a command on a key for ${span(idle.wantedMillis)}, and has been for ${span(use?.quietMillis ?? 0)}`,
    now < Date.parse(archive.keepUntil) && `the keys are kept until ${archive.keepUntil}`,
  ].filter((it) => it !== false)
  if (waits.length > 0) {
    acts.push({ plan: name, status: 'waiting', verb: 'let go', detail: waits.join('; ') })
    return
  }
  const came = await cameSince(session, context, { plan, archive })
  if (came.keys > 0) {
    acts.push({
      plan: name,
      status: 'failed',
      verb: 'let go',
      detail: `${counted(came.keys, 'key')} of ${name} came to the source since it was archived, e.g. ${listed(came.samples.slice(0, 3).map((it) => printable(it)))}: in no archive, and not in Postgres. Nothing was deleted. Somebody writes there who does not use kvmig/runtime: stop that first. Then delete these keys; or keep them in a new archive, whose time begins anew, by kvmig archive ${name}; or have them in Postgres by kvmig rollback --to=C ${name} and kvmig reconcile --adopt ${name}`,
    })
    return
  }
  const source = await session.source(plan.source)
  if (!source.edit) {
    const left = await leftByHand(session, context, { plan, archive })
    acts.push(
      left.keys === 0
        ? { plan: name, status: 'done', verb: 'let go', detail: 'no archived key is in the source any more' }
        : {
            plan: name,
            status: 'waiting',
            verb: 'let go',
            detail: `kvmig cannot delete from ${source.label}, and ${counted(left.keys, 'archived key is', 'archived keys are')} still there, e.g. ${listed(left.samples.map((it) => printable(it)))}. Its time is over: delete them yourself, then apply again. This store does not know when a key was last used`,
          },
    )
    return
  }
  const touched = await touchedSince(session, { plan, archive, wantedMillis: idle.wantedMillis, now })
  if (touched.keys > 0) {
    acts.push({
      plan: name,
      status: 'waiting',
      verb: 'let go',
      detail: `${counted(touched.keys, 'archived key was', 'archived keys were')} read or written in the store within ${span(idle.wantedMillis)}, e.g. ${listed(touched.samples.map((it) => printable(it)))}: who is that? (Before Redis 7.2 kvmig diff, inspect and plan --live count, too.)`,
    })
    return
  }
  const question = `Delete ${number(archive.keys)} archived keys of ${name} from the source?`
  if (!(await confirm(question, options.yes, io))) {
    acts.push({ plan: name, status: 'waiting', verb: 'let go', detail: 'nobody confirmed it' })
    return
  }
  const { removed, changed, gone, samples } = await letGoOf(session, context, { plan, archive })
  const kept =
    changed > 0
      ? `; ${counted(changed, 'key holds', 'keys hold')} something else by now and ${changed === 1 ? 'stays' : 'stay'}: ${listed(samples.slice(0, 3).map((it) => printable(it)))}. Somebody writes there who does not use kvmig/runtime. Look at them, then delete them, or keep them in a new archive: kvmig archive ${name}`
      : ''
  acts.push({
    plan: name,
    status: changed > 0 ? 'failed' : 'done',
    verb: 'let go',
    detail: `${counted(removed, 'key')} deleted${touched.isKnown ? '' : ' (this store does not know when a key was last used)'}${gone > 0 ? `, ${number(gone)} gone already` : ''}${kept}`,
  })
}

/** What a server's statistics say, and what they cannot say. */
function showUse({ label, since, commands, quietMillis }: ServerUse): string {
  const all = commands.reduce((sum, [, count]) => sum + count, 0)
  if (all === 0) return `${label} has carried out no command on any key since ${since}, for nobody`
  const most = commands.slice(0, 3).map(([name, count]) => `${name} ${number(count)}`)
  return `${label} has carried out ${counted(all, 'command')} on keys since ${since} (${listed(most)}), none for ${span(quietMillis)}: of the whole server, so they may be of other plans and applications`
}

async function pointOfNoReturn({ options, io }: Later, plan: Plan): Promise<boolean> {
  if (options.pointOfNoReturn) return true
  const question = `From now on the source of ${plan.name} is not written any more: there is no way back in seconds after this.`
  if (!io.isTerminal)
    throw new KvmigError('NOT_CONFIRMED', `${question} Nobody is there to ask, so nothing was changed.`, {
      hint: 'Say --point-of-no-return if this is what you want; --yes is not enough for it.',
    })
  const answer = await io.ask(`${question} To go on, type the name of the plan: `)
  return answer.trim() === plan.name
}
