import { Intake } from '../../src/body/index.js'
import type { BlobBody, BlobInfo, DeleteOptions, PutOptions } from '../../src/driver/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { StorageError } from '../../src/errors/index.js'

/** An S3 that can take a request, never answer it, and carry it out when nobody expects that any more. */
export class LateS3 extends MemoryDriver {
  readonly #late: (() => Promise<unknown>)[] = []
  /** The next change is carried out late. */
  armed = false

  override async put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    if (!this.armed) return super.put(key, body, options)
    this.armed = false
    const chunks: Uint8Array[] = []
    const intake = new Intake(body, { ...options, key })
    for await (const chunk of intake.read()) chunks.push(Uint8Array.from(chunk))
    intake.release()
    const { signal: _, ...rest } = options
    this.#late.push(() => super.put(key, Buffer.concat(chunks), rest))
    throw unanswered('put', key)
  }

  override async delete(key: string, options: DeleteOptions = {}): Promise<void> {
    if (!this.armed) return super.delete(key, options)
    this.armed = false
    const { signal: _, ...rest } = options
    this.#late.push(() => super.delete(key, rest))
    throw unanswered('delete', key)
  }

  /** Carries out the oldest request that was not answered; its conditions are judged now. */
  async land(): Promise<void> {
    await this.#late
      .shift()?.()
      .catch(() => {})
  }

  async landAll(): Promise<void> {
    while (this.#late.length > 0) await this.land()
  }

  /** Outlives the stores over it, as S3 does. */
  override async close(): Promise<void> {}
}

function unanswered(operation: string, key: string): StorageError {
  return new StorageError('TIMEOUT', `The ${operation} was not answered.`, { operation, key, outcome: 'unknown' })
}
