import type { BlobStore } from './blob-store.js'
import { readConditions } from './conditions.js'
import type { HttpRequest, HttpResponse } from './message.js'
import type { DeliverOptions } from './options.js'
import { presentation, validators } from './representation.js'

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
 * Names the file of a local blob to the web server in front, which sends it and judges ranges. Undefined where the blob is
 * no plain file (on S3, waiting for its driver), for a HEAD, and for If-Match and If-Unmodified-Since, which nginx would
 * judge by tags of its own that do not tell two versions of one second apart: these are delivered as ever. Other
 * conditions are judged here.
 *
 * The fields that make the file harmless are in the answer; nginx drops some of them unless told to keep them.
 */
export async function accelerated(
  store: BlobStore,
  { method, headers, signal }: HttpRequest,
  path: string,
  options: DeliverOptions,
): Promise<HttpResponse | undefined> {
  const { accel } = options
  const conditions = readConditions(headers)
  const left = conditions.ifMatch === undefined && conditions.ifUnmodifiedSince === undefined
  if (accel === undefined || method === 'HEAD' || !left) return undefined
  const found = await store.localFile(path, { signal })
  const target = found && targetOf(accel, found)
  if (target === undefined) return undefined
  const info = await store.head(path, { ...conditions, signal })
  // Whoever sends the file says for itself that it sends ranges; nginx would say it twice.
  const { 'accept-ranges': _, ...tags } = validators(info, options)
  return {
    status: 200,
    headers: {
      ...presentation(info, options),
      ...tags,
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
