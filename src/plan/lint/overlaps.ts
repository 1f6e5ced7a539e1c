import { sharedKey } from '../key-overlap.ts'
import { asksBeforeClaiming, type Plan, type Rule } from '../plan.ts'
import { quote } from '../problem.ts'
import type { LintScope } from './scope.ts'

/** Two plans cannot claim the same keys: nobody could say which one has them. */
export function overlaps({ plans, notes }: LintScope): void {
  plans.forEach((plan, index) => {
    for (const other of plans.slice(0, index)) if (other.source === plan.source) compare(plan, other)
  })

  function compare(plan: Plan, other: Plan): void {
    for (const rule of plan.rules)
      for (const rival of other.rules) {
        if (rule.type !== undefined && rival.type !== undefined && rule.type !== rival.type) continue
        const { answer, key } = sharedKey(rule.match, rival.match)
        if (answer === 'no') continue
        const at = notes.at(rule, 'match')
        const claimed = `${rival.match.at.file}:${rival.match.at.line}`
        const example = key === undefined ? '' : `, such as ${quote(key)}`
        const both = isConditional(rule) && isConditional(rival)
        if (answer === 'maybe' || both)
          notes.warning(
            'KV023',
            at,
            `The plan "${other.name}" (${claimed}) may claim the same keys${example}.`,
            both ? 'Then their conditions have to keep them apart.' : 'It cannot be told from the patterns.',
          )
        else
          notes.error(
            'KV023',
            at,
            `The plan "${other.name}" (${claimed}) claims the same keys${example}.`,
            'Make the patterns narrower, keep the entries apart by "type:", or put the rules into one plan.',
          )
      }
  }
}

const isConditional = (rule: Rule): boolean => rule.kind === 'mapping' && asksBeforeClaiming(rule)
