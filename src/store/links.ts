import type { BlobDriver, SignedUpload, SignUrlOptions } from '../driver/index.js'
import { StorageError } from '../errors/index.js'
import { assertKey, quoteKey } from '../keys/index.js'
import type { StoreContext } from './context.js'
import type { StoreSignUploadOptions } from './options.js'
import type { Location } from './paths/index.js'
import { notFound, othersFor, resolve, routeTo } from './plan.js'
import { headIfThere } from './versions.js'

type LinkMethod = 'signUrl' | 'signUpload' | 'publicUrl'

/** A URL that reads the blob. Asks the outbox and the local disk where that decides, and never a far driver. */
export async function signUrl(context: StoreContext, path: string, options: SignUrlOptions): Promise<string> {
  const { driver, key } = await linkTarget(context, path, 'signUrl')
  return context.drivers.ask(driver, 'signUrl', key, async (asked) => {
    const url = asked.capabilities.signedUrls ? asked.signUrl?.(key, options) : undefined
    return (await url) ?? Promise.reject(unable(context, driver, key, 'signUrl'))
  })
}

/** A URL that reads a public blob without credentials. */
export async function publicUrl(context: StoreContext, path: string): Promise<string> {
  const { driver, key } = await linkTarget(context, path, 'publicUrl')
  return context.drivers.ask(driver, 'publicUrl', key, async (asked) => {
    const url = asked.capabilities.publicUrls ? asked.publicUrl?.(key) : undefined
    return url ?? Promise.reject(unable(context, driver, key, 'publicUrl'))
  })
}

/** A request by which a browser writes this key by itself. */
export async function signUpload(
  context: StoreContext,
  key: string,
  { kind, driver: asked, ...options }: StoreSignUploadOptions,
): Promise<SignedUpload> {
  assertKey(key, 'signUpload')
  const { contentType, size } = options
  const driver = routeTo(context, asked, { key, kind, contentType, size })
  if (await context.outbox?.box.find(key)) throw waiting(key, driver, 'signUpload')
  return context.drivers.ask(driver, 'signUpload', key, async (target) => {
    const upload = target.capabilities.signedUploads ? target.signUpload?.(key, options) : undefined
    return (await upload) ?? Promise.reject(unable(context, driver, key, 'signUpload'))
  })
}

async function linkTarget(context: StoreContext, path: string, method: LinkMethod): Promise<Location> {
  const { candidates, bare } = resolve(context, path)
  const [hint] = candidates
  for (const { key } of candidates) {
    const pending = await context.outbox?.box.find(key)
    if (pending?.operation === 'put') throw waiting(key, pending.driver, method)
    if (pending?.driver === hint.driver) throw notFound(path, method, key)
  }
  if (!context.drivers.get(hint.driver)) {
    const driver = context.fallback.targets.get(hint.driver)
    if (driver === undefined) context.drivers.need(hint.driver, method)
    return { driver: driver ?? hint.driver, key: hint.key }
  }
  if (!context.near.has(hint.driver)) return hint
  // A look at the disk is no request, and tells whether the blob has moved away.
  const others = bare ? candidates.slice(1).map(({ driver }) => driver) : await othersFor(context, hint.driver)
  const far = others.filter((name) => context.drivers.get(name) && !context.near.has(name))
  const [driver] = far
  if (driver === undefined || (await headIfThere(context, hint.driver, hint.key))) return hint
  return { driver, key: hint.key }
}

function waiting(key: string, driver: string, method: LinkMethod): StorageError {
  return new StorageError(
    'NOT_SUPPORTED',
    `${quoteKey(key)} waits for ${driver}, where a link would lead nowhere yet.`,
    {
      operation: method,
      driver,
      key,
      hint: 'Serve the blob through the application with get, or reconcile first.',
    },
  )
}

function unable(context: StoreContext, driver: string, key: string, method: LinkMethod): StorageError {
  const kind = (context.drivers.get(driver) as BlobDriver).kind
  return new StorageError('NOT_SUPPORTED', `The driver ${driver} (${kind}) has no ${method}.`, {
    operation: method,
    driver,
    key,
    hint:
      method === 'signUpload'
        ? 'Take the upload in the application and put it.'
        : 'Serve the blob through the application with get.',
  })
}
