import {
  bareEtag,
  checkWriteOptions,
  type DeleteOptions,
  type DeleteResult,
  type SignalOptions,
} from '../../driver/index.js'
import { isStorageError, StorageError } from '../../errors/index.js'
import { quoteKey } from '../../keys/index.js'
import type { Connection } from './connection.js'
import { statusOf, toStorageError } from './errors.js'
import { type FeatureProbe, unsupported } from './features.js'
import { head } from './read.js'
import { objectKey } from './settings.js'
import { Trace } from './trace.js'

/** S3's limit on one DeleteObjects. */
const BATCH = 1000

export async function deleteOne(
  s3: Connection,
  probe: FeatureProbe,
  key: string,
  options: DeleteOptions = {},
): Promise<void> {
  const { bucket: Bucket } = s3.settings
  const Key = objectKey(s3.settings, key, 'delete')
  checkWriteOptions(options, 'delete')
  const { ifMatch, signal } = options
  const trace = new Trace()
  const call = { operation: 'delete', key, signal, change: true, trace }
  if (ifMatch === undefined) {
    try {
      await s3.send('DeleteObject', { Bucket, Key }, call)
    } catch (error) {
      // Some look-alikes say so of a missing key; it is gone, which is what was wanted.
      if (!isStorageError(error, 'NOT_FOUND')) throw error
    }
    return
  }
  const features = await probe.features(signal)
  if (!features.conditionalDelete) throw unsupported('delete', key, 'a delete with ifMatch')
  const etag = bareEtag(ifMatch)
  if (etag.startsWith('W/')) throw changed(key, 'unchanged')
  try {
    await s3.send('DeleteObject', { Bucket, Key, IfMatch: etag === '*' ? '*' : `"${etag}"` }, call)
  } catch (error) {
    if (!isStorageError(error, 'NOT_FOUND') && statusOf(error) !== 412) throw error
    if (!trace.ambiguous) throw changed(key, 'unchanged', error)
    // The answer to an earlier attempt was lost: a key that is gone now was most likely deleted by it.
    if (await isGone(s3, key)) return
    throw changed(key, 'unknown', error)
  }
}

async function isGone(s3: Connection, key: string): Promise<boolean> {
  try {
    await head(s3, key, {}, 'delete')
    return false
  } catch (error) {
    return isStorageError(error, 'NOT_FOUND')
  }
}

function changed(key: string, outcome: 'unchanged' | 'unknown', cause?: unknown): StorageError {
  const facts = { operation: 'delete', driver: 's3', key, outcome, cause }
  return new StorageError('PRECONDITION_FAILED', `${quoteKey(key)} is not as ifMatch demands.`, facts)
}

/** Deletes in batches of 1,000 and answers for each key, in the order asked. */
export async function deleteMany(
  s3: Connection,
  keys: readonly string[],
  { signal }: SignalOptions = {},
): Promise<DeleteResult[]> {
  const errors = new Map<string, Error | undefined>()
  const wanted = new Map<string, string>()
  for (const key of keys) {
    try {
      wanted.set(key, objectKey(s3.settings, key, 'deleteMany'))
    } catch (error) {
      errors.set(key, error as Error)
    }
  }
  const pairs = [...wanted]
  let answered = false
  for (let at = 0; at < pairs.length; at += BATCH) {
    const batch = pairs.slice(at, at + BATCH)
    try {
      for (const [key, error] of await deleteBatch(s3, batch, signal)) errors.set(key, error)
      answered = true
    } catch (error) {
      // Nothing was tried with success so far: the call as a whole has failed.
      if (!answered) throw error
      for (const [key] of batch) errors.set(key, (error as StorageError).with({ key }))
    }
  }
  return keys.map((key) => {
    const error = errors.get(key)
    return error === undefined ? { key } : { key, error }
  })
}

type Answers = Map<string, StorageError | undefined>

async function deleteBatch(
  s3: Connection,
  batch: readonly [string, string][],
  signal: AbortSignal | undefined,
): Promise<Answers> {
  // DeleteObjects names its keys in XML, which has no way to write these two characters.
  const inXml = batch.filter(([key]) => !/[\ufffe\uffff]/.test(key))
  const apart = batch.filter(([key]) => /[\ufffe\uffff]/.test(key))
  const answers: Answers = new Map()
  const call = { operation: 'deleteMany', signal, change: true }
  if (inXml.length > 0) {
    try {
      const Objects = inXml.map(([, Key]) => ({ Key }))
      const output = await s3.send(
        'DeleteObjects',
        { Bucket: s3.settings.bucket, Delete: { Objects, Quiet: false } },
        call,
      )
      readAnswers(inXml, output, answers)
    } catch (error) {
      // Google's S3 interface has no DeleteObjects.
      if (!isStorageError(error, 'NOT_SUPPORTED')) throw error
      apart.push(...inXml)
    }
  }
  await deleteOneByOne(s3, apart, signal, answers)
  return answers
}

interface DeleteObjectsAnswer {
  readonly Deleted?: readonly { readonly Key?: string | undefined }[] | undefined
  readonly Errors?:
    | readonly {
        readonly Key?: string | undefined
        readonly Code?: string | undefined
        readonly Message?: string | undefined
      }[]
    | undefined
}

/** Errors come inside a 200. A key that the answer does not mention at all counts as not deleted. */
function readAnswers(
  batch: readonly [string, string][],
  { Deleted = [], Errors = [] }: DeleteObjectsAnswer,
  answers: Answers,
): void {
  const refused = new Map(Errors.map((error) => [error.Key, error]))
  const deleted = new Set(Deleted.map(({ Key }) => Key))
  const complete = deleted.size + refused.size >= batch.length
  for (const [key, Key] of batch) {
    const error = refused.get(Key)
    if (error !== undefined && error.Code !== 'NoSuchKey') {
      const cause = Object.assign(new Error(error.Message), {
        name: error.Code,
        $metadata: { httpStatusCode: statusFor(error.Code) },
      })
      answers.set(key, toStorageError(cause, { operation: 'deleteMany', key, change: true }))
    } else if (error === undefined && !deleted.has(Key) && !complete) {
      const facts = { operation: 'deleteMany', driver: 's3', key, outcome: 'unknown' } as const
      answers.set(key, new StorageError('UNAVAILABLE', `S3 did not say what became of ${quoteKey(key)}.`, facts))
    } else {
      answers.set(key, undefined)
    }
  }
}

function statusFor(code: string | undefined): number {
  return code === 'InternalError' ? 500 : code === 'SlowDown' || code === 'ServiceUnavailable' ? 503 : 403
}

async function deleteOneByOne(
  s3: Connection,
  pairs: readonly [string, string][],
  signal: AbortSignal | undefined,
  answers: Answers,
): Promise<void> {
  const queue = pairs.values()
  const worker = async () => {
    for (const [key, Key] of queue) {
      try {
        await s3.send(
          'DeleteObject',
          { Bucket: s3.settings.bucket, Key },
          { operation: 'deleteMany', key, signal, change: true },
        )
        answers.set(key, undefined)
      } catch (error) {
        answers.set(key, isStorageError(error, 'NOT_FOUND') ? undefined : (error as StorageError))
      }
    }
  }
  await Promise.all(Array.from({ length: 16 }, worker))
}
