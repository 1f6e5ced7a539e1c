import { epochTransform } from './epoch-transform.ts'

export const epochS = epochTransform('epoch_s', 'seconds', 1_000_000)
