// Which tests are to turn red, in short.

export const file = (path, only, more = {}) => ({
  files: [`tests/${path}.test.ts`],
  ...(only ? { only } : {}),
  ...more,
})
/** The crash replay of one workload. */
export const crash = (workload) =>
  file('crash/replay', undefined, { env: { CRASH_WORKLOAD: workload, CRASH_SEED: '1' } })
export const outbox = (only) => file('defects/outbox', only)
export const handOver = (only) => file('defects/hand-over', only)
export const doubt = (only) => file('defects/doubt', only)
export const waiting = (only) => file('store/waiting', only)
export const overlap = (only) => file('store/overlap', only)
export const overlapConditions = (only) => file('store/overlap-conditions', only)
export const overlapRelocations = (only) => file('store/overlap-relocations', only)
export const olderCopies = (only) => file('store/older-copies', only)
/** Random sequences of calls. */
export const model = (suite) => file(`model/${suite}`)
export const s3 = (path, only) => file(path, only, { s3: true })
