import type { Connection } from './connection.js'
import { statusOf } from './errors.js'
import { internalName } from './internal-names.js'
import type { S3Features } from './options.js'
import type { Commands } from './sdk.js'

const BODY = Buffer.from('hybrid-store asks what this endpoint can do')

/**
 * Finds out by trying, on objects under the driver's prefix that are removed again. A look-alike that does not know a
 * condition ignores it and answers 200, so a feature counts only if an unmet condition was refused and a met one was
 * not. Features in `told` are not tried.
 */
export async function probeFeatures(s3: Connection, told: Partial<S3Features>): Promise<S3Features> {
  const probe = new Probe(s3)
  try {
    await probe.put()
    return {
      conditionalCreate: told.conditionalCreate ?? (await probe.conditionalCreate()),
      conditionalUpdate: told.conditionalUpdate ?? (await probe.conditionalUpdate()),
      conditionalComplete: told.conditionalComplete ?? (await probe.conditionalComplete()),
      conditionalCopy: told.conditionalCopy ?? (await probe.conditionalCopy()),
      conditionalDelete: told.conditionalDelete ?? (await probe.conditionalDelete()),
    }
  } finally {
    await probe.remove()
  }
}

class Probe {
  readonly #s3: Connection
  readonly #there: string
  readonly #absent: string
  #etag = ''

  constructor(s3: Connection) {
    this.#s3 = s3
    this.#there = s3.settings.prefix + internalName('probe')
    this.#absent = s3.settings.prefix + internalName('probe')
  }

  /** The object that all the questions are about. Fails where nothing at all can be written. */
  async put(): Promise<void> {
    const { ETag = '' } = await this.#send('PutObject', { ...this.#target(), Body: BODY })
    this.#etag = ETag.replace(/^"|"$/g, '')
  }

  async conditionalCreate(): Promise<boolean> {
    return this.#refuses('PutObject', { ...this.#target(), Body: BODY, IfNoneMatch: '*' })
  }

  async conditionalUpdate(): Promise<S3Features['conditionalUpdate']> {
    const stale = '0'.repeat(32)
    for (const [form, quote] of [
      ['quoted', '"'],
      ['bare', ''],
    ] as const) {
      const put = (etag: string) => ({ ...this.#target(), Body: BODY, IfMatch: quote + etag + quote })
      const judged =
        (await this.#refuses('PutObject', put(stale))) &&
        !(await this.#refuses('PutObject', put(this.#etag))) &&
        (await this.#refuses('PutObject', { ...put(stale), Key: this.#absent }))
      if (judged) return form
    }
    return false
  }

  async conditionalComplete(): Promise<boolean> {
    const target = this.#target()
    const { UploadId } = await this.#send('CreateMultipartUpload', target)
    const part = { ...target, UploadId, PartNumber: 1 }
    let refused = false
    try {
      const { ETag } = await this.#send('UploadPart', { ...part, Body: BODY })
      const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] }
      refused = await this.#refuses('CompleteMultipartUpload', {
        ...target,
        UploadId,
        MultipartUpload,
        IfNoneMatch: '*',
      })
      // A completed upload has replaced the object, and with it the etag.
      if (!refused) await this.put()
      return refused
    } finally {
      await this.#send('AbortMultipartUpload', { ...target, UploadId }).catch((error: unknown) => {
        if (statusOf(error) !== 404) throw error
      })
    }
  }

  async conditionalCopy(): Promise<boolean> {
    const { Bucket, Key } = this.#target()
    return this.#refuses('CopyObject', {
      Bucket,
      Key,
      CopySource: `${Bucket}/${encodeURIComponent(Key)}`,
      IfNoneMatch: '*',
      MetadataDirective: 'REPLACE',
    })
  }

  async conditionalDelete(): Promise<boolean> {
    if (!(await this.#refuses('DeleteObject', { ...this.#target(), IfMatch: `"${'0'.repeat(32)}"` }))) return false
    return !(await this.#refuses('DeleteObject', { ...this.#target(), IfMatch: `"${this.#etag}"` }))
  }

  async remove(): Promise<void> {
    for (const Key of [this.#there, this.#absent]) {
      // Whatever is wrong here was wrong before and is reported there; what is left is never listed.
      await this.#send('DeleteObject', { Bucket: this.#s3.settings.bucket, Key }).catch(() => {})
    }
  }

  /** Whether the endpoint says no to the condition. It also says no where it does not know the header at all. */
  async #refuses<Name extends keyof Commands>(name: Name, input: Commands[Name][0]): Promise<boolean> {
    try {
      await this.#send(name, input)
      return false
    } catch (error) {
      const status = statusOf(error)
      if (status === 412 || status === 404 || status === 409) return true
      if (status === 501 || status === 400) return false
      throw error
    }
  }

  #send<Name extends keyof Commands>(name: Name, input: Commands[Name][0]): Promise<Commands[Name][1]> {
    return this.#s3.send(name, input, { operation: 'probe' })
  }

  #target() {
    return { Bucket: this.#s3.settings.bucket, Key: this.#there }
  }
}
