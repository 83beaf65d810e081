import { StorageError } from '../errors/index.js'

/** The longest key that every driver takes, in bytes of UTF-8. It is S3's own limit. */
export const MAX_KEY_BYTES = 1024

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

/**
 * Why `key` is no legal key, as the end of a sentence, or undefined where it is one.
 * The rules are the same on every driver and operating system.
 */
export function keyProblem(key: unknown): string | undefined {
  if (typeof key !== 'string') return `is ${key === null ? 'null' : `of type ${typeof key}`}, not a string`
  if (key === '') return 'is empty'
  if (key.length > MAX_KEY_BYTES || Buffer.byteLength(key) > MAX_KEY_BYTES) {
    return `has ${Buffer.byteLength(key)} bytes, more than ${MAX_KEY_BYTES}`
  }
  if (key.startsWith('/')) return 'starts with a slash'
  if (key.includes('\\')) return 'holds a backslash'
  if (CONTROL.test(key)) return 'holds a control character'
  if (!key.isWellFormed()) return 'holds a lone surrogate, which has no UTF-8 form'
  for (const segment of key.split('/')) {
    if (segment === '') return 'has an empty segment (a double or a trailing slash)'
    if (segment === '.' || segment === '..') return `has a "${segment}" segment`
  }
  return undefined
}

/** Why `value` cannot be one segment of a key or a part of one, as the end of a sentence; undefined where it can. */
export function segmentProblem(value: string): string | undefined {
  if (value.includes('/')) return 'holds a slash'
  return keyProblem(value)
}

/** Throws INVALID_KEY unless `key` obeys the rules of {@link keyProblem}. */
export function assertKey(key: unknown, operation?: string): asserts key is string {
  const problem = keyProblem(key)
  if (problem === undefined) return
  throw new StorageError('INVALID_KEY', `The key ${quoteKey(key)} ${problem}.`, {
    operation,
    outcome: 'unchanged',
  })
}

/** The key as it may stand in a message: cut to 100 characters, control, bidi and zero-width characters escaped. */
export function quoteKey(key: unknown): string {
  if (typeof key !== 'string') return String(typeof key)
  const short = key.length > 100 ? `${key.slice(0, 100)}…` : key
  return JSON.stringify(short).replace(
    /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (char) => {
      return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
    },
  )
}
