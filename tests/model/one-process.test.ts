import fc from 'fast-check'
import { modelTest } from './run.js'

const setting = {
  processes: fc.constant([0]),
  exclusive: fc.boolean(),
  conflicts: fc.constant('both' as const),
  circuit: fc.constant(false as const),
  etag: fc.constantFrom('stat' as const, 'content' as const),
}

modelTest('one process: each key has the version last written, and nothing is lost', {
  runs: 700,
  mix: { processes: 1, conditions: true },
  settings: fc.record(setting),
})
