import fc from 'fast-check'
import { modelTest } from './run.js'

modelTest('with a circuit that opens, what a store says may be less, and never something else', {
  runs: 300,
  mix: { processes: 1, conditions: true },
  settings: fc.record({
    processes: fc.constant([0]),
    exclusive: fc.boolean(),
    conflicts: fc.constant('both' as const),
    circuit: fc.constant({ probeAfter: 1, probeAtMost: 2 }),
    etag: fc.constant('content' as const),
  }),
})
