import type { Choice, Content, DiskModel } from './replayer.js'

/** Bytes that a disk writes in one go. */
const SECTOR = 512

/** A number from 0 up to but not including 1, the same series for the same seed. */
export type Random = () => number

export function randomFrom(seed: number): Random {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

type OfContent = (file: { readonly now: Content; readonly durable: Content }) => Content

const whole: OfContent = ({ now }) => now
const synced: OfContent = ({ durable }) => durable

/** The size made it to the disk, and so did the time; the bytes did not. */
const zeros: OfContent = ({ now, durable }) => {
  const bytes = Buffer.alloc(now.bytes.byteLength)
  bytes.set(durable.bytes.subarray(0, bytes.byteLength))
  return { bytes, facts: now.facts }
}

/** Each sector that was not durable is there, or as it was before, or zeros; the file may also be too short. */
function torn(random: Random): OfContent {
  return ({ now, durable }) => {
    const bytes = Buffer.from(now.bytes)
    for (let at = 0; at < bytes.byteLength; at += SECTOR) {
      const end = Math.min(at + SECTOR, bytes.byteLength)
      const before = durable.bytes.subarray(at, end)
      const same = before.byteLength === end - at && before.equals(now.bytes.subarray(at, end))
      if (same || random() < 0.5) continue
      bytes.fill(0, at, end)
      if (random() < 0.5) bytes.set(before, at)
    }
    const shortest = Math.min(durable.bytes.byteLength, bytes.byteLength)
    const size = random() < 0.6 ? bytes.byteLength : shortest + Math.floor(random() * (bytes.byteLength - shortest + 1))
    return { bytes: bytes.subarray(0, size), facts: random() < 0.5 ? now.facts : durable.facts }
  }
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T
}

/**
 * What a crash may leave of this model: all and nothing of what is not durable, each entry alone and each but one, the
 * content of files dropped, zeroed and torn, and so many random mixtures. What is the same is the caller's to notice.
 */
export function* choices(model: DiskModel, random: Random, mixtures: number): Generator<Choice> {
  const units = model.pending
  yield { name: 'everything kept', unit: () => 'kept', content: whole }
  yield { name: 'only what was synced', unit: () => 'dropped', content: synced }
  if (model.unsynced.length > 0) {
    yield { name: 'all entries, no unsynced content', unit: () => 'kept', content: synced }
    yield { name: 'all entries, zeros for unsynced content', unit: () => 'kept', content: zeros }
    yield { name: 'all entries, torn content', unit: () => 'kept', content: torn(random) }
  }
  for (const [index, { what, optional }] of units.entries()) {
    const others = (fate: 'kept' | 'dropped', mine: 'kept' | 'half' | 'dropped') => (unit: number) =>
      unit === index ? mine : fate
    yield { name: `all but ${what}`, unit: others('kept', 'dropped'), content: whole }
    yield { name: `nothing but ${what}`, unit: others('dropped', 'kept'), content: synced }
    if (optional === undefined) continue
    yield { name: `the old name kept by ${what}`, unit: others('kept', 'half'), content: whole }
  }
  for (let mixture = 0; mixture < mixtures; mixture++) {
    const fates = units.map(() => pick(random, ['kept', 'kept', 'dropped', 'dropped', 'half'] as const))
    const content: OfContent = (file) => pick(random, [whole, synced, zeros, torn(random), torn(random)])(file)
    yield { name: `mixture ${mixture}`, unit: (index) => fates[index] ?? 'kept', content }
  }
}
