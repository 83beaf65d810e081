import { discardBody } from '../body/index.js'
import type {
  BlobBody,
  BlobReader,
  DeleteOptions,
  GetOptions,
  HeadOptions,
  SignalOptions,
  SignedUpload,
  Visibility,
} from '../driver/index.js'
import { isStorageError } from '../errors/index.js'
import type { SignedGrant, SignedTarget, SignedUploadGrant } from '../signing/index.js'
import { confirmUpload, type ExpectedUpload } from './confirm-upload.js'
import { type Conflict, listConflicts } from './conflicts.js'
import { makeContext, type StoreContext } from './context.js'
import { copyBlob, moveBlob } from './copy.js'
import { deleteBlob, deleteBlobs } from './delete.js'
import type { StoreEventName, StoreListener } from './events.js'
import { publicUrl, signUpload, signUrl } from './links.js'
import { type ListPage, listBlobs, listPage } from './list.js'
import { type LocalFile, localFile } from './local-file.js'
import type {
  CloseOptions,
  HybridStoreOptions,
  ListPageOptions,
  PendingOptions,
  ReconcileOptions,
  RelocateOptions,
  StoreCopyOptions,
  StoreListOptions,
  StorePutOptions,
  StoreSignUploadOptions,
  StoreSignUrlOptions,
} from './options.js'
import { verifyOwnLink, verifyOwnUpload } from './own-links.js'
import type { Resolution } from './paths/index.js'
import { resolve, routeTo } from './plan.js'
import { putBlob } from './put.js'
import { getBlob, headBlob } from './read.js'
import { type ReconcileResult, reconcile } from './reconcile.js'
import { Reconciler } from './reconciler.js'
import { type Relocation, relocate } from './relocate.js'
import type { RoutingContext } from './routing/index.js'
import { RunningCalls } from './running.js'
import { logStart, pendingBlobs, type StoreStatus, statusOf, warnIfEphemeral } from './status.js'
import type { Located, PathDeleteResult, PendingBlob, StoredBlob, StoredEntry } from './stored.js'
import { getVisibility, setVisibility } from './visibility.js'

/**
 * Several drivers as one place for blobs. A put is routed to one of them; reads find a blob wherever it is; a put whose
 * driver fails is kept by another one and handed over later. Keys are the same on all drivers; a path says in one string
 * where a blob belongs, and wherever a path is taken a bare key is too.
 *
 * Every method rejects with a StorageError and nothing else, and honours `signal` (ABORTED).
 */
export class HybridStore<D extends string = string, K extends string = string> implements AsyncDisposable {
  readonly #context: StoreContext
  readonly #calls = new RunningCalls()
  readonly #reconciler: Reconciler
  #closing: Promise<void> | undefined

  /**
   * Does no I/O but for one log line; what waits is looked at in the background, soon. CONFIGURATION where the options
   * contradict each other.
   */
  constructor(options: HybridStoreOptions<D, K>) {
    this.#context = makeContext(options)
    logStart(this.#context)
    warnIfEphemeral(this.#context)
    this.#reconciler = new Reconciler(this.#context)
  }

  /**
   * Writes a blob to the driver it is routed to. Where that fails and has a fallback, the blob waits there for its
   * driver: `pendingFor` says so, and the path is the same. With `ifMatch` or `ifNoneMatch` it waits only where the
   * current version waits here too, so that the condition can be decided; in an outage it is else UNAVAILABLE.
   */
  async put(key: string, body: BlobBody, options: StorePutOptions<D, K> = {}): Promise<StoredBlob<D>> {
    try {
      this.#calls.assertOpen('put')
    } catch (error) {
      discardBody(body)
      throw error
    }
    return this.#run('put', (context) => putBlob(context, key, body, options))
  }

  /** Opens a blob. NOT_FOUND only if every place asked answered that it has none; else the failure of one that did not. */
  get(path: string, options: GetOptions = {}): Promise<BlobReader<StoredBlob<D>>> {
    return this.#run('get', (context) => getBlob(context, path, options))
  }

  /** What `get` would say, without the bytes. */
  head(path: string, options: HeadOptions = {}): Promise<StoredBlob<D>> {
    return this.#run('head', (context) => headBlob(context, path, options))
  }

  /** Whether there is a blob: false only on NOT_FOUND, any other failure rejects. */
  async exists(path: string, options: SignalOptions = {}): Promise<boolean> {
    try {
      await this.#run('exists', (context) => headBlob(context, path, { signal: options.signal }, 'exists'))
      return true
    } catch (error) {
      if (isStorageError(error, 'NOT_FOUND')) return false
      throw error
    }
  }

  /**
   * Deletes a blob from every place where its path would be read. One that does not exist is no error, unless `ifMatch`
   * is given. Where a driver with a fallback cannot be reached the delete waits, durably: no path reads the blob any
   * more, and its driver deletes it later. With `ifMatch` that needs a version that waits here; else UNAVAILABLE.
   */
  delete(path: string, options: DeleteOptions = {}): Promise<void> {
    return this.#run('delete', (context) => deleteBlob(context, path, options))
  }

  /** Deletes many blobs and answers for each, in the order asked. */
  deleteMany(paths: readonly string[], options: SignalOptions = {}): Promise<PathDeleteResult[]> {
    return this.#run('deleteMany', (context) => deleteBlobs(context, paths, options))
  }

  /**
   * All blobs of all drivers in UTF-8 byte order of their keys, each key once. With a driver down the iteration fails
   * at that point, unless `partial` is set.
   */
  async *list(options: StoreListOptions = {}): AsyncGenerator<StoredEntry<D>, void, undefined> {
    this.#calls.assertOpen('list')
    for await (const entry of listBlobs(this.#context, options)) {
      yield entry as StoredEntry<D>
      this.#calls.assertOpen('list')
    }
  }

  /** One page of `list`, and a cursor for the next one that survives outages, moves and restarts. */
  listPage(options: ListPageOptions = {}): Promise<ListPage<StoredEntry<D>>> {
    return this.#run('list', (context) => listPage(context, options))
  }

  /**
   * Copies a blob with its attributes, streamed and verified where the drivers differ. A bare key goes to the source's
   * driver unless `kind` or `driver` say otherwise. Onto itself: nothing changes.
   */
  copy(from: string, to: string, options: StoreCopyOptions<D, K> = {}): Promise<StoredBlob<D>> {
    return this.#run('copy', (context) => copyBlob(context, from, to, options))
  }

  /** As `copy`; the source is deleted after the destination was verified. */
  move(from: string, to: string, options: StoreCopyOptions<D, K> = {}): Promise<StoredBlob<D>> {
    return this.#run('move', (context) => moveBlob(context, from, to, options))
  }

  /** Moves a blob to another driver under its key. The old path keeps reading. */
  relocate(path: string, options: RelocateOptions<D>): Promise<Relocation<D>> {
    return this.#run('relocate', (context) => relocate(context, path, options))
  }

  /**
   * A URL that lets its bearer read the blob for a while. Asks no far driver whether the blob is there, unless `verify`
   * is set. Where the driver signs none, and while the blob waits for its driver, it is one below the `baseUrl` of the
   * option `signedUrls`, which stays right when the blob moves; NOT_SUPPORTED without that option.
   */
  signUrl(path: string, options: StoreSignUrlOptions = {}): Promise<string> {
    return this.#run('signUrl', (context) => signUrl(context, path, options))
  }

  /**
   * What a link that this store signed allows, for the HTTP server behind `signedUrls.baseUrl`: pass the URL or the
   * target of the request, or what is left of it behind the mount as `{ path, query }`. Pure and synchronous.
   *
   * Throws ACCESS_DENIED with status 403 where the link has expired or is not what was signed, HEAD and GET being the
   * only methods; NOT_SUPPORTED without the option `signedUrls`.
   */
  verifySignedUrl(link: string | URL | SignedTarget, options: { readonly method: string }): SignedGrant {
    return verifyOwnLink(this.#context, link, options)
  }

  /**
   * A request that lets its bearer write this key for a while, past the application where the driver signs such. Where it
   * does not, while it cannot be reached, and while a version of the key waits for it, the request leads below the
   * `baseUrl` of the option `signedUrls`, and what it brings is put like anything else. Without that option it is the
   * driver's own, outage or not; NOT_SUPPORTED where there is none, and while a version waits.
   */
  signUpload(key: string, options: StoreSignUploadOptions<D, K> = {}): Promise<SignedUpload> {
    return this.#run('signUpload', (context) => signUpload(context, key, options))
  }

  /**
   * What an upload that this store signed may be like, for the HTTP server behind `signedUrls.baseUrl`, which holds it to
   * that; the link is given as to `verifySignedUrl`. Pure and synchronous.
   *
   * Throws ACCESS_DENIED with status 403 where the link has expired or is not what was signed for this method;
   * NOT_SUPPORTED without the option `signedUrls`.
   */
  verifySignedUpload(link: string | URL | SignedTarget, options: { readonly method: string }): SignedUploadGrant {
    return verifyOwnUpload(this.#context, link, options)
  }

  /**
   * Looks at what an upload past the application has left at `path`, and answers it where it is as expected: for the call
   * by which a browser says that it is done, before a row names the blob. Reads the blob only for a `sha256` that its
   * driver does not know.
   *
   * NOT_FOUND as `head`; SIZE_MISMATCH, TOO_LARGE, CHECKSUM_MISMATCH, PRECONDITION_FAILED (another etag), INVALID_ARGUMENT
   * with status 415 (another content type).
   */
  confirmUpload(path: string, expected: ExpectedUpload = {}): Promise<StoredBlob<D>> {
    return this.#run('confirmUpload', (context) => confirmUpload(context, path, expected))
  }

  /** Where a public blob can be read without credentials. NOT_SUPPORTED as with `signUrl`. */
  publicUrl(path: string): Promise<string> {
    return this.#run('publicUrl', (context) => publicUrl(context, path))
  }

  setVisibility(path: string, visibility: Visibility, options: SignalOptions = {}): Promise<void> {
    return this.#run('setVisibility', (context) => setVisibility(context, path, visibility, options))
  }

  /** Who may read a blob without credentials. NOT_SUPPORTED where its driver knows no visibility. */
  getVisibility(path: string, options: SignalOptions = {}): Promise<Visibility> {
    return this.#run('getVisibility', (context) => getVisibility(context, path, options))
  }

  /** The driver that would take such a blob now. Writes nothing, asks nobody. */
  route(blob: RoutingContext<K> & { readonly driver?: D | undefined }): D {
    const { driver, ...routing } = blob
    return routeTo(this.#context, driver, routing) as D
  }

  /** What a path means: where the blob may lie, likeliest first. Pure. */
  resolve(path: string): Resolution<D> {
    return resolve(this.#context, path) as Resolution<D>
  }

  /** Where the blob really is now. NOT_FOUND as `head`. */
  async locate(path: string, options: SignalOptions = {}): Promise<Located<D>> {
    const { signal } = options
    const blob = await this.#run<StoredBlob>('locate', (context) => headBlob(context, path, { signal }, 'locate'))
    const { key, driver, path: where, pendingFor } = blob as StoredBlob<D>
    return { key, driver, path: where, pendingFor }
  }

  /**
   * The plain file that holds the blob now, for programs on this machine that send files. Undefined where it is none:
   * on S3, in memory, waiting in the outbox; then `get` serves it. Asks no driver that keeps no files. NOT_FOUND as
   * `head`, where all that may have the blob do.
   */
  localFile(path: string, options: SignalOptions = {}): Promise<LocalFile<D> | undefined> {
    return this.#run('localFile', (context) => localFile(context, path, options))
  }

  /** The changes that wait for their driver, in byte order of their keys. */
  pending(options: PendingOptions = {}): Promise<PendingBlob<D>[]> {
    return this.#run('pending', (context) => pendingBlobs(context, options))
  }

  /**
   * Carries out what waits, each change verified before it stops waiting; with `reconcile: false` nobody else does. May
   * run twice at once and in several processes.
   */
  reconcile(options: ReconcileOptions = {}): Promise<ReconcileResult> {
    return this.#run('reconcile', (context) => reconcile(context, options))
  }

  /** Keys that somebody else changed while a change of them waited here, until they are dismissed. Asks no driver. */
  conflicts(): Promise<Conflict<D>[]> {
    return this.#run('conflicts', (context) => listConflicts(context))
  }

  /** Forgets a conflict; both versions stay where they are. One that is not there is no error. */
  dismissConflict(id: string): Promise<void> {
    return this.#run('dismissConflict', async ({ outbox }) => outbox?.box.dismissConflict(id))
  }

  /** How the drivers did lately and what waits. Asks no driver. */
  status(): Promise<StoreStatus<D>> {
    return this.#run('status', (context) => statusOf(context))
  }

  /** Whether there is a driver behind this name. */
  hasDriver(name: D): boolean {
    return this.#context.drivers.get(name) !== undefined
  }

  /** Listens to an event. All of them are also published on the diagnostics channel `hybrid-store:<event>`. */
  on<E extends StoreEventName>(event: E, listener: StoreListener<E>): this {
    this.#context.events.on(event, listener)
    return this
  }

  off<E extends StoreEventName>(event: E, listener: StoreListener<E>): this {
    this.#context.events.off(event, listener)
    return this
  }

  /**
   * Waits for the calls under way, then closes the outbox and the drivers. Later calls reject with CONFIGURATION. With
   * `drain` it first goes on handing over for so long; what is left is logged, and waits for the next start.
   */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The parts know drivers as strings; that only names of D come out of them is for the options' types to see to. */
  #run<T>(operation: string, call: (context: StoreContext) => Promise<unknown>): Promise<T> {
    return this.#calls.run(operation, () => call(this.#context) as Promise<T>)
  }

  async #close({ drain = 0 }: CloseOptions): Promise<void> {
    await this.#calls.end()
    await this.#reconciler.stop()
    if (drain > 0) await this.#reconciler.drain(drain)
    const { outbox, drivers } = this.#context
    const closing = [outbox?.box.close(), ...[...drivers.configured()].map(([, driver]) => driver.close?.())]
    const failed = (await Promise.allSettled(closing)).find((end) => end.status === 'rejected')
    if (failed) throw failed.reason
  }
}
