import { parseXml, textOf } from './xml.js'

/** What went wrong with one attempt, said with the fields that the SDK's own errors have. */
export class AttemptFailure extends Error {
  /** The error code in S3's answer. */
  readonly Code?: string
  /** The system error that ended the connection. */
  readonly code?: string
  /** Where the bucket is, if S3 said so. */
  readonly Region?: string
  readonly $metadata?: { readonly httpStatusCode: number }

  constructor(
    name: string,
    message: string,
    facts: Partial<Pick<AttemptFailure, 'Code' | 'code' | 'Region' | '$metadata' | 'cause'>> = {},
  ) {
    super(message)
    this.name = name
    Object.assign(this, facts)
  }
}

/** What an answer of 300 and above says. An answer to HEAD has no body, and a gateway's may be anything. */
export function refusal(status: number, body: string): AttemptFailure {
  const { Code, Message, Region } = readError(body)
  const facts = { $metadata: { httpStatusCode: status }, ...(Region === undefined ? {} : { Region }) }
  if (Code === undefined) return new AttemptFailure(`Status${status}`, `S3 answered with status ${status}.`, facts)
  return new AttemptFailure(Code, Message ?? `S3 answered ${Code}.`, { Code, ...facts })
}

function readError(body: string): {
  Code?: string | undefined
  Message?: string | undefined
  Region?: string | undefined
} {
  if (body === '') return {}
  try {
    const error = parseXml(body)
    if (error.name !== 'Error') return {}
    return { Code: textOf(error, 'Code'), Message: textOf(error, 'Message'), Region: textOf(error, 'Region') }
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

/** What an error of undici or of the network means. */
export function brokenExchange(cause: Error & { readonly code?: string }, connectTimeout: number): AttemptFailure {
  switch (cause.code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
      return timeout(`S3 did not establish a connection within ${connectTimeout} ms.`, cause)
    case 'UND_ERR_HEADERS_TIMEOUT':
      return timeout('S3 did not begin its answer in time.', cause)
    case 'UND_ERR_BODY_TIMEOUT':
      return stopped(cause)
    case 'UND_ERR_SOCKET':
      return new AttemptFailure('Error', cause.message, { code: 'ECONNRESET', cause })
    default:
      return new AttemptFailure(cause.name, cause.message, { ...(cause.code ? { code: cause.code } : {}), cause })
  }
}

/** The body of an answer came to a halt. */
export function stopped(cause?: Error | undefined): AttemptFailure {
  return timeout('The answer stopped in the middle.', cause)
}

function timeout(message: string, cause: Error | undefined): AttemptFailure {
  return new AttemptFailure('TimeoutError', message, { cause })
}
