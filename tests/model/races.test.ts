import { raceTest } from './race.js'
import type { Spec } from './specs.js'

const setting = { exclusive: false, conflicts: 'both', circuit: false, etag: 'content' } as const
const racers: readonly Spec['op'][] = ['put', 'read', 'delete', 'relocate', 'reconcile', 'outage', 'recover']

raceTest('what runs at the same time in one process looks as if it had run in some order', {
  runs: 250,
  mix: { processes: 1, conditions: true, keys: ['a'] },
  racers,
  setting: { ...setting, processes: [0] },
})

raceTest('and so does what two processes on one disk do', {
  runs: 250,
  mix: { processes: 2, conditions: true, keys: ['a'] },
  racers,
  setting: { ...setting, processes: [0, 0] },
})

raceTest('and what two hosts do', {
  runs: 250,
  mix: { processes: 2, conditions: true, keys: ['a'] },
  racers,
  setting: { ...setting, processes: [0, 1] },
})
