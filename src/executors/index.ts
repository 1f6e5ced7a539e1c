import type { Step } from '../plan/step.ts'
import { analyze } from './analyze.ts'
import { audit } from './audit.ts'
import { backfill } from './backfill.ts'
import type { Executor } from './executor.ts'
import { extension } from './extension.ts'
import { foreignKey } from './foreign-key.ts'
import { gate } from './gate.ts'
import { index } from './index-step.ts'
import { partitions } from './partitions.ts'
import { schema } from './schema.ts'
import { sequence } from './sequence.ts'
import { sweep } from './sweep.ts'
import { table } from './table.ts'
import { validate } from './validate.ts'
import { view } from './view.ts'

/** One executor for each kind of step; the type says which one was forgotten. */
export const EXECUTORS: { readonly [K in Step['kind']]: Executor<Extract<Step, { kind: K }>> } = {
  extension,
  schema,
  table,
  partitions,
  view,
  backfill,
  index,
  foreign_key: foreignKey,
  validate,
  sequence,
  sweep,
  analyze,
  audit,
  gate,
}
