import { KEY_ID } from './keys.js'

/** The query parameters of signed links. A link has no others. */
export const signedParameters = {
  /** When it stops working, in whole seconds since 1970. */
  expires: 'hs-exp',
  /** The id of the key that signed it. */
  key: 'hs-kid',
  /** The Content-Disposition of the answer; absent where the blob's own is to be taken. */
  contentDisposition: 'hs-cd',
  /**
   * The Content-Type of the answer; absent where the blob's own is to be taken. Of an upload: the one that it must have.
   */
  contentType: 'hs-ct',
  /** Bytes that an upload must have; absent where it may have any number. */
  size: 'hs-size',
  /** Bytes that an upload may have at most; absent for no limit. */
  maxSize: 'hs-max',
  /** `1`: an upload must not find a blob at its path. */
  createOnly: 'hs-new',
  /** HMAC-SHA256, as base64url without padding. */
  signature: 'hs-sig',
} as const

/** One way to write a number of bytes, so that no two queries say the same. */
const BYTES = /^(0|[1-9]\d{0,15})$/

/** What the parameters may look like. Headers are printable ASCII, as on S3. */
const forms: Readonly<Record<string, RegExp>> = {
  'hs-exp': /^[1-9]\d{0,11}$/,
  'hs-kid': KEY_ID,
  'hs-cd': /^[\x20-\x7e]{1,2048}$/,
  'hs-ct': /^[\x20-\x7e]{1,256}$/,
  'hs-size': BYTES,
  'hs-max': BYTES,
  'hs-new': /^1$/,
  'hs-sig': /^[A-Za-z0-9_-]{43}$/,
}

/** Longer than any query that has these forms, fully encoded. */
const MAX_QUERY = 8192

/** What every link has. */
const ALWAYS: readonly string[] = [signedParameters.expires, signedParameters.key, signedParameters.signature]

/** Whether `value` is what the parameter `name` may hold. */
export function fitsParameter(name: string, value: string): boolean {
  return Object.hasOwn(forms, name) && (forms[name] as RegExp).test(value)
}

/** The parameters of a query, each at most once; undefined where it has anything else in it than `names` and the usual. */
export function readParameters(
  query: string | URLSearchParams,
  names: readonly string[],
): ReadonlyMap<string, string> | undefined {
  if (typeof query === 'string' && query.length > MAX_QUERY) return undefined
  const parameters = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query)) {
    const expected = names.includes(name) || ALWAYS.includes(name)
    if (!expected || parameters.has(name) || !fitsParameter(name, value)) return undefined
    parameters.set(name, value)
  }
  return parameters
}
