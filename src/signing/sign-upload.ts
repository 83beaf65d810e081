import { uploadForms } from './link-form.js'
import { invalid, type LinkOptions, linkParameters, makeLink } from './make-link.js'

/** What an upload through a link must be like. */
export interface UploadBounds {
  /** The Content-Type that the upload must have: printable ASCII, up to 256 characters. */
  readonly contentType: string
  /** Bytes that it must have; any number by default. */
  readonly size?: number | undefined
  /** Bytes that it may have at most; no limit by default. */
  readonly maxSize?: number | undefined
  /** `*`: it must not find a blob at its path. */
  readonly ifNoneMatch?: '*' | undefined
}

export interface SignUploadPathOptions extends LinkOptions, UploadBounds {
  /** `PUT`: the body is the blob. `POST`: a form with the blob in its field `file`. */
  readonly method: 'PUT' | 'POST'
}

/**
 * A URL under `baseUrl` that lets its bearer write `path` until it expires, within these bounds. Pure. It is good for
 * writing alone, as one of `signPath` is for reading.
 *
 * INVALID_ARGUMENT where method, time, path or bounds will not do; CONFIGURATION where keys or base URL will not.
 */
export function signUploadPath(options: SignUploadPathOptions): string {
  const operation = 'signUpload'
  const { method, contentType, size, maxSize, ifNoneMatch } = options
  if (method !== 'PUT' && method !== 'POST') throw invalid(operation, 'the method is neither PUT nor POST')
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') throw invalid(operation, "ifNoneMatch takes only '*'")
  if (typeof contentType !== 'string' || contentType === '') throw invalid(operation, 'there is no contentType')
  const parameters = linkParameters(operation, {
    contentType,
    size: bytes('size', size),
    maxSize: bytes('maxSize', maxSize),
    createOnly: ifNoneMatch === undefined ? undefined : '1',
  })
  return makeLink(operation, uploadForms[method], options, parameters)
}

function bytes(name: string, value: number | undefined): string | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return value?.toString()
  throw invalid('signUpload', `${name} is no whole number from 0`)
}
