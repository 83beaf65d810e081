import { isStorageError } from '../../../src/errors/index.js'
import { type SigningKey, type SignPathOptions, signPath } from '../../../src/signing/index.js'

export const key = (id: string, fill = id): SigningKey => ({ id, secret: fill.padEnd(32, '.') })
export const keys = [key('k1')]
export const baseUrl = 'https://app.example.com/files'
/** Milliseconds since 1970, in the middle of a second. */
export const now = 1_700_000_000_500
export const inAnHour = new Date(now + 3_600_000)

export function sign(options: Partial<SignPathOptions> = {}): string {
  return signPath({ baseUrl, keys, path: 'project_7/a.pdf', method: 'GET', expiresAt: inAnHour, now, ...options })
}

/** `CODE status message` of what is thrown. */
export function failure(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (isStorageError(error)) return `${error.code} ${error.status} ${error.message}`
    throw error
  }
  return 'nothing thrown'
}

export const invalid = 'ACCESS_DENIED 403 The link is not valid.'
export const expired = 'ACCESS_DENIED 403 The link has expired.'
