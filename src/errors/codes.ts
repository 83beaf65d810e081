/**
 * What each code means to HTTP, whether repeating the same call may help, and what to do about it.
 * The set is closed: every failure of the library carries one of these codes.
 */
export const errorCodes = {
  NOT_FOUND: { status: 404, retryable: false, hint: 'Check the key; it is case-sensitive.' },
  ALREADY_EXISTS: {
    status: 409,
    retryable: false,
    hint: 'Choose another key, or put without ifNoneMatch to overwrite.',
  },
  PRECONDITION_FAILED: {
    status: 412,
    retryable: false,
    hint: 'The blob changed since its etag was read: read it again and repeat the change.',
  },
  NOT_MODIFIED: { status: 304, retryable: false, hint: 'The copy that the caller holds is current.' },
  INVALID_KEY: {
    status: 400,
    retryable: false,
    hint: 'A key is 1 to 1024 bytes of UTF-8 without a leading slash, a backslash, control characters, or empty, "." and ".." segments.',
  },
  INVALID_ARGUMENT: { status: 400, retryable: false, hint: 'Correct the argument that the message names.' },
  INVALID_RANGE: { status: 416, retryable: false, hint: 'Ask for a range that starts inside the blob.' },
  TOO_LARGE: { status: 413, retryable: false, hint: 'Send a smaller body or raise maxSize.' },
  SIZE_MISMATCH: {
    status: 400,
    retryable: false,
    hint: 'The body had another length than the declared size; the upload may have been cut off.',
  },
  CHECKSUM_MISMATCH: {
    status: 400,
    retryable: false,
    hint: 'The bytes received are not the ones that were announced: send them again.',
  },
  BODY_FAILED: {
    status: 400,
    retryable: false,
    hint: 'The source of the body failed, not the storage: see cause, and call again with a fresh body.',
  },
  UNAVAILABLE: {
    status: 503,
    retryable: true,
    hint: 'The storage cannot be reached or is overloaded: try again later.',
  },
  TIMEOUT: {
    status: 504,
    retryable: true,
    hint: 'The storage did not answer in time: try again later, or raise the timeouts.',
  },
  ABORTED: { status: 499, retryable: false, hint: "The call's signal was aborted." },
  NO_SPACE: { status: 507, retryable: true, hint: 'Free some space on the disk, or raise its quota.' },
  NOT_SUPPORTED: {
    status: 501,
    retryable: false,
    hint: 'This driver or endpoint cannot do that; see its capabilities.',
  },
  CONFIGURATION: { status: 500, retryable: false, hint: "Correct the store's configuration." },
  UNAUTHENTICATED: {
    status: 500,
    retryable: false,
    hint: 'Check the access key, its secret, the session token and the clock of this machine.',
  },
  ACCESS_DENIED: { status: 500, retryable: false, hint: 'Grant the credentials the right that the operation needs.' },
  CORRUPT: {
    status: 500,
    retryable: false,
    hint: 'What is stored is not what was written: restore the blob from a backup, or write it again.',
  },
  INTERNAL: { status: 500, retryable: false, hint: 'This is unexpected: see cause.' },
} as const satisfies Record<string, { status: number; retryable: boolean; hint: string }>

/** The closed set of codes; `switch` over it and the compiler tells which one was forgotten. */
export type StorageErrorCode = keyof typeof errorCodes
