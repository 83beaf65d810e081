import { randomBytes } from 'node:crypto'
import { checkMaxBytes, type FilenameOptions, MAX_FILENAME_BYTES, sanitizeFilename, withSuffix } from './filename.js'

/** Crockford's 32 characters, lower case: the same file on disks that fold case. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** 13 characters of 5 bits each. */
const TOKEN_LENGTH = 13

/**
 * The name as {@link sanitizeFilename} makes it, with 65 random bits before its extension: `scan.pdf` becomes
 * `scan-k3j9x2m4q8w7e.pdf`, `backup.tar.gz` becomes `backup-5t0v6n1h8r2zc.tar.gz`. Two uploads of the same name get two
 * keys, and neither can be guessed from the other. The length stays within `maxBytes`.
 */
export function uniqueName(name: string | null | undefined, options: FilenameOptions = {}): string {
  const { maxBytes = MAX_FILENAME_BYTES } = options
  checkMaxBytes(maxBytes)
  const token = Array.from(randomBytes(TOKEN_LENGTH), (byte) => ALPHABET[byte & 31]).join('')
  return withSuffix(sanitizeFilename(name, options), `-${token}`, maxBytes)
}
