import { sanitizeFilename, uniqueName } from '../../keys/index.js'

/** A file on its way in, before a byte of it is stored. */
export interface UploadedFile {
  /** The form's field that it came in; empty where it came as the whole body of a request. */
  readonly field: string
  /**
   * What the client calls it, made safe as `sanitizeFilename` does: no folders, no control characters, never empty. For
   * people to read. Two files may have the same one.
   */
  readonly name: string
  /** The same with 65 random bits before the extension: one segment of a key that nobody else has or guesses. */
  readonly uniqueName: string
  /** The media type that it is stored with: what the client declared, checked against the bytes as `sniff` says. */
  readonly contentType: string
}

/** Names a file that a client calls `filename`. */
export function describeFile(field: string, filename: string | undefined, contentType: string): UploadedFile {
  const name = sanitizeFilename(filename)
  return { field, name, uniqueName: uniqueName(name), contentType }
}
