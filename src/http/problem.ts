import { isStorageError, StorageError, type StorageErrorCode } from '../errors/index.js'
import { jsonResponse } from './json.js'
import type { HttpRequest, HttpResponse } from './message.js'
import type { ErrorOptions, FailedRequest } from './options.js'

/** Problem details (RFC 9457), as `application/problem+json`. */
export interface ProblemDetails {
  /** `about:blank` unless rewritten: the status says all (RFC 9457 section 4.2.1). */
  readonly type: string
  readonly title: string
  readonly status: number
  /** A sentence for people. Names no path, no bucket, no driver. */
  readonly detail: string
  readonly code: string
}

/** What a stranger may be told. The message of the error names keys, and is for the log. */
const texts: Readonly<Record<StorageErrorCode, readonly [title: string, detail: string]>> = {
  NOT_FOUND: ['Not Found', 'There is no such file.'],
  ALREADY_EXISTS: ['Conflict', 'There is such a file already.'],
  PRECONDITION_FAILED: ['Precondition Failed', 'The file is not, or no longer, the version that the request names.'],
  NOT_MODIFIED: ['Not Modified', 'The file was not modified.'],
  INVALID_KEY: ['Bad Request', 'The address is not one that a file can have.'],
  INVALID_ARGUMENT: ['Bad Request', 'The request holds a value that is not allowed.'],
  INVALID_RANGE: ['Range Not Satisfiable', 'The file is shorter than the range that was asked for.'],
  TOO_LARGE: ['Content Too Large', 'That is larger than is allowed.'],
  SIZE_MISMATCH: ['Bad Request', 'The body had another length than was announced.'],
  CHECKSUM_MISMATCH: ['Bad Request', 'The body does not match its checksum.'],
  BODY_FAILED: ['Bad Request', 'The body broke off.'],
  UNAVAILABLE: ['Service Unavailable', 'The storage cannot be reached at the moment. Try again later.'],
  TIMEOUT: ['Gateway Timeout', 'The storage did not answer in time. Try again later.'],
  ABORTED: ['Client Closed Request', 'The request was given up.'],
  NO_SPACE: ['Insufficient Storage', 'There is no space left.'],
  NOT_SUPPORTED: ['Not Implemented', 'The storage cannot do that.'],
  CONFIGURATION: ['Internal Server Error', 'The server is not set up correctly.'],
  UNAUTHENTICATED: ['Internal Server Error', 'The server is not set up correctly.'],
  ACCESS_DENIED: ['Internal Server Error', 'The server is not set up correctly.'],
  CORRUPT: ['Internal Server Error', 'The file cannot be read.'],
  INTERNAL: ['Internal Server Error', 'Something went wrong.'],
}

/** Seconds after which an outage may be over. */
const RETRY_AFTER = '5'

/** The answer that an error stands for. Tells `onError` of those that are the server's. */
export function errorResponse(failure: unknown, request: HttpRequest, options: ErrorOptions): HttpResponse {
  const error = asStorageError(failure)
  const response = problemResponse(problemOf(error, request, options), request.method)
  if (error.code !== 'ABORTED') reportIfOurs(error, response.status, request, options)
  const retry = error.retryable && response.status >= 500
  return retry ? { ...response, headers: { ...response.headers, 'retry-after': RETRY_AFTER } } : response
}

/** The problem details of an error, as the application wants them. */
export function problemOf(error: StorageError, request: HttpRequest, options: ErrorOptions): ProblemDetails {
  const { code, status } = error
  const [named, detail] = byStatus[status] ?? texts[code]
  // A file that is there already is a conflict, unless the request has made its absence a condition.
  const title = status === 412 ? texts.PRECONDITION_FAILED[0] : named
  return rewritten({ type: 'about:blank', title, status, detail, code }, { request, error }, options)
}

/** Problem details as an answer, without a body for HEAD. */
export function problemResponse(problem: ProblemDetails, method: string): HttpResponse {
  return jsonResponse(problem, { status: problem.status, method, contentType: 'application/problem+json' })
}

/** A plain answer that says no, of a status that no storage error stands for. */
export function refusal(
  status: RefusalStatus,
  request: HttpRequest,
  options: ErrorOptions,
  hint?: string,
): HttpResponse {
  const [code, title, detail] = refusals[status]
  const problem = { type: 'about:blank', title, status, detail, code }
  return problemResponse(rewritten(problem, { request, error: refused(status, hint) }, options), request.method)
}

/** The same as an error, for where it is found out in the middle of something. */
export function refused(status: RefusalStatus, hint?: string): StorageError {
  const [code, , detail] = refusals[status]
  return new StorageError(code, detail, { operation: 'http', status, ...(hint === undefined ? {} : { hint }) })
}

type RefusalStatus = keyof typeof refusals

const refusals = {
  401: ['ACCESS_DENIED', 'Unauthorized', 'Sign in to do that.'],
  403: ['ACCESS_DENIED', 'Forbidden', 'That is not allowed.'],
  404: ['NOT_FOUND', 'Not Found', 'There is no such file.'],
  405: ['NOT_SUPPORTED', 'Method Not Allowed', 'The address does not know that method.'],
  413: ['TOO_LARGE', 'Content Too Large', 'The file is too large for that.'],
  415: ['INVALID_ARGUMENT', 'Unsupported Media Type', 'That type of body is not taken here.'],
} as const satisfies Record<number, readonly [StorageErrorCode, string, string]>

/**
 * What a status says more plainly than the code. An ACCESS_DENIED may be the storage's, which is a fault of the server, or
 * that of a request.
 */
const byStatus: Readonly<Record<number, readonly [title: string, detail: string]>> = {
  401: [refusals[401][1], refusals[401][2]],
  403: [refusals[403][1], refusals[403][2]],
  408: ['Request Timeout', 'The body did not arrive in time.'],
  415: ['Unsupported Media Type', 'That type of body or file is not taken here.'],
  422: ['Unprocessable Content', 'The content of the body is not accepted.'],
}

/** What went wrong as a StorageError: an `authorize` of the application may throw anything. */
export function asStorageError(failure: unknown): StorageError {
  if (isStorageError(failure)) return failure
  return new StorageError('INTERNAL', 'The request failed for a reason outside the storage.', {
    operation: 'http',
    cause: failure,
  })
}

/** Tells the application of a failure. What its hook throws would take the answer, or the process, with it. */
export function report(failed: FailedRequest, { onError }: ErrorOptions): void {
  try {
    onError?.(failed)
  } catch {
    // There is nobody left to be told.
  }
}

function reportIfOurs(error: StorageError, status: number, request: HttpRequest, options: ErrorOptions): void {
  if (status >= 500) report({ request, error }, options)
}

function rewritten(problem: ProblemDetails, failed: FailedRequest, options: ErrorOptions): ProblemDetails {
  try {
    return { ...problem, ...options.problem?.(failed) }
  } catch {
    // The plain text is better than no answer.
    return problem
  }
}
