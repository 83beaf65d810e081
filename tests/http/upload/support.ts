import type { BlobRoutesOptions, BlobStore, FileInput } from '../../../src/http/index.js'
import type { RawFields } from '../client.js'
import type { AdapterName } from '../servers.js'
import { serve } from '../support.js'
import { BOUNDARY } from './case.js'

export const FORM = `multipart/form-data; boundary=${BOUNDARY}`

/** Keys below `project_7/`, or below what the request says in `x-folder`. */
export const key = ({ file, request }: FileInput) =>
  `${String(request.headers['x-folder'] ?? 'project_7/')}${file.uniqueName}`

/** The routes with uploads and PUT switched on, for the current test. */
export async function serveUploads(
  adapter: AdapterName,
  store: BlobStore,
  options: Partial<BlobRoutesOptions> = {},
  mount: 'plain' | 'middleware' = 'plain',
) {
  const served = await serve(adapter, store, { key, writable: true, mount, ...(options as object) })
  const { base } = served.server
  return {
    ...served,
    /** Sends a form. */
    upload: (body: Buffer | string, headers: RawFields = {}) => {
      return served.ask({
        method: 'POST',
        target: `${base}/upload`,
        headers: { 'content-type': FORM, ...headers },
        body,
      })
    },
    /** Sends the content of a path. */
    put: (path: string, body: Buffer | string, headers: RawFields = {}) => {
      return served.ask({ method: 'PUT', target: `${base}/content/${path}`, headers, body })
    },
  }
}

/** All keys of a store. */
export async function keysOf(store: Pick<BlobStore, 'listPage'>, prefix = ''): Promise<string[]> {
  const { entries } = await store.listPage({ prefix })
  return entries.flatMap((entry) => (entry.type === 'blob' ? [entry.key] : []))
}
