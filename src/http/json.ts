import type { HttpResponse } from './message.js'

export interface JsonOptions {
  /** 200 by default. */
  readonly status?: number | undefined
  /** HEAD gets no body. */
  readonly method?: string | undefined
  /** `application/json; charset=utf-8` by default. */
  readonly contentType?: string | undefined
  /** `private, no-store` by default. */
  readonly cacheControl?: string | undefined
  /** Header fields more. */
  readonly headers?: HttpResponse['headers'] | undefined
}

/** A value as an answer in JSON, which no browser is to take for anything else. */
export function jsonResponse(value: unknown, options: JsonOptions = {}): HttpResponse {
  const { status = 200, method, contentType = 'application/json; charset=utf-8' } = options
  const body = Buffer.from(JSON.stringify(value))
  const headers = {
    'content-type': contentType,
    'content-length': String(body.byteLength),
    'cache-control': options.cacheControl ?? 'private, no-store',
    'x-content-type-options': 'nosniff',
    ...options.headers,
  }
  return { status, headers, body: method === 'HEAD' ? undefined : body }
}
