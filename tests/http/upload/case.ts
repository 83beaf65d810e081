import type { RawFields } from '../client.js'

/** One form that is sent, and what comes of it. */
export interface Case {
  /** Says what is sent and what comes; in brackets the document that wants it so. */
  readonly name: string
  readonly body: string | Buffer
  /** `multipart/form-data; boundary=XX` by default; null: none. */
  readonly contentType?: string | null | undefined
  readonly headers?: RawFields | undefined
  readonly status: number
  /** The files that are stored, in order, by what of them counts; none by default. */
  readonly files?: readonly Partial<TakenFile>[] | undefined
  readonly fields?: Readonly<Record<string, string>> | undefined
}

/** A file that was stored, as the application is told. */
export interface TakenFile {
  readonly field: string
  readonly name: string
  readonly contentType: string
  /** What is read back. */
  readonly content: string
}

export const BOUNDARY = 'XX'

/** A whole form of these parts. */
export function form(...parts: readonly (string | Buffer)[]): Buffer {
  const lines = parts.flatMap((part) => [`--${BOUNDARY}\r\n`, part, '\r\n'])
  return Buffer.concat([...lines, `--${BOUNDARY}--\r\n`].map((line) => Buffer.from(line)))
}

/** A part that is a file, the parameters of its disposition as they stand in the request. */
export function part(parameters: string, content: string | Buffer = 'content', more = ''): Buffer {
  return Buffer.concat([
    Buffer.from(`Content-Disposition: form-data; ${parameters}\r\n${more}\r\n`),
    Buffer.from(content),
  ])
}

export function file(filename: string, content: string | Buffer = 'content', contentType = 'text/plain'): Buffer {
  return part(`name="file"; filename="${filename}"`, content, `Content-Type: ${contentType}\r\n`)
}

export function fieldPart(name: string, value: string): Buffer {
  return part(`name="${name}"`, value)
}

/** What the servers of the tables allow. */
export const limits = {
  fileSize: 1000,
  files: 3,
  fields: 5,
  fieldSize: 100,
  parts: 7,
  totalSize: 8000,
  headerSize: 1000,
  headerFields: 10,
} as const
