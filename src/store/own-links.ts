import type { SignUrlOptions } from '../driver/index.js'
import { StorageError } from '../errors/index.js'
import {
  MAX_LINK_SECONDS,
  type SignedGrant,
  type SignedTarget,
  type SignedUrlSettings,
  signPath,
  verifyUrl,
} from '../signing/index.js'
import type { StoreContext } from './context.js'
import type { LinkTarget } from './link-target.js'
import { aborted } from './read.js'

/** A link that the application serves. */
export function ownLink(
  settings: SignedUrlSettings,
  { key, path }: LinkTarget,
  { expiresIn = 3600, contentDisposition, contentType, signal }: SignUrlOptions,
): string {
  if (signal?.aborted) throw aborted('signUrl', key, signal)
  if (!Number.isSafeInteger(expiresIn) || expiresIn < 1 || expiresIn > MAX_LINK_SECONDS) {
    throw new StorageError(
      'INVALID_ARGUMENT',
      `signUrl: expiresIn is ${String(expiresIn)}, not whole seconds from 1 to ${MAX_LINK_SECONDS}.`,
      { operation: 'signUrl', key },
    )
  }
  const now = Date.now()
  const expiresAt = new Date(now + expiresIn * 1000)
  return signPath({ ...settings, path, method: 'GET', expiresAt, contentDisposition, contentType, now })
}

/** What such a link allows. */
export function verifyOwnLink(
  { signedUrls }: StoreContext,
  link: string | URL | SignedTarget,
  { method }: { readonly method: string },
): SignedGrant {
  if (signedUrls) return verifyUrl(link, { ...signedUrls, method })
  throw new StorageError('NOT_SUPPORTED', 'This store signs no links of its own.', {
    operation: 'verifySignedUrl',
    hint: 'Give the store signedUrls.',
  })
}
