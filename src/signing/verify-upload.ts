import { uploadForms } from './link-form.js'
import { openLink, type SignedTarget, type VerifyUrlOptions } from './open-link.js'
import { signedParameters } from './parameters.js'
import type { UploadBounds } from './sign-upload.js'

/** What a link for an upload allows: one put within these bounds, as often as it likes unless it is create-only. */
export interface SignedUploadGrant extends UploadBounds {
  /** The store's path, to be written and nothing else. */
  readonly path: string
  readonly expiresAt: Date
}

/**
 * What a link for an upload allows, given as for `verifyUrl`. Pure. Whoever serves it holds the upload to all that the
 * grant says.
 *
 * ACCESS_DENIED with status 403 and CONFIGURATION as for `verifyUrl`. A link that reads is none that writes.
 */
export function verifyUploadUrl(link: string | URL | SignedTarget, options: VerifyUrlOptions): SignedUploadGrant {
  const { method } = options
  const form = method === 'PUT' || method === 'POST' ? uploadForms[method] : undefined
  const { path, expiresAt, parameters } = openLink(link, form, options)
  const size = parameters.get(signedParameters.size)
  const maxSize = parameters.get(signedParameters.maxSize)
  return {
    path,
    expiresAt,
    contentType: parameters.get(signedParameters.contentType) as string,
    ...(size === undefined ? {} : { size: Number(size) }),
    ...(maxSize === undefined ? {} : { maxSize: Number(maxSize) }),
    ...(parameters.has(signedParameters.createOnly) ? { ifNoneMatch: '*' } : {}),
  }
}
