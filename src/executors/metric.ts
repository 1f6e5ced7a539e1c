import { EXIT, StepError } from '../errors.ts'
import { literalPrefix } from '../plan/key-pattern.ts'
import type { IndexStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import type { Metric } from '../sources/source.ts'
import type { Context } from './executor.ts'

/**
 * How the stores measure that the rows of an index come from: then the index answers as they do. `l2` where none of them knows vectors.
 * Throws StepError VECTOR_METRIC where they do not measure alike.
 */
export async function metricOf({ id, table, index }: IndexStep, context: Context): Promise<Metric> {
  const found = new Map<string, Metric>()
  for (const { plan, mapping } of context.compiled.writers(table)) {
    const { source } = context.project.plans.find((it) => it.name === plan)!
    const { vectors } = await context.source(source)
    for (const { of, metric } of vectors?.metrics(Buffer.from(literalPrefix(mapping.match))) ?? [])
      found.set(of, metric)
  }
  const metrics = new Set(found.values())
  if (metrics.size < 2) return [...metrics][0] ?? 'l2'
  throw new StepError(
    'VECTOR_METRIC',
    `${id} cannot measure as the source does: ${[...found].map(([of, metric]) => `${of} by ${metric}`).join(', ')}, all of them in ${showTable(table)}.`,
    {
      hint: `Say which one it is, columns: [${index.columns[0]} vector_cosine_ops], or give each collection a table of its own.`,
      exitCode: EXIT.couldNot,
    },
  )
}
