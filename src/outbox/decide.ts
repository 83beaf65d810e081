import type { OutboxBase } from './types.js'

/** What was found at the key of a waiting change, on the driver that the change is meant for. */
export interface RemoteVersion {
  readonly etag: string
  /** By the driver's own clock. */
  readonly lastModified: Date
  /** Whose write it is: that of the change itself, an earlier one through the same outbox, or anybody else's. */
  readonly writer: 'itself' | 'ours' | 'foreign'
  /** Whether bytes and attributes are those that the change would bring. */
  readonly same: boolean
}

/** What a decision needs to know of the waiting change. */
export interface WaitingChange {
  readonly operation: 'put' | 'delete'
  readonly base: OutboxBase
  /** The last time that the driver's clock was heard of before the change. */
  readonly seen?: Date | undefined
}

/** What to do with a waiting change. Whatever is written is written under a condition that its reason still holds. */
export type ChangeDecision =
  /** It is carried out already, or there is nothing to do. */
  | { readonly do: 'nothing' }
  /** Write it where nothing is; `missed`: the version that it was based on is gone, which is worth a note. */
  | { readonly do: 'create'; readonly missed?: true }
  /** Write it over, or delete, exactly this version. */
  | { readonly do: 'replace'; readonly etag: string }
  /** Somebody else changed the key. */
  | { readonly do: 'conflict'; readonly etag: string }

/**
 * Decides by what the driver says, and by no clock of ours. A version that came through the same outbox never stands
 * against a waiting change: every change through the outbox supersedes what waits when it is complete, so that a record
 * that still waits is newer than all of them. Of a foreign version it is enough to know that it was there before the
 * change; the driver's clock counts whole seconds, so that only an earlier one is before.
 */
export function decide({ operation, base, seen }: WaitingChange, remote: RemoteVersion | undefined): ChangeDecision {
  if (remote === undefined) {
    if (operation === 'delete') return { do: 'nothing' }
    return typeof base === 'object' ? { do: 'create', missed: true } : { do: 'create' }
  }
  const { etag, lastModified, writer, same } = remote
  if (writer === 'itself' || (operation === 'put' && same)) return { do: 'nothing' }
  if (writer === 'ours') return { do: 'replace', etag }
  if (typeof base === 'object') return base.etag === etag ? { do: 'replace', etag } : { do: 'conflict', etag }
  const older = seen !== undefined && wholeSeconds(lastModified) < wholeSeconds(seen)
  return base === 'unknown' && older ? { do: 'replace', etag } : { do: 'conflict', etag }
}

function wholeSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000)
}
