import { type CheckedAttributes, checkAttributes, type PutOptions } from '../driver/index.js'
import { StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { StoreContext } from './context.js'

/**
 * Checks a put against every driver that may come to hold the blob, before a byte is read: what one of them refuses
 * would otherwise be found out when it is too late. Answers the attributes as they will be stored.
 */
export function checkLimits(
  context: StoreContext,
  chain: readonly string[],
  key: string,
  options: PutOptions,
  size: number | undefined,
): CheckedAttributes {
  const attributes = checkAttributes(key, options)
  const keyBytes = Buffer.byteLength(key)
  let metadataBytes = 0
  for (const pair of Object.entries(attributes.metadata)) metadataBytes += Buffer.byteLength(pair.join(''))
  for (const name of chain) {
    const capabilities = context.drivers.get(name)?.capabilities
    if (capabilities === undefined) continue
    const { maxKeyBytes, maxMetadataBytes, maxSize } = capabilities
    const facts = { operation: 'put', key, driver: name, outcome: 'unchanged' } as const
    if (keyBytes > maxKeyBytes) {
      throw new StorageError(
        'INVALID_KEY',
        `The key ${quoteKey(key)} has more than the ${maxKeyBytes} bytes that ${name} takes.`,
        {
          ...facts,
          hint: 'Choose a shorter key.',
        },
      )
    }
    if (metadataBytes > maxMetadataBytes) {
      throw new StorageError(
        'INVALID_ARGUMENT',
        `The metadata has ${metadataBytes} bytes, more than the ${maxMetadataBytes} that ${name} takes.`,
        { ...facts, hint: 'Keep large facts in the database, beside the path.' },
      )
    }
    if (size !== undefined && maxSize !== undefined && size > maxSize) {
      throw new StorageError(
        'TOO_LARGE',
        `The body has ${size} bytes, more than the ${maxSize} that ${name} takes.`,
        facts,
      )
    }
  }
  // Only the driver it is meant for needs to know visibility: the outbox keeps it until the blob is there.
  const [first = ''] = chain
  if (attributes.visibility === 'public' && context.drivers.get(first)?.capabilities.visibility === false) {
    throw new StorageError('NOT_SUPPORTED', `The driver ${first} cannot make a blob public.`, {
      operation: 'put',
      key,
      driver: first,
      hint: 'Put it without visibility, and hand out signed URLs.',
      outcome: 'unchanged',
    })
  }
  return attributes
}
