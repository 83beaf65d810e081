import type { IncomingMessage } from 'node:http'
import type { BlobBody, DeleteOptions, HeadOptions } from '../../driver/index.js'
import { isStorageError, StorageError } from '../../errors/index.js'
import { describeFile, type UploadedFile } from '../../http/index.js'
import type { StoredBlob, StorePutOptions } from '../../store/index.js'
import { removeVersion } from '../../store/remove-version.js'
import { failWhenCutOff } from './cut-off.js'
import { decodeFileName, type ParameterCharset } from './file-name.js'
import { type FileStream, wholeFile } from './whole-file.js'

/** What the engine needs of a store. A `HybridStore` is one. */
export interface UploadStore<D extends string = string, K extends string = string> {
  put(key: string, body: BlobBody, options?: StorePutOptions<D, K>): Promise<StoredBlob<D>>
  head(path: string, options?: HeadOptions): Promise<StoredBlob<D>>
  delete(path: string, options?: DeleteOptions): Promise<void>
  publicUrl(path: string): Promise<string>
}

export interface Upload<Req extends IncomingMessage = IncomingMessage> {
  readonly req: Req
  /** Its `contentType` is the one that the client declared; `text/plain` where it declared none. */
  readonly file: UploadedFile
}

/** What every file is put with; what only one file can have is a function of it. */
export interface HybridStorageOptions<
  Req extends IncomingMessage = IncomingMessage,
  D extends string = string,
  K extends string = string,
> extends Omit<
    StorePutOptions<D, K>,
    'size' | 'sha256' | 'ifMatch' | 'signal' | 'writeToken' | 'onProgress' | 'contentType' | 'metadata'
  > {
  /** The key of a file, such as `project_7/uploads/${file.uniqueName}`. What it throws is handed on as it is. */
  readonly key: (upload: Upload<Req>) => string | Promise<string>
  /** The content type that it is stored with, instead of the one that the client declared. */
  readonly contentType?: ((upload: Upload<Req>) => string | Promise<string>) | undefined
  readonly metadata?:
    | ((upload: Upload<Req>) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>)
    | undefined
  /** As multer was told. `latin1` by default, there and here; then names in UTF-8 are read as such all the same. */
  readonly defParamCharset?: ParameterCharset | undefined
}

/** What `req.file` and `req.files` hold of a stored file, beside what multer knows of it. */
export interface StoredUpload<D extends string = string> {
  /** The string to keep in a database. */
  readonly path: string
  readonly key: string
  /** Bytes. */
  readonly size: number
  /** Unquoted. */
  readonly etag: string
  /** The driver that holds it now, and the one that it waits for, if it does. */
  readonly driver: D
  readonly pendingFor?: D | undefined
  /** Its public URL where its driver has such (S3), whoever may read it there; else undefined. */
  readonly location: string | undefined
  /** As it is stored. */
  readonly mimetype: string
  /** The client's name for it, decoded and nothing else: no name for a file. */
  readonly originalname: string
}

/** A file as multer hands it over. */
export interface IncomingFile {
  readonly fieldname: string
  readonly originalname: string
  readonly mimetype: string
  readonly stream: FileStream
}

/** What multer 2 takes as `storage`. */
export interface StorageEngine<Req extends IncomingMessage = IncomingMessage, D extends string = string> {
  _handleFile(req: Req, file: IncomingFile, callback: (error?: unknown, info?: StoredUpload<D>) => void): void
  _removeFile(req: Req, file: object, callback: (error: Error | null) => void): void
}

/** Milliseconds that a client may send nothing. */
const IDLE_TIMEOUT = 30_000

/**
 * Puts the files of multer 2 into the store, as they arrive: `multer({ storage: hybridStorage(store, { kind, key }) })`. A
 * file that is cut off, by the client or by a limit, is not stored; when a request fails, the files that it stored
 * before are removed again, those very versions. Failures go to the application's error handler as StorageErrors with
 * their `status`; multer's own limits as MulterErrors. `maxSize` is a limit whose failure is TOO_LARGE (413).
 *
 * CONFIGURATION without `key`.
 */
export function hybridStorage<
  Req extends IncomingMessage = IncomingMessage,
  D extends string = string,
  K extends string = string,
>(store: UploadStore<D, K>, options: HybridStorageOptions<Req, NoInfer<D>, NoInfer<K>>): StorageEngine<Req, D> {
  if (typeof options?.key !== 'function') {
    throw new StorageError('CONFIGURATION', 'The storage has no key.', {
      operation: 'upload',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code to be copied.
      hint: 'Say where a file goes: key: ({ file }) => `uploads/${file.uniqueName}`.',
    })
  }
  return {
    _handleFile(req, file, callback) {
      receive(store, options, req, file).then(
        (info) => callback(null, info),
        (error: unknown) => callback(error),
      )
    },
    _removeFile(_req, file, callback) {
      const { path, etag } = file as Partial<StoredUpload>
      if (path === undefined || etag === undefined) {
        callback(null)
        return
      }
      removeVersion(store, { path, etag }).then(() => callback(null), callback)
    },
  }
}

async function receive<Req extends IncomingMessage, D extends string, K extends string>(
  store: UploadStore<D, K>,
  options: HybridStorageOptions<Req, D, K>,
  req: Req,
  file: IncomingFile,
): Promise<StoredUpload<D>> {
  const { key: keyOf, contentType: typeOf, metadata: metadataOf, defParamCharset = 'latin1', ...others } = options
  const originalname = decodeFileName(file.originalname, defParamCharset)
  const stop = failWhenCutOff(req, file.stream)
  try {
    const upload = { req, file: describeFile(file.fieldname, originalname, file.mimetype) }
    const key = await keyOf(upload)
    const contentType = (await typeOf?.(upload)) ?? upload.file.contentType
    const metadata = await metadataOf?.(upload)
    const blob = await store.put(key, wholeFile(file.stream), {
      idleTimeout: IDLE_TIMEOUT,
      ...others,
      contentType,
      metadata,
    })
    return { ...facts(blob), originalname, location: await locationOf(store, blob) }
  } catch (error) {
    file.stream.destroy()
    throw error
  } finally {
    stop()
  }
}

function facts<D extends string>(blob: StoredBlob<D>) {
  const { path, key, size, etag, driver, pendingFor, contentType: mimetype } = blob
  return { path, key, size, etag, driver, ...(pendingFor === undefined ? {} : { pendingFor }), mimetype }
}

async function locationOf(store: UploadStore, blob: StoredBlob): Promise<string | undefined> {
  try {
    return await store.publicUrl(blob.path)
  } catch (error) {
    if (isStorageError(error, 'NOT_SUPPORTED')) return undefined
    // Nobody would be told of the blob.
    await removeVersion(store, blob)
    throw error
  }
}
