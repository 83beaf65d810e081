import { StorageError } from '../../errors/index.js'

/** All of these end an upload before anything of it is published. */
const facts = { operation: 'upload', outcome: 'unchanged' } as const

/** 400: the body is not what its Content-Type says that it is. */
export function malformed(problem: string): StorageError {
  return new StorageError('INVALID_ARGUMENT', `The body is no multipart/form-data: ${problem}.`, {
    ...facts,
    hint: 'Send the body as RFC 7578 has it; browsers and FormData do.',
  })
}

/** 400: the body ended before its end, or before the length that was announced. */
export function brokeOff(problem: string, cause?: unknown): StorageError {
  return new StorageError('BODY_FAILED', `The body broke off: ${problem}.`, {
    ...facts,
    ...(cause === undefined ? {} : { cause }),
  })
}

/** Nobody is left to be answered. */
export function gone(signal: AbortSignal | undefined): StorageError {
  return new StorageError('ABORTED', 'The client has gone.', { ...facts, cause: signal?.reason })
}

/** 413. */
export function tooMuch(what: string, limit: number): StorageError {
  return new StorageError('TOO_LARGE', `The upload has more than ${limit} ${what}.`, {
    ...facts,
    hint: 'Send less, or raise the limit that the message names.',
  })
}

/** 415: a kind of body, file or type that is not taken here. */
export function notTaken(problem: string, hint: string): StorageError {
  return new StorageError('INVALID_ARGUMENT', `The upload is refused: ${problem}.`, { ...facts, status: 415, hint })
}

/** 422: the bytes arrived whole, and are not wanted. */
export function notAccepted(problem: string): StorageError {
  return new StorageError('INVALID_ARGUMENT', `The upload is refused: ${problem}.`, { ...facts, status: 422 })
}

/** 422: the bytes are not those that the request announced. */
export function notAsAnnounced(field: string): StorageError {
  return new StorageError('CHECKSUM_MISMATCH', `The body does not hash to what ${field} announced.`, {
    ...facts,
    status: 422,
  })
}

/** 500: a request whose body somebody else has taken, in whole or in part. For adapters. */
export function alreadyRead(): StorageError {
  return new StorageError('CONFIGURATION', 'The body of the request was read already.', {
    ...facts,
    hint: 'Mount the route before the body parsers (express.json, express.raw, multer, ...), or keep them from this address.',
  })
}
