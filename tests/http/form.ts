/** One part of a form, its head written as it stands. */
export interface Part {
  /** The value of Content-Disposition behind `form-data; `. */
  readonly disposition: string
  readonly type?: string | undefined
  readonly body: string | Uint8Array
}

export const boundary = 'a-boundary-of-a-test'
export const formType = `multipart/form-data; boundary=${boundary}`

/** A part with a file; names go out as UTF-8, as browsers send them. */
export function filePart(name: string, filename: string, body: Part['body'], type = 'text/plain'): Part {
  return { disposition: `name="${name}"; filename="${filename}"`, type, body }
}

/** A part with a value. */
export function valuePart(name: string, value: string): Part {
  return { disposition: `name="${name}"`, body: value }
}

/** A multipart/form-data body, written by hand: FormData would put right what a hostile client gets wrong. */
export function form(...parts: readonly Part[]): Buffer {
  return Buffer.concat([...parts.map(partBytes), Buffer.from(`--${boundary}--\r\n`)])
}

/** A part as it goes out, with the boundary in front of it and none behind. */
export function partBytes({ disposition, type, body }: Part): Buffer {
  const head = [`--${boundary}`, `Content-Disposition: form-data; ${disposition}`]
  if (type !== undefined) head.push(`Content-Type: ${type}`)
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), Buffer.from(body), Buffer.from('\r\n')])
}
