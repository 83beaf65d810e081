import { isStorageError, StorageError } from '../../errors/index.js'
import { type Connection, untilAborted } from './connection.js'
import { toStorageError } from './errors.js'
import type { S3Features } from './options.js'
import { probeFeatures } from './probe.js'

export const allFeatures: S3Features = {
  conditionalCreate: true,
  conditionalUpdate: 'quoted',
  conditionalComplete: true,
  conditionalDelete: true,
  conditionalCopy: true,
}

/** What the endpoint can do: known of AWS, told by the options, else asked once, when first needed. */
export class FeatureProbe {
  readonly #s3: Connection
  readonly #onKnown: (features: S3Features) => void
  #known: Promise<S3Features> | undefined

  constructor(s3: Connection, onKnown: (features: S3Features) => void) {
    this.#s3 = s3
    this.#onKnown = onKnown
  }

  /** A failed probe is not remembered: the next call asks again. */
  async features(signal?: AbortSignal | undefined): Promise<S3Features> {
    // The probe serves all callers, so that no one's abort ends it; an aborted caller only stops waiting.
    this.#known ??= this.#find().catch((error: unknown) => {
      this.#known = undefined
      throw error
    })
    try {
      return await untilAborted(this.#known, signal)
    } catch (error) {
      if (isStorageError(error)) throw error.with({ outcome: 'unchanged' })
      throw toStorageError(error, { operation: 'probe', signal }).with({ outcome: 'unchanged' })
    }
  }

  async #find(): Promise<S3Features> {
    const told = this.#s3.settings.features
    const names = Object.keys(allFeatures) as (keyof S3Features)[]
    const allTold = names.every((name) => told[name] !== undefined)
    const found = allTold || (await this.#s3.isAws()) ? allFeatures : await probeFeatures(this.#s3, told)
    const given = Object.entries(told).filter(([, value]) => value !== undefined)
    const features = { ...found, ...Object.fromEntries(given) }
    this.#onKnown(features)
    return features
  }
}

export function unsupported(operation: string, key: string, what: string): StorageError {
  return new StorageError('NOT_SUPPORTED', `This S3 endpoint cannot do ${what}.`, {
    operation,
    driver: 's3',
    key,
    outcome: 'unchanged',
  })
}
