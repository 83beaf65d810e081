/** The part of an HTTP answer that a trace looks at. */
interface Answer {
  readonly statusCode?: number
  readonly headers?: AnswerHeaders
}

type AnswerHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

type Handler = (args: never) => Promise<{ response: unknown; output: unknown }>

const NEVER_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_NODATA',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
])

/**
 * What became of the attempts of one call. The SDK repeats requests by itself and reports only the last answer, which
 * is not enough to know what a change has done: when the answer to the first attempt is lost, the second one meets the
 * first one's work.
 */
export class Trace {
  attempts = 0
  /** Whether an attempt may have been carried out without an answer that says so. */
  ambiguous = false
  /** The last answer's own time (RFC 9110 section 6.6.1). */
  date: Date | undefined
  /** Where the bucket is, if S3 said so. */
  bucketRegion: string | undefined

  /** Wraps one attempt each, being placed inside the SDK's retry loop. */
  readonly middleware = (next: Handler): Handler => {
    return async (args) => {
      this.sent()
      try {
        const result = await next(args)
        this.answered((result.response as Answer | undefined)?.headers)
        return result
      } catch (error) {
        this.answered((error as { $response?: Answer }).$response?.headers)
        this.failed(error)
        throw error
      }
    }
  }

  /** An attempt goes out. */
  sent(): void {
    this.attempts++
  }

  /** Its answer's headers have come. */
  answered(headers: AnswerHeaders | undefined): void {
    const date = Date.parse(String(headers?.date))
    if (!Number.isNaN(date)) this.date = new Date(date)
    const region = headers?.['x-amz-bucket-region']
    if (region !== undefined) this.bucketRegion = String(region)
  }

  /** It has failed, with or without an answer. */
  failed(error: unknown): void {
    if (mayHaveBeenCarriedOut(error)) this.ambiguous = true
  }
}

/** Whether a failed attempt may have changed something all the same. */
export function mayHaveBeenCarriedOut(error: unknown): boolean {
  const {
    $metadata,
    name,
    Code = name,
    code,
    message = '',
  } = (error ?? {}) as {
    $metadata?: { httpStatusCode?: number }
    name?: string
    Code?: string
    code?: string
    message?: string
  }
  const status = $metadata?.httpStatusCode
  // Inside an answer of 200, where the SDK makes another status of it, it knows as little as a 500 does.
  if (Code === 'InternalError') return true
  if (status !== undefined) return status === 500 || status === 502 || status === 504
  if (code !== undefined && NEVER_CONNECTED.has(code)) return false
  return !/did not establish a connection/.test(message)
}
