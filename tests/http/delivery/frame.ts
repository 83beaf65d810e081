import { expect } from 'vitest'
import type { Answer } from '../client.js'
import type { ServedFile } from '../world.js'

const IMF_DATE =
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$/
const STRONG_TAG = /^"[\x21\x23-\x7e]+"$/

/** Fields that may come once at most. */
const SINGLE = [
  ...['content-length', 'content-type', 'content-range', 'content-disposition', 'content-encoding', 'content-language'],
  ...['etag', 'last-modified', 'date', 'accept-ranges', 'cache-control', 'x-content-type-options', 'allow'],
]

export interface Frame {
  readonly method: string
  readonly file: ServedFile
  /** `view` is another representation, with a tag of its own. */
  readonly view: boolean
}

/** What holds of every answer, whatever was asked. */
export function checkFrame(answer: Answer, { method, file, view }: Frame): void {
  const { status, headers, fields, body } = answer
  expect(answer.whole).toBe(true)
  // Node's own, before the application is asked: the head is larger than 16 KiB.
  if (status === 431) return
  expect(headers.date).toMatch(IMF_DATE)
  for (const name of SINGLE) expect(fields.filter(([other]) => other === name).length, name).toBeLessThan(2)
  if (status === 204 || status === 304) checkNoContent(answer)
  else checkContent(answer, method)
  if (status >= 400) checkProblem(answer, file)
  if (status >= 400 || status === 204) return
  if (headers.etag !== undefined) expect(headers.etag).toMatch(view ? /^W\/"/ : STRONG_TAG)
  if (!view) checkRepresentation(answer, file)
  if (status === 206) checkPart(answer, file)
  else expect(headers).not.toHaveProperty('content-range')
  if (method === 'HEAD') expect(body).toHaveLength(0)
}

/** Sections 8.6 and 15.4.5: neither content nor anything that describes it. */
function checkNoContent({ headers, body }: Answer): void {
  expect(body).toHaveLength(0)
  for (const name of [
    'content-length',
    'transfer-encoding',
    'content-type',
    'content-disposition',
    'content-encoding',
  ]) {
    expect(headers).not.toHaveProperty(name)
  }
}

/** Section 8.6: the length is said, and is that of the content. */
function checkContent({ headers, body, status }: Answer, method: string): void {
  expect(headers).toHaveProperty('content-type')
  expect(headers['x-content-type-options']).toBe('nosniff')
  if (method === 'HEAD') return
  if (status < 400) expect(headers['content-length']).toBe(String(body.byteLength))
}

/** RFC 9457; and nothing of the file that the answer does not carry. */
function checkProblem({ status, headers, body }: Answer, file: ServedFile): void {
  for (const name of ['last-modified', 'content-disposition', 'content-encoding', 'content-language']) {
    expect(headers).not.toHaveProperty(name)
  }
  if (status === 416) expect(headers['content-range']).toBe(`bytes */${file.bytes.byteLength}`)
  else for (const name of ['etag', 'content-range']) expect(headers).not.toHaveProperty(name)
  if (body.byteLength === 0) return
  const text = body.toString()
  expect(text).not.toContain(file.key)
  expect(text).not.toMatch(/\/tmp\/|hs-http-|s3|local|node_modules|\n\s+at /)
}

/** Sections 8.8, 13.1 and 15.4.5. */
function checkRepresentation({ status, headers }: Answer, file: ServedFile): void {
  expect(headers.etag).toBe(file.etag)
  expect(headers['cache-control']).toBe('private, no-cache, no-transform')
  expect(headers['accept-ranges']).toBe('bytes')
  if (status === 304) return
  expect(headers['last-modified']).toBe(file.lastModified)
  expect(headers['content-security-policy']).toMatch(/default-src 'none';.*; sandbox$/)
}

/** Sections 14.4 and 15.3.7. */
function checkPart({ headers, body }: Answer, file: ServedFile): void {
  const several = headers['content-type']?.startsWith('multipart/byteranges')
  if (several) {
    expect(headers).not.toHaveProperty('content-range')
    return
  }
  const [, start, end, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '')?.map(Number) ?? []
  expect(size).toBe(file.bytes.byteLength)
  expect(body.equals(file.bytes.subarray(start, Number(end) + 1))).toBe(true)
}

/** Fields of the 200 that an answer without its content, or with a part of it, need not repeat or has of its own. */
const OF_THE_WHOLE = ['date', 'content-length', 'content-range', 'content-type', 'connection', 'keep-alive']

/** A 304 repeats what caches go by (15.4.5), a 206 all that the 200 says (15.3.7), a HEAD even its length (9.3.2). */
export function checkAgainstWhole(answer: Answer, whole: Answer, method: string): void {
  const { status, headers } = answer
  if (status === 304) {
    for (const name of ['etag', 'cache-control', 'vary', 'content-location', 'expires']) {
      expect(headers[name], name).toBe(whole.headers[name])
    }
  } else if (status === 206) {
    expect(without(headers, OF_THE_WHOLE)).toEqual(without(whole.headers, OF_THE_WHOLE))
  } else if (status === 200 && method === 'HEAD') {
    // Vary is what middleware adds for the coding of a body, which HEAD has none of.
    const passing = ['date', 'connection', 'keep-alive', 'vary']
    expect(without(headers, passing)).toEqual(without(whole.headers, passing))
  }
}

function without(headers: Answer['headers'], names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)))
}
