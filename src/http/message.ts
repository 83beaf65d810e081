import type { Readable } from 'node:stream'
import { StorageError } from '../errors/index.js'

/** Header fields as Node hands them over: lower-case names; a list where a field came several times. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

/** What the HTTP layer needs to know of a request, whichever server took it. */
export interface HttpRequest {
  /** `GET`, `HEAD`, ... in capitals. */
  readonly method: string
  readonly headers: RequestHeaders
  /** Aborted when the client has gone: what is open for it is released. */
  readonly signal?: AbortSignal | undefined
  /**
   * The body as it arrives, once; it fails when the client goes in the middle of it. Throws CONFIGURATION where somebody
   * else has read it. Adapters give it; without it nothing can be taken in.
   */
  readonly body?: (() => Readable) | undefined
}

/** An answer, for an adapter to write out. */
export interface HttpResponse {
  readonly status: number
  /** Lower-case names. `content-length` is there wherever there is a body. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * The bytes; undefined where there are none (HEAD, 304, 204). A stream delivers exactly `content-length` bytes or
   * fails, and must then be seen to fail by the client too: by a connection that is cut, never by an end. Whoever does
   * not read it destroys it. Some streams are {@link LendingBody} too.
   */
  readonly body?: Uint8Array | Readable | undefined
}

/**
 * A stream whose chunks can be borrowed, by whoever can tell when one has been sent: two buffers then do for a body of any
 * length. Whoever borrows reads it in no other way, and listens to `error` as ever.
 */
export interface LendingBody {
  /** The next bytes; undefined at the end, which `end` tells too. Rejects as the stream fails. One call at a time. */
  lend(): Promise<Uint8Array | undefined>
  /** Takes a chunk back that was sent: its memory is written over. */
  giveBack(chunk: Uint8Array): void
}

/** One field as one string; several of a name are joined as RFC 9110 section 5.3 allows. */
export function field(headers: RequestHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' || value === undefined ? value : value.join(', ')
}

/** A stored value as a header field's, or undefined where no header could carry it (RFC 9110 section 5.5, ASCII only). */
export function fieldValue(value: string | undefined): string | undefined {
  const trimmed = value?.trim()
  return trimmed && /^[\x20-\x7e\t]+$/.test(trimmed) ? trimmed : undefined
}

/** For each field the value that was found valid last: most are the same in every answer. */
const valid = new Map<string, unknown>()
const MAX_NAMES = 64

/** CONFIGURATION for a field that no server would send: found out while an answer of another kind is still possible. */
export function checkField(name: string, value: unknown): void {
  if (value !== undefined && valid.get(name) === value) return
  assertField(name, value)
  if (valid.size >= MAX_NAMES) valid.clear()
  valid.set(name, value)
}

function assertField(name: string, value: unknown): void {
  const isValid =
    /^[\w!#$%&'*+.^`|~-]+$/.test(name) && typeof value === 'string' && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
  if (isValid) return
  throw new StorageError('CONFIGURATION', `The header field ${JSON.stringify(name)} cannot be sent.`, {
    operation: 'http',
    hint: 'Its value, or what a function of yours answered for it, holds a character that HTTP does not allow.',
  })
}
