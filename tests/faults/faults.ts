import { type FaultKind, s3Error } from '../servers/fault-proxy.js'

/** One way in which S3, or the way to it, goes wrong. */
export interface Fault {
  readonly name: string
  /** `refused`: nobody listens. `unresolved`: the host name leads nowhere. Else what the proxy does. */
  readonly how: 'refused' | 'unresolved' | FaultKind
  /** Which requests it strikes: all, those that change something, those whose answer has a body, or those that get a blob. */
  readonly on: 'all' | 'changes' | 'bodies' | 'objects'
  /**
   * What it tells about S3. `outage`: not there, overloaded, or not heard of again. `refusal`: does not want to.
   * `condition`: the key is not as the request demands. `damage`: what was answered does not arrive whole.
   * `nothing`: it only takes longer.
   */
  readonly says: 'outage' | 'refusal' | 'condition' | 'damage' | 'nothing'
  /** Whether the SDK asks again by itself, so that a fault that strikes once is not noticed. */
  readonly repeated: boolean
  /** Whether it is noticed only by waiting: timeouts are short then. */
  readonly hangs?: true
  /** Whether the server carries out the request that the caller takes for failed. */
  readonly carriedOut?: true
}

const answer = (status: number, code: string): FaultKind => ({ kind: 'answer', status, body: s3Error(code, 'a fault') })
const afterwards = (status: number, code: string): FaultKind =>
  ({ ...answer(status, code), after: 'commit' }) as FaultKind

/** As it is everywhere: all requests, and the SDK asks again. */
const outage = { on: 'all', says: 'outage', repeated: true } as const
/** Strikes what changes something; what is only read is answered. */
const lost = { on: 'changes', says: 'outage', repeated: true } as const

export const faults = {
  refused: { name: 'refused', how: 'refused', ...outage },
  unresolved: { name: 'DNS failure', how: 'unresolved', ...outage },
  hang: { name: 'hang before headers', how: { kind: 'hang' }, ...outage, hangs: true },
  stall: { name: 'hang in request body', how: { kind: 'stall', after: 100 }, ...lost, hangs: true },
  hangBody: {
    name: 'hang in answer body',
    how: { kind: 'hang-body', after: 30 },
    ...outage,
    on: 'bodies',
    says: 'damage',
    hangs: true,
  },
  reset: { name: 'reset before request', how: { kind: 'reset' }, ...outage },
  resetMidway: { name: 'reset in request body', how: { kind: 'reset', after: 100 }, ...lost },
  resetAfter: { name: 'reset after request', how: { kind: 'reset-after-request' }, ...outage },
  lostResponse: { name: 'response lost', how: { kind: 'lost-response' }, ...lost, carriedOut: true },
  noAnswer: { name: 'committed, no answer', how: { kind: 'no-answer' }, ...lost, hangs: true, carriedOut: true },
  late: { name: 'late commit', how: { kind: 'late' }, ...lost },
  internal: { name: '500', how: answer(500, 'InternalError'), ...outage },
  internalAfter: { name: '500 after commit', how: afterwards(500, 'InternalError'), ...lost, carriedOut: true },
  slowDown: { name: '503 SlowDown', how: answer(503, 'SlowDown'), ...outage },
  unavailable: { name: '503 Unavailable', how: answer(503, 'ServiceUnavailable'), ...outage },
  okError: { name: '200 with error', how: answer(200, 'InternalError'), ...lost },
  okErrorAfter: {
    name: '200 error after commit',
    how: afterwards(200, 'InternalError'),
    ...lost,
    carriedOut: true,
  },
  denied: { name: '403', how: answer(403, 'AccessDenied'), on: 'all', says: 'refusal', repeated: false },
  conflict: {
    name: '409 Conflict',
    how: answer(409, 'ConditionalRequestConflict'),
    on: 'changes',
    says: 'condition',
    repeated: false,
  },
  precondition: {
    name: '412',
    how: answer(412, 'PreconditionFailed'),
    on: 'changes',
    says: 'condition',
    repeated: false,
  },
  truncated: {
    name: 'truncated answer',
    how: { kind: 'truncate', after: 30 },
    ...outage,
    on: 'bodies',
    says: 'damage',
  },
  flipped: {
    name: 'flipped in answer',
    how: { kind: 'flip', at: 30, step: 7 },
    on: 'objects',
    says: 'damage',
    repeated: false,
  },
  flippedRequest: {
    name: 'flipped in request',
    how: { kind: 'flip-request', at: 30 },
    on: 'changes',
    says: 'outage',
    repeated: false,
  },
  slow: { name: 'slow drip', how: { kind: 'slow', bytesPerSecond: 2500 }, on: 'all', says: 'nothing', repeated: false },
} as const satisfies Record<string, Fault>

export type FaultName = keyof typeof faults
