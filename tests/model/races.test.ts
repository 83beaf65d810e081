import { raceTest } from './race.js'
import type { Spec } from './specs.js'

const setting = { exclusive: false, conflicts: 'both', circuit: false, etag: 'content' } as const
const racers: readonly Spec['op'][] = ['put', 'read', 'delete', 'relocate', 'reconcile', 'outage', 'recover']
const keys = ['a'] as const
/** A relocation is kept apart from other changes of its key within one process, and gives way to them. */
const settled = racers.filter((op) => op !== 'relocate')

const groups = [
  { who: 'in one process', processes: [0], racers },
  { who: 'in two processes on one disk', processes: [0, 0], racers: settled },
  { who: 'on two hosts', processes: [0, 1], racers },
]

for (const { who, processes, racers } of groups) {
  const mix = { processes: processes.length, keys }
  raceTest(`what runs at the same time ${who} looks as if it had run in some order`, {
    runs: 120,
    mix: { ...mix, conditions: false },
    racers,
    setting: { ...setting, processes },
  })

  raceTest(`of conditional changes on S3 ${who} one wins`, {
    runs: 120,
    mix: { ...mix, conditions: true, disk: false },
    racers,
    setting: { ...setting, processes },
  })
}

raceTest('of conditional changes on S3 and on the disk in one process one wins', {
  runs: 200,
  mix: { processes: 1, keys, conditions: true },
  racers,
  setting: { ...setting, processes: [0] },
})
