import { StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { ByteRange } from './options.js'
import type { ResolvedRange } from './reader.js'

/** Refuses a range that no blob could satisfy, before anything is asked: INVALID_ARGUMENT. */
export function checkRange(range: ByteRange): void {
  if (isRange(range)) return
  const message = 'A range is { start, end? } or { suffix }, whole numbers from 0, start <= end.'
  throw new StorageError('INVALID_ARGUMENT', message, { operation: 'get' })
}

function isRange(range: ByteRange): boolean {
  const whole = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
  if (typeof range !== 'object' || range === null) return false
  if ('suffix' in range) return whole(range.suffix)
  return whole(range.start) && (range.end === undefined || (whole(range.end) && range.end >= range.start))
}

/** The bytes that `range` covers of a blob of `size` bytes; INVALID_RANGE where it covers none. */
export function resolveRange(range: ByteRange, size: number, key: string): ResolvedRange {
  checkRange(range)
  const start = 'suffix' in range ? Math.max(0, size - range.suffix) : range.start
  const end = 'suffix' in range ? size - 1 : Math.min(range.end ?? size - 1, size - 1)
  if (start >= size) {
    throw new StorageError('INVALID_RANGE', `The range lies behind the ${size} bytes of ${quoteKey(key)}.`, {
      operation: 'get',
      key,
    })
  }
  return { start, end, size }
}
