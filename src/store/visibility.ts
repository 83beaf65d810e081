import type { SignalOptions, Visibility } from '../driver/index.js'
import { StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { Outbox, OutboxPut, PutRecord } from '../outbox/index.js'
import type { StoreContext } from './context.js'
import { sourceOf, visibilityOf } from './transfer.js'

/** Says who may read a blob without credentials; of one that waits it is said once it arrives. */
export async function setVisibility(
  context: StoreContext,
  path: string,
  visibility: Visibility,
  options: SignalOptions,
): Promise<void> {
  if (visibility !== 'private' && visibility !== 'public') {
    throw new StorageError('INVALID_ARGUMENT', 'A visibility is private or public.', { operation: 'setVisibility' })
  }
  const { key, driver } = await sourceOf(context, path, options, 'setVisibility')
  await context.gate.shared(key, async () => {
    const box = context.outbox?.box
    const record = await box?.find(key)
    if (box && record?.operation === 'put') return changeWaiting(box, record, visibility)
    await context.drivers.ask(driver, 'setVisibility', key, async (asked) => {
      if (!asked.capabilities.visibility || !asked.setVisibility) throw unknown(driver, key, 'setVisibility')
      await asked.setVisibility(key, visibility, options)
    })
  })
}

export async function getVisibility(context: StoreContext, path: string, options: SignalOptions): Promise<Visibility> {
  const blob = await sourceOf(context, path, options, 'getVisibility')
  if (blob.pendingFor === undefined && !context.drivers.get(blob.driver)?.capabilities.visibility) {
    throw unknown(blob.driver, blob.key, 'getVisibility')
  }
  return (await visibilityOf(context, blob, options)) ?? 'private'
}

function unknown(driver: string, key: string, operation: string): StorageError {
  return new StorageError('NOT_SUPPORTED', `The driver ${driver} knows no visibility.`, {
    operation,
    driver,
    key,
    hint: `Hand out signed URLs of ${quoteKey(key)} instead.`,
  })
}

/** A record is never changed: the same body becomes the next generation. */
async function changeWaiting(box: Outbox, record: PutRecord, visibility: Visibility): Promise<void> {
  const { key, operation, driver, target, base, seen, doubtUntil, attributes } = record
  const stage = await box.stage()
  try {
    for await (const chunk of await box.read(record)) await stage.write(chunk)
  } catch (error) {
    await stage.discard()
    throw error
  }
  const entry: OutboxPut = {
    key,
    operation,
    driver,
    base,
    attributes: { ...attributes, visibility },
    ...(target === undefined ? {} : { target }),
    ...(seen === undefined ? {} : { seen }),
    ...(doubtUntil === undefined ? {} : { doubtUntil }),
  }
  await stage.commit(entry, {
    onto: (current) => {
      if (current?.token === record.token) return {}
      throw new StorageError('UNAVAILABLE', `${quoteKey(key)} was changed meanwhile.`, {
        operation: 'setVisibility',
        key,
        outcome: 'unchanged',
        hint: 'Try again.',
      })
    },
  })
}
