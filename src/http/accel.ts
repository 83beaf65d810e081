import type { BlobStore } from './blob-store.js'
import type { HttpRequest, HttpResponse } from './message.js'
import type { DeliverOptions } from './options.js'
import { fixedCacheControl, presentation } from './representation.js'

/** How the web server in front is told which file to send. */
export type AccelOptions =
  | {
      /** nginx: the address of an `internal` location whose `alias` is the driver's root. */
      readonly header: 'X-Accel-Redirect'
      /** That location, such as `/internal/`. */
      readonly prefix: string
    }
  | {
      /** Apache's mod_xsendfile, lighttpd: the absolute path of the file. Only for a server that takes the field away. */
      readonly header: 'X-Sendfile'
    }

/**
 * Names the file of a local blob to the web server in front, which sends it, and judges conditions and ranges itself, by tags of
 * its own. Undefined where the blob is no plain file (on S3, waiting for its driver), which is then delivered as ever.
 *
 * The fields that make the file harmless are in the answer; nginx drops some of them unless told to keep them.
 */
export async function accelerated(
  store: BlobStore,
  { signal }: HttpRequest,
  path: string,
  options: DeliverOptions,
): Promise<HttpResponse | undefined> {
  const { accel } = options
  if (accel === undefined) return undefined
  const found = await store.localFile(path, { signal })
  const target = found && targetOf(accel, found)
  if (target === undefined) return undefined
  const info = await store.head(path, { signal })
  const cacheControl = fixedCacheControl(options) ?? options.cacheControl
  return {
    status: 200,
    headers: {
      ...presentation(info, options),
      'cache-control': typeof cacheControl === 'function' ? cacheControl(info) : (cacheControl as string),
      ...options.headers,
      [accel.header.toLowerCase()]: target,
    },
  }
}

function targetOf(
  accel: AccelOptions,
  { file, relative }: { readonly file: string; readonly relative?: string | undefined },
): string | undefined {
  // Both servers decode what they are given.
  if (accel.header === 'X-Sendfile') return encoded(file)
  return relative && `${accel.prefix.replace(/\/+$/, '')}/${encoded(relative)}`
}

function encoded(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}
