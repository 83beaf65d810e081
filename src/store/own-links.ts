import { contentTypeOf, type SignedUpload, type SignUploadOptions, type SignUrlOptions } from '../driver/index.js'
import { StorageError } from '../errors/index.js'
import {
  MAX_LINK_SECONDS,
  type SignedGrant,
  type SignedTarget,
  type SignedUploadGrant,
  type SignedUrlSettings,
  signPath,
  signUploadPath,
  verifyUploadUrl,
  verifyUrl,
} from '../signing/index.js'
import type { StoreContext } from './context.js'
import type { LinkTarget } from './link-target.js'
import { aborted } from './read.js'

/** A link that the application serves. */
export function ownLink(
  settings: SignedUrlSettings,
  { key, path }: LinkTarget,
  { expiresIn, contentDisposition, contentType, signal }: SignUrlOptions,
): string {
  const { now, expiresAt } = lifetimeOf('signUrl', key, expiresIn, signal)
  return signPath({ ...settings, path, method: 'GET', expiresAt, contentDisposition, contentType, now })
}

/** An upload that the application takes. Its headers and fields are those that S3 would ask for. */
export function ownUpload(
  settings: SignedUrlSettings,
  { key, path }: Pick<LinkTarget, 'key' | 'path'>,
  {
    method = 'PUT',
    expiresIn,
    contentType = contentTypeOf(key),
    size,
    maxSize,
    ifNoneMatch,
    signal,
  }: SignUploadOptions,
): SignedUpload {
  const { now, expiresAt } = lifetimeOf('signUpload', key, expiresIn, signal)
  const url = signUploadPath({ ...settings, path, method, expiresAt, contentType, size, maxSize, ifNoneMatch, now })
  if (method === 'POST') return { method, url, fields: { 'Content-Type': contentType }, expiresAt }
  const headers = {
    'content-type': contentType,
    ...(size === undefined ? {} : { 'content-length': String(size) }),
    ...(ifNoneMatch === undefined ? {} : { 'if-none-match': ifNoneMatch }),
  }
  return { method, url, headers, expiresAt }
}

function lifetimeOf(operation: string, key: string, expiresIn = 3600, signal: AbortSignal | undefined) {
  if (signal?.aborted) throw aborted(operation, key, signal)
  if (!Number.isSafeInteger(expiresIn) || expiresIn < 1 || expiresIn > MAX_LINK_SECONDS) {
    const problem = `expiresIn is ${String(expiresIn)}, not whole seconds from 1 to ${MAX_LINK_SECONDS}`
    throw new StorageError('INVALID_ARGUMENT', `${operation}: ${problem}.`, { operation, key })
  }
  const now = Date.now()
  return { now, expiresAt: new Date(now + expiresIn * 1000) }
}

interface Asked {
  readonly method: string
}

/** What such a link allows. */
export function verifyOwnLink(context: StoreContext, link: string | URL | SignedTarget, asked: Asked): SignedGrant {
  return verifyUrl(link, { ...settingsOf(context), ...asked })
}

/** What such an upload may be like. */
export function verifyOwnUpload(
  context: StoreContext,
  link: string | URL | SignedTarget,
  asked: Asked,
): SignedUploadGrant {
  return verifyUploadUrl(link, { ...settingsOf(context), ...asked })
}

function settingsOf({ signedUrls }: StoreContext): Required<SignedUrlSettings> {
  if (signedUrls) return signedUrls
  throw new StorageError('NOT_SUPPORTED', 'This store signs no links of its own.', {
    operation: 'verifySignedUrl',
    hint: 'Give the store signedUrls.',
  })
}
