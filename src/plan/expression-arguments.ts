import type { Parameter } from './catalog.ts'
import { CLOCK_HINT, CLOCKS } from './clock-words.ts'
import type { Argument, Expression, Literal } from './expression.ts'
import { ARTICLE, kindOfLiteral } from './literal-kind.ts'
import type { Problem } from './problem.ts'

/** Reports arguments that a transform does not take: too few, too many, of the wrong type, or not fixed. */
export function checkArguments(
  { transform, arguments: given, span }: Extract<Expression, { kind: 'pipe' }>,
  parameters: readonly Parameter[],
  problems: Problem[],
): void {
  const required = parameters.filter((it) => !it.optional).length
  const usage = `${transform}(${parameters.map((it) => (it.optional ? `[${it.name}]` : it.name)).join(', ')})`
  if (given.length < required || given.length > parameters.length) {
    const expected =
      parameters.length === 0
        ? 'no arguments'
        : required === parameters.length
          ? count(required)
          : `${required} to ${count(parameters.length)}`
    problems.push({
      code: 'KV032',
      offset: span.start,
      message: `${transform} takes ${expected}, not ${given.length}.`,
      ...(parameters.length > 0 && { hint: `It is written ${usage}.` }),
    })
    return
  }
  for (const [index, argument] of given.entries()) {
    const problem = argumentProblem(argument, parameters[index]!, transform)
    if (problem) problems.push(problem)
  }
}

const count = (arguments_: number) => `${arguments_} argument${arguments_ === 1 ? '' : 's'}`

function argumentProblem(argument: Argument, parameter: Parameter, transform: string): Problem | undefined {
  const place = { code: 'KV032', offset: argument.span.start } as const
  if (argument.kind === 'expression') {
    const { expression } = argument
    const word =
      expression.kind === 'path' && expression.path.length === 1 ? String(expression.path[0]) : undefined
    const clock = CLOCKS.has((word ?? (expression.kind === 'call' ? expression.name : '')).toLowerCase())
    if (clock) {
      const message = `${transform} cannot be given the time or chance: a second run has to give the same rows.`
      return { code: 'KV073', offset: place.offset, message, hint: CLOCK_HINT }
    }
    const message = `"${parameter.name}" of ${transform} has to be a fixed value, not something from the record.`
    const hint = word ? `Text goes in quotes: '${word}'.` : 'Use "??" for another field of the record.'
    return { ...place, message, hint }
  }
  const { value } = argument
  if (fits(value, parameter.type)) return undefined
  const found = ARTICLE[kindOfLiteral(value)]
  return {
    ...place,
    message: `"${parameter.name}" of ${transform} has to be ${PARAMETERS[parameter.type]}, not ${found}.`,
  }
}

function fits(value: Literal, type: Parameter['type']): boolean {
  const kind = kindOfLiteral(value)
  switch (type) {
    case 'any':
      return true
    case 'integer':
      return kind === 'number' && /^-?\d+$/.test((value as { number: string }).number)
    case 'list':
      return kind === 'array'
    case 'map':
      return kind === 'object'
    default:
      return kind === type
  }
}

const PARAMETERS: Readonly<Record<Parameter['type'], string>> = {
  text: 'text in quotes',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  list: 'a list',
  map: 'a map',
  any: 'a value',
}
