import type { BigIntStats } from 'node:fs'

/** What tells one version of a body from every other one at the same path. */
export interface BodyIdentity {
  readonly ino: bigint
  readonly size: bigint
  readonly mtimeNs: bigint
}

/**
 * The modification time is the version's stamp. The driver gives each out once. It counts in microseconds, and an odd
 * one says that an attribute record exists. What the disk keeps of it is told by {@link isOurs} from the times that file
 * systems write by themselves.
 */
let lastMicroseconds = 0

/** A new stamp, in microseconds since the epoch. */
export function nextStamp(withRecord: boolean): number {
  const parity = withRecord ? 1 : 0
  const now = Date.now() * 1000 + Math.floor((performance.now() % 1) * 1000)
  lastMicroseconds = Math.max(now, lastMicroseconds + 1)
  if (lastMicroseconds % 2 !== parity) lastMicroseconds++
  // A whole millisecond is what coarse clocks give out.
  if (lastMicroseconds % 1000 === 0) lastMicroseconds += 2
  return lastMicroseconds
}

/** The stamp as utimes takes it: seconds, from the middle of the microsecond, so that rounding cannot leave it. */
export function stampSeconds(microseconds: number): number {
  return (microseconds + 0.5) / 1e6
}

/**
 * The times that a file may show, in nanoseconds, once it was stamped. Node 20 and 22 hand the system whole microseconds,
 * later ones the nanoseconds that the number of seconds happens to have.
 */
export function timesOf(microseconds: number): readonly bigint[] {
  const seconds = stampSeconds(microseconds)
  const whole = Math.floor(seconds)
  const nanoseconds = BigInt(whole) * 1_000_000_000n + BigInt(Math.trunc((seconds - whole) * 1e9))
  return [BigInt(microseconds) * 1000n, nanoseconds]
}

/** Whether the time is one of the driver's stamps, which a clock hits once in five hundred times. */
function isOurs({ mtimeNs }: BodyIdentity): boolean {
  return timesOf(Number(mtimeNs / 1000n)).includes(mtimeNs)
}

/** Whether a record may exist for this body: its stamp says so, or is too coarse to say (a backup, an old disk). */
export function mayHaveRecord(body: BodyIdentity): boolean {
  return isCoarse(body) || ((body.mtimeNs / 1000n) % 2n === 1n && isOurs(body))
}

const YOUNG_NS = 2_000_000_000n

/** Whether the disk cut the stamp, which then cannot say whose it is: such a version always gets a record. */
export function isCoarse({ mtimeNs }: BodyIdentity): boolean {
  return mtimeNs % 1_000_000n === 0n
}

/**
 * The etag of a body without reading it. Weak while another program's file is so young that a second write could leave
 * it with the same size and time; versions that the driver published are strong at once, and known by their stamp or
 * by their record.
 */
export function statEtag(body: BodyIdentity, recorded: boolean, now: number = Date.now()): string {
  const { ino, size, mtimeNs } = body
  const etag = `${ino.toString(36)}-${size.toString(36)}-${mtimeNs.toString(36)}`
  const ours = recorded || (isOurs(body) && !isCoarse(body))
  const young = BigInt(now) * 1_000_000n - mtimeNs < YOUNG_NS
  return young && !ours ? `W/${etag}` : etag
}

export function identityOf({ ino, size, mtimeNs }: BigIntStats): BodyIdentity {
  return { ino, size, mtimeNs }
}

export function sameBody(a: BodyIdentity, b: BodyIdentity): boolean {
  return a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs
}

export function modifiedAt({ mtimeNs }: BodyIdentity): Date {
  return new Date(Number(mtimeNs / 1_000_000n))
}
