import { StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { BlobInfo } from './blob.js'
import type { ReadConditions } from './options.js'

/** The etag without quotes; a `W/` in front stays. */
export function bareEtag(etag: string): string {
  const weak = etag.startsWith('W/')
  const opaque = (weak ? etag.slice(2) : etag).replace(/^"(.*)"$/, '$1')
  return weak ? `W/${opaque}` : opaque
}

/** Strong comparison (RFC 9110 section 8.8.3.2): equal and neither weak. Quotes do not matter. */
export function sameEtag(a: string, b: string): boolean {
  const x = bareEtag(a)
  return x === bareEtag(b) && !x.startsWith('W/')
}

/** Weak comparison (RFC 9110 section 8.8.3.2): equal, weak or not. Quotes do not matter. */
export function weaklySameEtag(a: string, b: string): boolean {
  return bareEtag(a).replace(/^W\//, '') === bareEtag(b).replace(/^W\//, '')
}

function fits(condition: string | readonly string[], etag: string, same: (a: string, b: string) => boolean): boolean {
  const tags = typeof condition === 'string' ? [condition] : condition
  return tags.some((tag) => tag === '*' || same(tag, etag))
}

/** Throws PRECONDITION_FAILED or NOT_MODIFIED as RFC 9110 section 13.2.2 orders them. The blob exists. */
export function checkReadConditions(info: BlobInfo, conditions: ReadConditions, operation: string): void {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions
  const modified = Math.floor(info.lastModified.getTime() / 1000)
  const seconds = (date: Date) => Math.floor(date.getTime() / 1000)
  const facts = { operation, key: info.key, current: info }
  if (ifMatch !== undefined) {
    if (!fits(ifMatch, info.etag, sameEtag)) {
      throw new StorageError('PRECONDITION_FAILED', `${quoteKey(info.key)} has another etag than ifMatch.`, facts)
    }
  } else if (ifUnmodifiedSince !== undefined && modified > seconds(ifUnmodifiedSince)) {
    throw new StorageError('PRECONDITION_FAILED', `${quoteKey(info.key)} was modified since ifUnmodifiedSince.`, facts)
  }
  if (ifNoneMatch !== undefined) {
    if (fits(ifNoneMatch, info.etag, weaklySameEtag)) {
      throw new StorageError('NOT_MODIFIED', `${quoteKey(info.key)} has an etag of ifNoneMatch.`, facts)
    }
  } else if (ifModifiedSince !== undefined && modified <= seconds(ifModifiedSince)) {
    throw new StorageError('NOT_MODIFIED', `${quoteKey(info.key)} was not modified since ifModifiedSince.`, facts)
  }
}

/** The conditions of a change. */
export interface WriteConditions {
  readonly ifNoneMatch?: '*' | undefined
  readonly ifMatch?: string | undefined
}

/** Refuses conditions that cannot be meant, before anything is done. */
export function checkWriteOptions(options: WriteConditions, operation: string): void {
  const refuse = (problem: string) =>
    new StorageError('INVALID_ARGUMENT', `${operation}: ${problem}.`, { operation, outcome: 'unchanged' })
  if (options.ifNoneMatch !== undefined && options.ifNoneMatch !== '*') {
    throw refuse("ifNoneMatch takes only '*' on a change")
  }
  if (options.ifNoneMatch !== undefined && options.ifMatch !== undefined) {
    throw refuse('ifMatch and ifNoneMatch exclude each other')
  }
  if (options.ifMatch !== undefined && (typeof options.ifMatch !== 'string' || bareEtag(options.ifMatch) === '')) {
    throw refuse('ifMatch is not an etag')
  }
}

/** Throws ALREADY_EXISTS or PRECONDITION_FAILED unless `currentEtag` (undefined: no blob there) allows the change. */
export function checkWriteConditions(
  key: string,
  currentEtag: string | undefined,
  conditions: WriteConditions,
  operation: string,
): void {
  const facts = { operation, key, outcome: 'unchanged' } as const
  if (conditions.ifNoneMatch !== undefined && currentEtag !== undefined) {
    throw new StorageError('ALREADY_EXISTS', `${quoteKey(key)} exists already.`, { ...facts, status: 412 })
  }
  if (conditions.ifMatch === undefined || conditions.ifMatch === '*') {
    if (conditions.ifMatch === '*' && currentEtag === undefined) {
      throw new StorageError('PRECONDITION_FAILED', `${quoteKey(key)} does not exist.`, facts)
    }
    return
  }
  if (currentEtag === undefined) {
    throw new StorageError('PRECONDITION_FAILED', `${quoteKey(key)} does not exist.`, facts)
  }
  if (!sameEtag(conditions.ifMatch, currentEtag)) {
    throw new StorageError('PRECONDITION_FAILED', `${quoteKey(key)} has another etag than ifMatch.`, facts)
  }
}
