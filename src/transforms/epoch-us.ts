import { epochTransform } from './epoch-transform.ts'

export const epochUs = epochTransform('epoch_us', 'microseconds', 1)
