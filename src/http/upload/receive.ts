import { StorageError } from '../../errors/index.js'
import type { BlobStore } from '../blob-store.js'
import { field, type HttpRequest } from '../message.js'
import { asStorageError } from '../problem.js'
import { Form } from './form.js'
import { settleLimits } from './limits.js'
import { boundaryOf } from './multipart/boundary.js'
import { parseFormData } from './multipart/form-data.js'
import { MultipartReader, type Part } from './multipart/reader.js'
import type { FormFields, UploadedBlob, UploadOptions } from './options.js'
import { checkOrigin } from './origin.js'
import { peek } from './peek.js'
import { ReceivedBody } from './received-body.js'
import { type Intake, storeFile } from './store-file.js'
import { undo } from './undo.js'
import type { UploadedFile } from './uploaded-file.js'

/** A file of a request that was refused while others were stored: see `atomic`. */
export interface UploadFailure {
  /** The form's field. */
  readonly field: string
  /** As the client sent it: not safe as a name on any disk. */
  readonly filename: string
  readonly error: StorageError
}

/** A form that was taken in. */
export interface ReceivedUpload {
  /** The files, in the order in which they came. */
  readonly blobs: readonly UploadedBlob[]
  /** All fields that are no files. */
  readonly fields: FormFields
  /** Files that were refused; empty unless `atomic` is off. */
  readonly failures: readonly UploadFailure[]
  /**
   * Removes the files again, exactly these versions: for when what belongs to them, such as a row, cannot be written. Never
   * rejects; answers why some of them could not be removed.
   */
  discard(): Promise<StorageError[]>
}

/**
 * Takes a multipart/form-data request in (RFC 7578): its files go straight into the store as they arrive, a part at a time in
 * memory, its fields into `fields`. `request.body` must not have been read.
 *
 * Rejects with a StorageError whose `status` is the answer, and with nothing stored: 400 for a body that is broken or breaks off,
 * 403 for one of another site, 408 for silence, 413 beyond a limit, 415 for a body or type that is not taken, 422 for
 * bytes that are not those announced or that `scan` does not let in; what the storage says otherwise. What the
 * client still sends is then read on for a while, so that it comes to read the answer.
 */
export async function receiveUpload<Native>(
  store: BlobStore,
  request: HttpRequest,
  options: UploadOptions<Native>,
  native: Native,
): Promise<ReceivedUpload> {
  const reception = new Reception(store, request, options, native)
  return reception.run()
}

class Reception<Native> {
  readonly #store: BlobStore
  readonly #request: HttpRequest
  readonly #options: UploadOptions<Native>
  readonly #native: Native
  readonly #blobs: UploadedBlob[] = []
  readonly #failures: UploadFailure[] = []
  readonly #keys = new Set<string>()
  #arriving: UploadedFile | undefined
  #broken = false

  constructor(store: BlobStore, request: HttpRequest, options: UploadOptions<Native>, native: Native) {
    this.#store = store
    this.#request = request
    this.#options = options
    this.#native = native
  }

  async run(): Promise<ReceivedUpload> {
    const limits = settleLimits(this.#options.limits)
    checkOrigin(this.#request, this.#options.origins)
    const boundary = boundaryOf(field(this.#request.headers, 'content-type'))
    const body = new ReceivedBody(this.#request, limits, (bytes) => this.#onBytes(bytes, body.length))
    const form = new Form(limits)
    const intake: Intake<Native> = {
      store: this.#store,
      request: this.#request,
      native: this.#native,
      options: this.#options,
      limits,
      fields: form.fields,
      onFile: (file) => {
        this.#arriving = file
      },
    }
    try {
      const parts = new MultipartReader(() => body.next(), boundary, limits)
      for (let part = await parts.next(); part; part = await parts.next()) await this.#part(intake, form, part)
      return this.#received(form)
    } catch (error) {
      body.discard()
      const left = await undo(this.#store, this.#blobs)
      throw left.length === 0 ? error : leftBehind(error, left)
    }
  }

  async #part(intake: Intake<Native>, form: Form, { headers, body }: Part): Promise<void> {
    form.countPart()
    const { field, filename } = parseFormData(headers.contentDisposition)
    if (filename === undefined) {
      await form.take(field, headers.contentType, body)
      return
    }
    const file = await chosenFile(filename, this.#bytesOf(body))
    if (file === undefined) return
    form.countFile()
    const incoming = { field, filename, declaredType: headers.contentType, body: file }
    try {
      this.#blobs.push(await storeFile(intake, incoming, async (input) => this.#claim(await this.#options.key(input))))
    } catch (error) {
      if (this.#options.atomic !== false || this.#broken || this.#request.signal?.aborted) throw error
      this.#failures.push({ field, filename, error: asStorageError(error) })
      // The store may have left in the middle of a step, which must be over before the next part is looked for.
      await file.return()
    } finally {
      this.#arriving = undefined
    }
  }

  /** Tells a request that is broken from a file that is refused: nothing can come behind the first. */
  async *#bytesOf(body: Part['body']): Part['body'] {
    try {
      yield* body
    } catch (error) {
      this.#broken = true
      throw error
    }
  }

  /** The second file of a key would take the place of the first one, unseen. */
  #claim(key: string): string {
    if (!this.#keys.has(key)) {
      this.#keys.add(key)
      return key
    }
    throw new StorageError('ALREADY_EXISTS', 'Two files of one request have the same key.', {
      operation: 'upload',
      key,
      outcome: 'unchanged',
      hint: 'Make keys with file.uniqueName.',
    })
  }

  #received({ fields }: Form): ReceivedUpload {
    const blobs = this.#blobs
    return { blobs, fields, failures: this.#failures, discard: () => undo(this.#store, blobs) }
  }

  #onBytes(bytes: number, total: number | undefined): void {
    this.#options.onProgress?.({ bytes, total, file: this.#arriving })
  }
}

/**
 * The bytes of a file; undefined for a file input in which nobody chose one: browsers send it with an empty name and no
 * bytes. What has bytes and no name is a file.
 */
async function chosenFile(filename: string, body: Part['body']): Promise<AsyncGenerator<Uint8Array, void> | undefined> {
  if (filename !== '') return body
  const { head, all } = await peek(body, 1)
  return head.byteLength === 0 ? undefined : all
}

/** Something is stored of an upload that failed, which is for the log and nothing that the client could mend. */
function leftBehind(failure: unknown, left: readonly StorageError[]): StorageError {
  return new StorageError(
    'INTERNAL',
    `The upload failed, and ${left.length} of its files could not be removed again.`,
    {
      operation: 'upload',
      key: left[0]?.key,
      outcome: 'unknown',
      hint: 'The errors in cause name their keys.',
      cause: new AggregateError([failure, ...left]),
    },
  )
}
