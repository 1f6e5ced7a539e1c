import type { Expression } from './expression.ts'
import type { RuleContext } from './read-mapping.ts'
import type { YamlNode } from './yaml.ts'

/** An expression with the sources of the files that its js() name: what they say is part of the plan, and of its fingerprints. */
export function withScripts(expression: Expression, node: YamlNode, context: RuleContext): Expression {
  switch (expression.kind) {
    case 'coalesce':
      return { ...expression, options: expression.options.map((it) => withScripts(it, node, context)) }
    case 'call':
      return {
        ...expression,
        arguments: expression.arguments.map((it) =>
          it.kind === 'data' ? it : { ...it, expression: withScripts(it.expression, node, context) },
        ),
      }
    case 'pipe': {
      const input = withScripts(expression.input, node, context)
      const [file] = expression.arguments
      if (expression.transform !== 'js' || file?.kind !== 'data' || typeof file.value !== 'string')
        return { ...expression, input }
      const script = read(file.value, file.span.start, node, context)
      return { ...expression, input, ...(script !== undefined && { script }) }
    }
    default:
      return expression
  }
}

function read(
  file: string,
  offset: number,
  node: YamlNode,
  { notes, readFile }: RuleContext,
): string | undefined {
  const content = readFile(file.replace(/^\.\//, ''))
  if ('bytes' in content) return Buffer.from(content.bytes).toString('utf8')
  notes.problems(node, [
    { code: content.refused === 'outside' ? 'KV017' : 'KV018', offset, message: content.message },
  ])
  return undefined
}
