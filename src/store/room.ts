import { StorageError } from '../errors/index.js'
import type { Outbox } from '../outbox/index.js'
import type { StoreContext } from './context.js'

/** NO_SPACE or CONFIGURATION where the volume of the outbox is not to take so many bytes more. */
export async function assertVolume(context: StoreContext, box: Outbox, bytes: number): Promise<void> {
  const { minFree, requireDurable } = context.fallback
  const { free, ephemeral } = await box.volume()
  if (requireDurable && ephemeral !== undefined) {
    throw new StorageError('CONFIGURATION', `What waits would lie on ${ephemeral}, which is gone with this machine.`, {
      hint: 'Put the local root on a volume that stays, or leave requireDurable off.',
      outcome: 'unchanged',
    })
  }
  if (free !== undefined && free - bytes < minFree) {
    throw new StorageError('NO_SPACE', `Fewer than ${minFree} bytes would be left free on the volume of the outbox.`, {
      hint: 'Make room on the volume of the local root, or lower fallback.minFree.',
      outcome: 'unchanged',
    })
  }
}

/** NO_SPACE where so many bytes more are not to wait. */
export async function assertBudget(context: StoreContext, box: Outbox, bytes: number): Promise<void> {
  const { maxBytes } = context.fallback
  if (maxBytes === Number.POSITIVE_INFINITY) return
  const waiting = (await box.summary()).bytes
  if (waiting + bytes <= maxBytes) return
  throw new StorageError('NO_SPACE', `${waiting} bytes wait already, and at most ${maxBytes} may.`, {
    hint: 'Bring the driver back, or raise fallback.maxBytes.',
    outcome: 'unchanged',
  })
}
