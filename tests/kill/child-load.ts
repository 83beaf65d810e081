import type { TellingClient } from './child-client.js'
import type { Alias, Operation } from './protocol.js'
import { Random } from './random.js'

/** Few keys, so that the same ones are written again and again. */
export const SHARED_KEYS = ['a', 'b', 'deep/c', 'deep/c/d', 'ü'] as const
/** Written now to one driver and now to the other. */
export const MOVING_KEYS = ['both/a', 'both/b'] as const
export const BIG_KEY = 'big'
export const slotKeys = (slot: number) => ({ from: `slots/from-${slot}`, to: `slots/to-${slot}` })

const INLINE = 64 * 1024
const ALIASES = ['s3', 'local', 'bare'] as const

/** Does random operations one after the other until `stopped` says so. */
export async function runLane(
  client: TellingClient,
  { seed, slot, big, stopped }: { seed: number; slot: number; big: boolean; stopped: () => boolean },
): Promise<void> {
  const random = new Random(seed)
  while (!stopped()) {
    const kind = random.weighted({
      put: 34,
      both: 10,
      big: big ? 4 : 0,
      read: 22,
      delete: 14,
      slot: 8,
      list: 3,
      reconcile: 7,
    })
    if (kind === 'slot') await runSlot(client, random, slot)
    else await client.run(operationOf(kind, random))
  }
}

function operationOf(
  kind: 'put' | 'both' | 'big' | 'read' | 'delete' | 'list' | 'reconcile',
  random: Random,
): Operation {
  switch (kind) {
    case 'put':
      return { op: 'put', key: random.pick(SHARED_KEYS), size: sizeOf(random), stream: random.next() < 0.3 }
    case 'both': {
      const key = random.pick(MOVING_KEYS)
      const size = sizeOf(random)
      return random.next() < 0.5
        ? { op: 'put', key, size, driver: random.pick(['s3', 'local']) }
        : { op: 'put', key, size, kind: random.pick(['document', 'cache']) }
    }
    case 'big':
      return { op: 'put', key: BIG_KEY, size: 6_000_000 + random.between(0, 500_000), stream: true }
    case 'read':
      return { op: 'read', key: anyKey(random), alias: random.pick<Alias>(ALIASES), head: random.next() < 0.3 }
    case 'delete':
      return { op: 'delete', key: anyKey(random), alias: random.pick<Alias>(ALIASES) }
    case 'list':
    case 'reconcile':
      return { op: kind }
  }
}

/** A move has its keys to itself, so that it is known what it moves. */
async function runSlot(client: TellingClient, random: Random, slot: number): Promise<void> {
  const { from, to } = slotKeys(slot)
  const put = await client.run({
    op: 'put',
    key: from,
    size: sizeOf(random),
    driver: random.pick(['s3', 's3', 'local']),
  })
  if (put.error !== undefined) return
  const alias = random.pick<Alias>(ALIASES)
  if (random.next() < 0.8) await client.run({ op: 'move', key: from, to })
  await client.run({ op: 'read', key: random.pick([from, to]), alias })
  if (random.next() < 0.3) await client.run({ op: 'delete', key: to, alias })
}

function anyKey(random: Random): string {
  return random.pick([...SHARED_KEYS, ...SHARED_KEYS, ...MOVING_KEYS, BIG_KEY])
}

function sizeOf(random: Random): number {
  switch (random.weighted({ small: 45, inline: 30, file: 25 })) {
    case 'small':
      return random.between(200, 3000)
    case 'inline':
      return INLINE + random.between(-1, 1)
    case 'file':
      return 200_000 + random.between(0, 1000)
  }
}
