import type { StorageErrorCode } from '../../src/index.js'
import type { Fault } from './faults.js'
import type { Verb } from './verbs.js'

/** How a call may end. `kept`: it resolves, and a record waits for S3. */
export type Ending = 'ok' | 'kept' | 'rejected'

export interface Expectation {
  readonly may: readonly Ending[]
  /** With which codes it may reject. */
  readonly codes: readonly StorageErrorCode[]
}

export type Strikes = 'once' | 'always'

const OUT_OF_REACH = ['UNAVAILABLE', 'TIMEOUT'] as const
const ok: Expectation = { may: ['ok'], codes: [] }
const kept: Expectation = { may: ['kept'], codes: [] }
const rejected = (...codes: StorageErrorCode[]): Expectation => ({ may: ['rejected'], codes })
const also = ({ may, codes }: Expectation, ...more: Ending[]): Expectation => ({ may: [...may, ...more], codes })

/** Whether the fault can meet the verb at all. */
export function applies({ how, on, says }: Fault, verb: Verb, strikes: Strikes): boolean {
  const kind = typeof how === 'string' ? how : how.kind
  const moves = verb.name.startsWith('move')
  if (typeof how === 'string' && strikes === 'once') return false
  if (on === 'changes' && (verb.sort === 'read' || (verb.sort === 'fetch' && !moves))) return false
  // A plain read has nothing to compare its bytes with.
  if (kind === 'flip') return verb.sort === 'fetch' || verb.name === 'reconcile put'
  const sendsBody = verb.sort === 'fill' || verb.name === 'deleteMany' || verb.name === 'reconcile put'
  if (kind === 'stall' || kind === 'flip-request' || (kind === 'reset' && on === 'changes')) return sendsBody
  if (typeof how !== 'string' && how.kind === 'answer' && how.status === 200) {
    return verb.sort === 'within' || verb.name === 'deleteMany'
  }
  if (says === 'damage' || says === 'nothing') return verb.name !== 'head' && verb.name !== 'delete'
  return true
}

/** What the caller of a verb must see of a fault, and may. */
export function expectation(fault: Fault, verb: Verb, strikes: Strikes, existing: boolean): Expectation {
  const { says, repeated, hangs, carriedOut } = fault
  // What waits is tried again later, whatever happens: the call itself only says how far it came.
  if (verb.sort === 'settle') return also(ok, 'kept')
  if (says === 'nothing') return ok
  if (says === 'damage') return damaged(fault, verb, strikes, existing)
  if (strikes === 'once' && repeated) {
    // The second attempt has as little time as the first, and a busy machine may not manage.
    return hangs ? { may: ['ok', 'kept', 'rejected'], codes: OUT_OF_REACH } : ok
  }
  switch (verb.sort) {
    case 'read':
      // Asked why, S3 may say that there is no such key.
      if (says === 'refusal') return existing ? rejected('ACCESS_DENIED') : also(rejected('ACCESS_DENIED'), 'ok')
      return rejected(...OUT_OF_REACH)
    case 'fill':
    case 'remove':
      // Not as the condition demands is an answer, and none that another store could give.
      if (says === 'condition') return rejected('PRECONDITION_FAILED')
      // A look at the key may tell that it was done all the same.
      return carriedOut ? also(kept, 'ok') : kept
    case 'within':
      if (says === 'condition') return rejected('PRECONDITION_FAILED')
      return also(says === 'refusal' ? rejected('ACCESS_DENIED') : rejected(...OUT_OF_REACH), 'ok', 'kept')
    case 'fetch':
      // Of a move only the delete of the source is a change on S3, and comes last.
      if (fault.on === 'changes') return also(rejected(...OUT_OF_REACH, 'PRECONDITION_FAILED'), 'ok', 'kept')
      return says === 'refusal' ? rejected('ACCESS_DENIED') : rejected(...OUT_OF_REACH)
  }
}

/** Answers that do not arrive whole: only those with a body can be damaged. */
function damaged({ repeated }: Fault, verb: Verb, strikes: Strikes, existing: boolean): Expectation {
  const brokenOff = rejected(...OUT_OF_REACH)
  const flips = !repeated
  if (verb.name.startsWith('get')) return existing ? brokenOff : also(brokenOff, 'ok')
  if (verb.sort === 'fetch')
    return flips ? rejected('CORRUPT', 'UNAVAILABLE') : strikes === 'once' ? also(brokenOff, 'ok') : brokenOff
  if (verb.name === 'list') return also(brokenOff, 'ok')
  if (verb.sort === 'within') return also(brokenOff, 'ok', 'kept')
  return also(ok, 'kept')
}
