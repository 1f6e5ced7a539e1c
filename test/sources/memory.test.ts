import { memorySource } from '../../src/sources/memory.ts'
import { describeSource } from './conformance.ts'

describeSource({
  name: 'memory',
  adapter: { lacks: {} },
  reached: { not: 'it is in memory' },
  start: async (entries) => ({
    open: async (context) => memorySource(entries, context),
    stop: async () => {},
  }),
  skip: [{ test: 'is the same store when it is opened again', because: 'each is a store of its own' }],
})
