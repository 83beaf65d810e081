import type { BlobAttributes } from './blob.js'

/** Offsets in bytes. `end` is inclusive and may lie beyond the blob; `suffix` is how many bytes from the end. */
export type ByteRange = { readonly start: number; readonly end?: number | undefined } | { readonly suffix: number }

export interface SignalOptions {
  /** Aborting it ends the call with ABORTED, and leaves the key as it was wherever that is still possible. */
  readonly signal?: AbortSignal | undefined
}

/** How much of a body has been taken from its source. */
export interface PutProgress {
  readonly key: string
  /** Bytes so far. */
  readonly bytes: number
  /** Bytes altogether, where known. */
  readonly total?: number | undefined
}

export interface PutOptions extends BlobAttributes, SignalOptions {
  /** Bytes the body must have, else SIZE_MISMATCH. Lets a stream go out in one request. */
  readonly size?: number | undefined
  /** Bytes the body may have at most, else TOO_LARGE as soon as the first byte beyond arrives. No limit by default. */
  readonly maxSize?: number | undefined
  /** Lower- or upper-case hex that the body must hash to, else CHECKSUM_MISMATCH. */
  readonly sha256?: string | undefined
  /** Checksum that S3 is to compute and keep beside the object; other drivers have no use for it. */
  readonly checksum?: 'crc32' | 'crc32c' | 'sha1' | 'sha256' | undefined
  /** `*`: only if the key does not exist yet, else ALREADY_EXISTS. Judged at publish. */
  readonly ifNoneMatch?: '*' | undefined
  /** Only if the current etag is this one (quoted or not), else PRECONDITION_FAILED. Judged at publish. */
  readonly ifMatch?: string | undefined
  /** Milliseconds that a stream may stay silent before the put fails with BODY_FAILED; 60,000 by default, 0 for ever. */
  readonly idleTimeout?: number | undefined
  /**
   * Names this write, so that it is recognised where its answer was lost; up to 64 printable ASCII characters. A driver
   * that keeps it shows it in `BlobInfo.writeToken` as long as this version is there; others ignore it.
   */
  readonly writeToken?: string | undefined
  /** Called as bytes are taken from the body. Must not throw. */
  readonly onProgress?: ((progress: PutProgress) => void) | undefined
}

/** Conditions on a read, in the order of RFC 9110 section 13.2.2. Dates are compared in whole seconds. */
export interface ReadConditions {
  /** An etag (quoted or not) or several or `*`; none fits: PRECONDITION_FAILED. Strong comparison. */
  readonly ifMatch?: string | readonly string[] | undefined
  /** An etag (quoted or not) or several or `*`; one fits: NOT_MODIFIED. Weak comparison. */
  readonly ifNoneMatch?: string | readonly string[] | undefined
  /** NOT_MODIFIED unless modified later. Ignored where `ifNoneMatch` is given. */
  readonly ifModifiedSince?: Date | undefined
  /** PRECONDITION_FAILED if modified later. Ignored where `ifMatch` is given. */
  readonly ifUnmodifiedSince?: Date | undefined
}

export interface GetOptions extends ReadConditions, SignalOptions {
  /** The part of the blob wanted; INVALID_RANGE if it starts behind the end or is a suffix of zero bytes. */
  readonly range?: ByteRange | undefined
}

export interface HeadOptions extends ReadConditions, SignalOptions {}

export interface DeleteOptions extends SignalOptions {
  /** Only this version, else PRECONDITION_FAILED; a missing key is PRECONDITION_FAILED too. */
  readonly ifMatch?: string | undefined
}

export interface ListOptions extends SignalOptions {
  /** Only keys that start with this string, character by character. */
  readonly prefix?: string | undefined
  /** Rolls up keys that hold it behind the prefix into one {@link ListedPrefix} each. Usually `/`. */
  readonly delimiter?: string | undefined
  /** Only entries behind this key in UTF-8 byte order. */
  readonly startAfter?: string | undefined
  /** At most so many entries. No limit by default. */
  readonly limit?: number | undefined
}

export interface CopyOptions extends SignalOptions {
  /** `*`: only if the destination does not exist yet, else ALREADY_EXISTS. */
  readonly ifNoneMatch?: '*' | undefined
  /** As on a put; the copy never keeps the token of its source. */
  readonly writeToken?: string | undefined
}

export interface SignUrlOptions extends SignalOptions {
  /** Seconds until the URL stops working; 3600 by default, at most 604,800 (seven days). */
  readonly expiresIn?: number | undefined
  /** The Content-Disposition of the answer. */
  readonly contentDisposition?: string | undefined
  /** The Content-Type of the answer. */
  readonly contentType?: string | undefined
}

export interface SignUploadOptions extends SignalOptions {
  /** `PUT` (the body is the blob) by default; `POST` is a browser's form with a field `file`. */
  readonly method?: 'PUT' | 'POST' | undefined
  /** Seconds until the upload must have begun; 3600 by default, at most 604,800 (seven days). */
  readonly expiresIn?: number | undefined
  /** Content-Type that the upload must carry, and that the blob gets. */
  readonly contentType?: string | undefined
  /** Bytes that the upload must have. */
  readonly size?: number | undefined
  /** Bytes that the upload may have at most. S3 can hold a POST to it, but no PUT: INVALID_ARGUMENT. */
  readonly maxSize?: number | undefined
  /** `*` binds the upload to a key that does not exist yet. S3 can hold a PUT to it, but no POST: INVALID_ARGUMENT. */
  readonly ifNoneMatch?: '*' | undefined
}

/** What a browser needs to upload one blob by itself. */
export type SignedUpload =
  | {
      readonly method: 'PUT'
      readonly url: string
      /** Headers that the request must carry as they stand here. */
      readonly headers: Readonly<Record<string, string>>
      readonly expiresAt: Date
    }
  | {
      readonly method: 'POST'
      readonly url: string
      /** Form fields to send in front of the field `file`. */
      readonly fields: Readonly<Record<string, string>>
      readonly expiresAt: Date
    }
