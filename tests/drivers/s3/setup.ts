import { S3Driver, type S3DriverOptions } from '../../../src/drivers/s3/index.js'
import { isStorageError, type StorageError } from '../../../src/errors/index.js'
import type { TestBucket } from '../../servers/bucket.js'
import type { S3Settings } from '../../servers/s3.js'

/** A driver for a test's bucket, on the server of this run or through a proxy in front of it. */
export function driverFor(
  settings: S3Settings,
  bucket: TestBucket | string,
  options: Partial<S3DriverOptions> = {},
): S3Driver {
  const { endpoint, region, credentials } = settings
  return new S3Driver({
    bucket: typeof bucket === 'string' ? bucket : bucket.name,
    endpoint,
    region,
    credentials,
    ...options,
  })
}

/** The StorageError that a call rejects with; anything else fails the test. */
export async function failure(call: Promise<unknown>): Promise<StorageError> {
  try {
    await call
  } catch (error) {
    if (isStorageError(error)) return error
    throw new Error('rejected with something else than a StorageError', { cause: error })
  }
  throw new Error('did not reject')
}

export async function* mebibytes(count: number): AsyncGenerator<Uint8Array> {
  for (let number = 0; number < count; number++) yield Buffer.alloc(1024 ** 2, number)
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
