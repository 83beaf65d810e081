import fc from 'fast-check'
import { modelTest } from './run.js'

const setting = {
  exclusive: fc.constant(false),
  conflicts: fc.constantFrom('both' as const, 'both' as const, 'both' as const, 'local' as const, 'remote' as const),
  circuit: fc.constant(false as const),
  etag: fc.constant('content' as const),
}

modelTest('two hosts on one S3: what they do not know of each other becomes a conflict, and nothing is lost', {
  runs: 400,
  mix: { processes: 2, conditions: true },
  settings: fc.record({ ...setting, processes: fc.constant([0, 1]) }),
})

modelTest('the same with two processes on one of the hosts', {
  runs: 100,
  mix: { processes: 3, conditions: true },
  settings: fc.record({ ...setting, processes: fc.constant([0, 0, 1]) }),
})
