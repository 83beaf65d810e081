import fc from 'fast-check'
import { modelTest } from './run.js'

modelTest('two processes on one disk are as one', {
  runs: 500,
  mix: { processes: 2, conditions: true },
  settings: fc.record({
    processes: fc.constant([0, 0]),
    exclusive: fc.constant(false),
    conflicts: fc.constant('both' as const),
    circuit: fc.constant(false as const),
    etag: fc.constantFrom('stat' as const, 'content' as const),
  }),
})
