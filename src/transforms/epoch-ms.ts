import { epochTransform } from './epoch-transform.ts'

export const epochMs = epochTransform('epoch_ms', 'milliseconds', 1000)
