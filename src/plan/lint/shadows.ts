import { covers } from '../key-overlap.ts'
import { asksBeforeClaiming, type Mapping, type Plan, type Rule, type Skip } from '../plan.ts'
import { sameTable } from '../table.ts'
import type { LintScope } from './scope.ts'

/** Rules of a plan that no key can reach, because an earlier one takes all of them. */
export function shadows(scope: LintScope): void {
  for (const plan of scope.plans) {
    plan.rules.forEach((rule, index) => {
      const earlier = plan.rules.slice(0, index)
      const shadow = earlier.find((it) => hides(it, rule, plan))
      if (shadow) unreachable(rule, shadow, scope)
      else if (rule.kind === 'mapping') checkRepeated(rule, earlier, scope)
    })
  }
  scope.skips.forEach((skip, index) => {
    const shadow = scope.skips
      .slice(0, index)
      .find((it) => covers(it.match, skip.match) && takesType(it, skip))
    if (shadow)
      scope.notes.warning(
        'KV024',
        skip.at,
        `No key gets here: "${shadow.match.source}" before has all of them.`,
      )
  })
}

function hides(earlier: Rule, later: Rule, plan: Plan): boolean {
  return (
    !sameGroup(earlier, later) &&
    takesType(earlier, later) &&
    takesAlways(earlier, plan) &&
    covers(earlier.match, later.match)
  )
}

/** Mappings of one plan with the same template and type read the same entries. */
const sameGroup = (a: Rule, b: Rule): boolean =>
  a.kind === 'mapping' && b.kind === 'mapping' && a.match.source === b.match.source && a.type === b.type

const takesType = (earlier: Rule | Skip, later: Rule | Skip): boolean =>
  earlier.type === undefined || earlier.type === later.type

/** Where it can pass a key on. */
const canPass = (rule: Rule): boolean => rule.kind === 'mapping' && asksBeforeClaiming(rule)

/** A group takes every key that fits as soon as one of its mappings does. */
function takesAlways(rule: Rule, { rules }: Plan): boolean {
  return rules.some((it) => (it === rule || sameGroup(it, rule)) && !canPass(it))
}

function unreachable(rule: Rule, shadow: Rule, { notes }: LintScope): void {
  notes.error(
    'KV024',
    notes.at(rule, 'match'),
    `No key gets here: the rule for "${shadow.match.source}" in line ${shadow.at.line} has all of them.`,
    'Put the narrower rule first.',
  )
}

// The same records twice into the same table are either a slip or a conflict with itself.
function checkRepeated(mapping: Mapping, earlier: readonly Rule[], { notes }: LintScope): void {
  const twin = earlier.find(
    (it): it is Mapping =>
      sameGroup(it, mapping) &&
      it.kind === 'mapping' &&
      sameTable(it.into, mapping.into) &&
      JSON.stringify(it.each) === JSON.stringify(mapping.each) &&
      it.where?.cel === mapping.where?.cel,
  )
  if (twin)
    notes.error(
      'KV024',
      notes.at(mapping, 'match'),
      `The mapping in line ${twin.at.line} makes rows of ${mapping.name} from the same records.`,
      'Keep one of them, or tell them apart by "where:".',
    )
}
