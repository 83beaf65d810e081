import type { BlobDriver, SignedUpload } from '../driver/index.js'
import { StorageError } from '../errors/index.js'
import { assertKey, quoteKey } from '../keys/index.js'
import type { StoreContext } from './context.js'
import { linkTarget, seenTarget } from './link-target.js'
import type { StoreSignUploadOptions, StoreSignUrlOptions } from './options.js'
import { ownLink, ownUpload } from './own-links.js'
import { routeTo } from './plan.js'

type LinkMethod = 'signUrl' | 'signUpload' | 'publicUrl'

/**
 * A URL that reads the blob: its driver's own, else one that the application serves. Asks the outbox and the near
 * drivers where that decides, and a far driver only to `verify`.
 */
export async function signUrl(
  context: StoreContext,
  path: string,
  { verify = false, direct = false, ...options }: StoreSignUrlOptions,
): Promise<string> {
  const target = verify
    ? await seenTarget(context, path, 'signUrl', options.signal)
    : await linkTarget(context, path, 'signUrl')
  const { driver, key, waits } = target
  const { capabilities, signUrl: sign } = waits ? {} : context.drivers.need(driver, 'signUrl')
  if (capabilities?.signedUrls && sign) {
    return context.drivers.derive(driver, 'signUrl', key, (asked) => sign.call(asked, key, options))
  }
  if (context.signedUrls && !direct) return ownLink(context.signedUrls, target, options)
  throw waits ? waiting(key, driver, 'signUrl') : unable(context, driver, key, 'signUrl')
}

/** A URL that reads a public blob without credentials. */
export async function publicUrl(context: StoreContext, path: string): Promise<string> {
  const { driver, key, waits } = await linkTarget(context, path, 'publicUrl')
  if (waits) throw waiting(key, driver, 'publicUrl')
  return context.drivers.derive(driver, 'publicUrl', key, async (asked) => {
    const url = asked.capabilities.publicUrls ? asked.publicUrl?.(key) : undefined
    return url ?? Promise.reject(unable(context, driver, key, 'publicUrl'))
  })
}

/**
 * A request by which a browser writes this key by itself: to its driver, where that takes such and can be reached as far
 * as is known, else to the application, whose put then does what any put does.
 */
export async function signUpload(
  context: StoreContext,
  key: string,
  { kind, driver: asked, direct = false, ...options }: StoreSignUploadOptions,
): Promise<SignedUpload> {
  assertKey(key, 'signUpload')
  const { contentType, size, ifNoneMatch } = options
  const { drivers, scheme } = context
  const driver = routeTo(context, asked, { key, kind, contentType, size })
  const settings = direct ? undefined : context.signedUrls
  const own = settings && (() => ownUpload(settings, { key, path: scheme.format({ driver, key }) }, options))
  const waits = (await context.outbox?.box.find(key)) !== undefined
  if (own && (waits || !drivers.isReachable(driver))) return own()
  if (waits) throw waiting(key, driver, 'signUpload')
  const { capabilities, signUpload: sign } = drivers.need(driver, 'signUpload')
  if (capabilities.signedUploads && sign) {
    const call = (target: BlobDriver) => sign.call(target, key, options)
    // Whether conditions hold at all there may be a question to the driver itself.
    if (ifNoneMatch !== undefined) return drivers.ask(driver, 'signUpload', key, call)
    return drivers.derive(driver, 'signUpload', key, call)
  }
  if (own) return own()
  throw unable(context, driver, key, 'signUpload')
}

function waiting(key: string, driver: string, method: LinkMethod): StorageError {
  return new StorageError(
    'NOT_SUPPORTED',
    `${quoteKey(key)} waits for ${driver}, where a link would lead nowhere yet.`,
    {
      operation: method,
      driver,
      key,
      hint:
        method === 'publicUrl'
          ? 'Serve the blob through the application with get, or reconcile first.'
          : 'Give the store signedUrls, whose links the application serves, or reconcile first.',
    },
  )
}

function unable(context: StoreContext, driver: string, key: string, method: LinkMethod): StorageError {
  const kind = (context.drivers.get(driver) as BlobDriver).kind
  return new StorageError('NOT_SUPPORTED', `The driver ${driver} (${kind}) has no ${method}.`, {
    operation: method,
    driver,
    key,
    hint: {
      signUrl: 'Give the store signedUrls, whose links the application serves, or serve the blob with get.',
      signUpload: 'Give the store signedUrls, whose links the application serves, or take the upload there and put it.',
      publicUrl: 'Serve the blob through the application with get.',
    }[method],
  })
}
