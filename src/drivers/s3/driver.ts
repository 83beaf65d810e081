import type {
  BlobBody,
  BlobDriver,
  BlobInfo,
  BlobReader,
  CopyOptions,
  DeleteOptions,
  DeleteResult,
  DriverCapabilities,
  GetOptions,
  HeadOptions,
  ListEntry,
  ListOptions,
  PutOptions,
  SignalOptions,
  SignedUpload,
  SignUploadOptions,
  SignUrlOptions,
  Visibility,
} from '../../driver/index.js'
import { MAX_METADATA_BYTES } from '../../driver/index.js'
import { MAX_KEY_BYTES } from '../../keys/index.js'
import { Connection } from './connection.js'
import { type CopyContext, copy, move } from './copy.js'
import { deleteMany, deleteOne } from './delete.js'
import { toStorageError } from './errors.js'
import { allFeatures, FeatureProbe } from './features.js'
import { list } from './list.js'
import type { S3DriverOptions, S3Features } from './options.js'
import { publicUrl } from './public-url.js'
import { put } from './put.js'
import { get, head } from './read.js'
import { checkOptions, MAX_OBJECT_SIZE, type S3Settings } from './settings.js'
import { signUpload, signUrl } from './sign.js'
import { type SweepUploadsOptions, type SweptUploads, Uploads } from './uploads.js'
import { getVisibility, setVisibility } from './visibility.js'

/**
 * Blobs in one bucket of AWS S3 or a look-alike, through @aws-sdk/client-s3, which is loaded on first use.
 * One instance holds one client; make one for the process and share it.
 *
 * @throws CONFIGURATION where an option is wrong.
 */
export class S3Driver implements BlobDriver {
  readonly kind = 's3'
  readonly description: string
  readonly identity: string
  readonly #settings: S3Settings
  readonly #s3: Connection
  readonly #probe: FeatureProbe
  readonly #uploads: Uploads
  readonly #running = new Set<Promise<unknown>>()
  readonly #context: CopyContext
  #capabilities: DriverCapabilities
  #region: string | undefined

  constructor(options: S3DriverOptions) {
    this.#settings = checkOptions(options)
    const { bucket, prefix, endpoint } = this.#settings
    this.description = `bucket ${bucket}${prefix && `/${prefix}`}${endpoint ? ` at ${new URL(endpoint).host}` : ''}`
    const at = options.client ? '' : ` at ${endpoint ? new URL(endpoint).host : 'AWS'}`
    this.identity = `s3://${bucket}/${prefix}${at}`
    this.#s3 = new Connection(this.#settings, options)
    this.#probe = new FeatureProbe(this.#s3, (features) => {
      this.#capabilities = capabilitiesOf(this.#settings, features)
    })
    this.#uploads = new Uploads(this.#s3)
    this.#context = { s3: this.#s3, probe: this.#probe, uploads: this.#uploads }
    this.#capabilities = capabilitiesOf(this.#settings, { ...allFeatures, ...this.#settings.features })
  }

  /** What S3's Date header said last (RFC 9110 section 6.6.1), to the second. */
  get storageTime(): Date | undefined {
    return this.#s3.storageTime
  }

  /**
   * What the endpoint can do. Until it was asked (`ready`, or the first conditional change) a look-alike is taken to
   * be able to do everything; a call for which that turns out wrong rejects with NOT_SUPPORTED and has no effect.
   */
  get capabilities(): DriverCapabilities {
    return this.#capabilities
  }

  /** Asks the endpoint what it can do, once, and resolves with the capabilities that hold from then on. */
  async ready(options: SignalOptions = {}): Promise<DriverCapabilities> {
    await this.#run('ready', () => this.#probe.features(options.signal))
    return this.#capabilities
  }

  /**
   * Whether region and credentials can be found, without a request to S3.
   * CONFIGURATION where there is no region, UNAUTHENTICATED where there are no credentials.
   */
  async checkConfiguration(): Promise<void> {
    await this.#run('checkConfiguration', () => this.#checkConfiguration())
  }

  put(key: string, body: BlobBody, options?: PutOptions): Promise<BlobInfo> {
    // It looks by itself whether the driver is open: a body that is refused must be released.
    return this.#track('put', put(this.#context, key, body, options))
  }

  get(key: string, options?: GetOptions): Promise<BlobReader> {
    return this.#run('get', () => get(this.#s3, key, options))
  }

  head(key: string, options?: HeadOptions): Promise<BlobInfo> {
    return this.#run('head', () => head(this.#s3, key, options))
  }

  delete(key: string, options?: DeleteOptions): Promise<void> {
    return this.#run('delete', () => deleteOne(this.#s3, this.#probe, key, options))
  }

  deleteMany(keys: readonly string[], options?: SignalOptions): Promise<DeleteResult[]> {
    return this.#run('deleteMany', () => deleteMany(this.#s3, keys, options))
  }

  list(options?: ListOptions): AsyncIterable<ListEntry> {
    return list(this.#s3, options)
  }

  /** Within the bucket, by S3 itself; beyond 5 GiB in parts. */
  copy(source: string, destination: string, options?: CopyOptions): Promise<BlobInfo> {
    return this.#run('copy', () => copy(this.#context, source, destination, options))
  }

  /** Copies, then deletes the source; where the endpoint judges conditional deletes, only the version copied. */
  move(source: string, destination: string, options?: CopyOptions): Promise<BlobInfo> {
    return this.#run('move', () => move(this.#context, source, destination, options))
  }

  signUrl(key: string, options?: SignUrlOptions): Promise<string> {
    return this.#run('signUrl', () => signUrl(this.#s3, key, options))
  }

  signUpload(key: string, options?: SignUploadOptions): Promise<SignedUpload> {
    return this.#run('signUpload', () => signUpload(this.#s3, this.#probe, key, options))
  }

  publicUrl(key: string): string {
    return publicUrl(this.#settings, key, this.#region)
  }

  setVisibility(key: string, visibility: Visibility, options?: SignalOptions): Promise<void> {
    return this.#run('setVisibility', () => setVisibility(this.#s3, key, visibility, options))
  }

  getVisibility(key: string, options?: SignalOptions): Promise<Visibility> {
    return this.#run('getVisibility', () => getVisibility(this.#s3, key, options))
  }

  /** Aborts multipart uploads under the prefix that nobody finished, such as those of a process that died. */
  sweepUploads(options?: SweepUploadsOptions): Promise<SweptUploads> {
    return this.#run('sweepUploads', () => this.#uploads.sweep(options))
  }

  /** Waits for what is running, aborts what could not be aborted before, ends open reads and destroys its client. */
  async close(): Promise<void> {
    this.#s3.refuse()
    await Promise.allSettled(this.#running)
    await this.#uploads.retryLeftOver()
    await this.#s3.close()
  }

  async #checkConfiguration(): Promise<void> {
    this.#region = await this.#s3.region()
    await this.#s3.credentials()
  }

  async #run<T>(operation: string, call: () => Promise<T>): Promise<T> {
    this.#s3.assertOpen()
    return this.#track(operation, call())
  }

  async #track<T>(operation: string, work: Promise<T>): Promise<T> {
    this.#running.add(work)
    try {
      return await work
    } catch (error) {
      throw toStorageError(error, { operation })
    } finally {
      this.#running.delete(work)
    }
  }
}

function capabilitiesOf(settings: S3Settings, features: S3Features): DriverCapabilities {
  return {
    createOnly: features.conditionalCreate,
    conditionalUpdate: features.conditionalUpdate !== false,
    conditionalDelete: features.conditionalDelete,
    conditionalCopy: features.conditionalCopy && features.conditionalComplete,
    signedUrls: true,
    signedUploads: true,
    publicUrls: true,
    visibility: settings.visibility,
    maxKeyBytes: MAX_KEY_BYTES - Buffer.byteLength(settings.prefix),
    maxMetadataBytes: MAX_METADATA_BYTES,
    maxSize: MAX_OBJECT_SIZE,
  }
}
