import { isStorageError, StorageError, type StorageErrorCode, type StorageErrorOptions } from '../../errors/index.js'
import { quoteKey } from '../../keys/index.js'
import { mayHaveBeenCarriedOut, type Trace } from './trace.js'

/** What was being done when it failed. */
export interface FailedCall {
  readonly operation: string
  /** The key as the caller knows it. */
  readonly key?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Whether the call was to change something, so that the error says what became of the key. */
  readonly change?: boolean | undefined
  readonly trace?: Trace | undefined
}

interface SdkError {
  readonly name?: string
  readonly Code?: string
  readonly code?: string
  readonly message?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
  readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> }
  readonly Region?: string
}

type Meaning = readonly [
  code: StorageErrorCode,
  says: string,
  more?: Pick<StorageErrorOptions, 'hint' | 'retryable' | 'throttled'>,
]

const CREDENTIALS = 'Check the access key, its secret and the session token that the S3 driver is given.'
const REGION = 'Give the S3 driver the region that the bucket is in.'

/** By the error code that S3 or the SDK gives. */
const byName: Readonly<Record<string, Meaning>> = {
  NoSuchKey: ['NOT_FOUND', 'does not exist'],
  NoSuchBucket: [
    'CONFIGURATION',
    'The configured bucket does not exist.',
    { hint: 'Create the bucket, or correct its name.' },
  ],
  InvalidBucketName: [
    'CONFIGURATION',
    'The configured bucket name is not valid.',
    { hint: 'Correct the bucket name.' },
  ],
  NoSuchUpload: ['UNAVAILABLE', 'The multipart upload was aborted by somebody else.', { hint: 'Put the blob again.' }],
  AccessDenied: [
    'ACCESS_DENIED',
    'S3 refused the operation.',
    {
      hint: 'Grant the credentials the right that the operation needs. Without s3:ListBucket S3 gives this answer for a missing key, too.',
    },
  ],
  AllAccessDisabled: ['ACCESS_DENIED', 'All access to the configured bucket is disabled.'],
  AccountProblem: ['ACCESS_DENIED', 'There is a problem with the AWS account.'],
  InvalidObjectState: [
    'ACCESS_DENIED',
    'The object is archived and must be restored before it can be read.',
    { hint: 'Restore the object from its archive storage class.' },
  ],
  InvalidAccessKeyId: ['UNAUTHENTICATED', 'S3 does not know the access key.', { hint: CREDENTIALS }],
  SignatureDoesNotMatch: ['UNAUTHENTICATED', 'S3 does not accept the signature.', { hint: CREDENTIALS }],
  ExpiredToken: ['UNAUTHENTICATED', 'The session token has expired.', { hint: CREDENTIALS }],
  ExpiredTokenException: ['UNAUTHENTICATED', 'The session token has expired.', { hint: CREDENTIALS }],
  TokenRefreshRequired: ['UNAUTHENTICATED', 'The session token must be refreshed.', { hint: CREDENTIALS }],
  InvalidToken: ['UNAUTHENTICATED', 'The session token is not valid.', { hint: CREDENTIALS }],
  InvalidClientTokenId: ['UNAUTHENTICATED', 'S3 does not know the access key.', { hint: CREDENTIALS }],
  CredentialsProviderError: [
    'UNAUTHENTICATED',
    'No credentials for S3 were found.',
    { hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, pass credentials, or give this machine a role.' },
  ],
  TokenProviderError: ['UNAUTHENTICATED', 'The sign-on session of the AWS profile has expired.', { hint: CREDENTIALS }],
  RequestTimeTooSkewed: [
    'UNAUTHENTICATED',
    "The clock of this machine and S3's are too far apart.",
    { hint: 'Set the clock of this machine (NTP).' },
  ],
  PermanentRedirect: ['CONFIGURATION', 'The configured bucket is in another region.', { hint: REGION }],
  TemporaryRedirect: ['UNAVAILABLE', 'S3 is still moving the bucket to its region.'],
  AuthorizationHeaderMalformed: ['CONFIGURATION', 'S3 expects another region in the signature.', { hint: REGION }],
  IllegalLocationConstraintException: [
    'CONFIGURATION',
    'The configured bucket is in another region.',
    { hint: REGION },
  ],
  PreconditionFailed: ['PRECONDITION_FAILED', 'is not as the condition demands'],
  ConditionalRequestConflict: ['PRECONDITION_FAILED', 'was being changed by somebody else'],
  NotModified: ['NOT_MODIFIED', 'was not modified'],
  InvalidRange: ['INVALID_RANGE', 'is shorter than the range'],
  KeyTooLongError: ['INVALID_KEY', 'is longer than S3 allows'],
  EntityTooLarge: ['TOO_LARGE', 'S3 takes no body of that size.'],
  MetadataTooLarge: ['INVALID_ARGUMENT', 'S3 takes no metadata of that size.', { hint: 'Give less metadata.' }],
  BadDigest: [
    'UNAVAILABLE',
    'S3 received other bytes than were sent.',
    { hint: 'The connection damaged the body; nothing was stored. Try again.' },
  ],
  XAmzContentSHA256Mismatch: ['UNAVAILABLE', 'S3 received other bytes than were sent.'],
  IncompleteBody: ['UNAVAILABLE', 'S3 received fewer bytes than were announced.'],
  RequestTimeout: ['TIMEOUT', 'S3 waited too long for the body of the request.'],
  TimeoutError: ['TIMEOUT', 'S3 did not answer in time.'],
  SlowDown: ['UNAVAILABLE', 'S3 asks to slow down.', { throttled: true }],
  ServiceUnavailable: ['UNAVAILABLE', 'S3 is not available.'],
  InternalError: ['UNAVAILABLE', 'S3 failed inside.'],
  OperationAborted: ['UNAVAILABLE', 'S3 is busy with a conflicting operation.'],
  NotImplemented: ['NOT_SUPPORTED', 'The endpoint cannot do that.'],
  AccessControlListNotSupported: [
    'NOT_SUPPORTED',
    'The configured bucket has no ACLs.',
    { hint: "Leave visibility out (visibility: false), or change the bucket's object ownership setting." },
  ],
  InvalidEncryptionAlgorithmError: [
    'CONFIGURATION',
    'The endpoint refuses the encryption asked for.',
    { hint: 'Correct the option sse.' },
  ],
  'KMS.NotFoundException': ['CONFIGURATION', 'The KMS key does not exist.', { hint: 'Correct the option sse.' }],
  'KMS.DisabledException': ['CONFIGURATION', 'The KMS key is disabled.', { hint: 'Enable the KMS key.' }],
  QuotaExceeded: [
    'NO_SPACE',
    "The bucket's quota is used up.",
    { hint: "Raise the bucket's quota, or delete something." },
  ],
  XMinioStorageFull: ['NO_SPACE', 'The S3 server has no space left.', { hint: 'Make space on the S3 server.' }],
}

/** By status, where the name is missing (answers to HEAD have no body) or not known. Never by the absence of one. */
function byStatus(status: number): Meaning | undefined {
  switch (status) {
    case 301:
    case 302:
    case 307:
    case 308:
      return byName.PermanentRedirect
    case 304:
      return byName.NotModified
    case 401:
      return byName.InvalidAccessKeyId
    case 403:
      return byName.AccessDenied
    case 404:
      return byName.NoSuchKey
    case 405:
    case 501:
      return byName.NotImplemented
    case 408:
      return byName.RequestTimeout
    case 409:
      return byName.OperationAborted
    case 412:
      return byName.PreconditionFailed
    case 413:
      return byName.EntityTooLarge
    case 416:
      return byName.InvalidRange
    case 429:
      return byName.SlowDown
    case 504:
      return ['TIMEOUT', 'A gateway in front of S3 got no answer in time.']
    case 507:
      return byName.XMinioStorageFull
    default:
      return status >= 500 ? byName.ServiceUnavailable : undefined
  }
}

/** By the system error that the connection ended with. */
function byErrno(code: string): Meaning | undefined {
  switch (code) {
    case 'ECONNREFUSED':
      return ['UNAVAILABLE', 'The S3 endpoint refuses connections.']
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_NODATA':
      return [
        'UNAVAILABLE',
        'The host name of the S3 endpoint cannot be resolved.',
        { hint: 'Check the endpoint, the region and the DNS of this machine.' },
      ]
    case 'ETIMEDOUT':
    case 'ESOCKETTIMEDOUT':
      return byName.TimeoutError
    case 'CERT_HAS_EXPIRED':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return [
        'CONFIGURATION',
        "The S3 endpoint's certificate is not trusted.",
        { hint: 'Correct the endpoint, or trust its authority (NODE_EXTRA_CA_CERTS).' },
      ]
    case 'EMFILE':
    case 'ENFILE':
      return [
        'UNAVAILABLE',
        'This process has no file handles left for a connection to S3.',
        { hint: 'Raise the limit of open files (ulimit -n), and cancel readers that are not read.' },
      ]
    default:
      return /^(E[A-Z]+|UND_ERR_[A-Z_]+|HPE_[A-Z_]+|ERR_SSL_[A-Z0-9_]+|EPROTO)$/.test(code)
        ? ['UNAVAILABLE', 'The connection to S3 broke.']
        : undefined
  }
}

/** What a failure of the SDK, of S3, of the network or of the credentials means. A StorageError passes as it is. */
export function toStorageError(cause: unknown, call: FailedCall): StorageError {
  if (isStorageError(cause)) return cause
  const { operation, key, signal, trace } = call
  const error = (cause ?? {}) as SdkError
  const status = error.$metadata?.httpStatusCode ?? error.$response?.statusCode
  const ambiguous = (trace?.ambiguous ?? false) || (trace?.attempts !== 0 && mayHaveBeenCarriedOut(cause))
  const facts: StorageErrorOptions = {
    operation,
    driver: 's3',
    key,
    outcome: call.change ? (ambiguous ? 'unknown' : 'unchanged') : undefined,
    cause,
  }
  if (signal?.aborted) return new StorageError('ABORTED', `The ${operation} was aborted.`, facts)
  const [code, says, more] = meaningOf(error, status, trace)
  const message = /^[A-Z]/.test(says) ? says : `${key === undefined ? 'The object' : quoteKey(key)} ${says}.`
  return new StorageError(code, message, { ...facts, ...more })
}

function meaningOf(error: SdkError, status: number | undefined, trace: Trace | undefined): Meaning {
  const name = error.Code ?? error.name ?? ''
  const region = error.Region ?? trace?.bucketRegion
  // The SDK calls it a timeout.
  const broken = error.code === 'ECONNRESET' || error.code === 'EPIPE'
  const meaning =
    (broken ? byErrno(error.code as string) : undefined) ??
    (Object.hasOwn(byName, name) ? byName[name] : undefined) ??
    (/region is missing/i.test(error.message ?? '') ? missingRegion : undefined) ??
    (error.code === undefined ? undefined : byErrno(error.code)) ??
    (status === undefined ? undefined : byStatus(status)) ??
    (status === undefined ? fallback : refused)
  if (meaning[2]?.hint !== REGION) return meaning
  // S3's own word on where the bucket is; it goes into a hint, and no request ever follows it.
  return region !== undefined && /^[a-z0-9-]{1,40}$/.test(region)
    ? [meaning[0], meaning[1], { hint: `Set region to ${region}.` }]
    : meaning
}

const missingRegion: Meaning = [
  'CONFIGURATION',
  'No region is set for S3.',
  { hint: 'Set AWS_REGION or pass region; look-alikes mostly take us-east-1.' },
]
const refused: Meaning = ['INTERNAL', 'S3 refused the request.', { hint: 'This is unexpected: see cause.' }]
const fallback: Meaning = ['INTERNAL', 'The request to S3 failed.']

/** The status of an SDK error, of a StorageError that wraps one, or undefined. */
export function statusOf(error: unknown): number | undefined {
  const sdkError = (isStorageError(error) ? error.cause : error) as SdkError | undefined
  return sdkError?.$metadata?.httpStatusCode
}

/** The error code that S3 gave, or undefined. */
export function s3CodeOf(error: unknown): string | undefined {
  const sdkError = (isStorageError(error) ? error.cause : error) as SdkError | undefined
  return sdkError?.Code ?? sdkError?.name
}
