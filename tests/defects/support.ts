import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type Disk, diskFrom, makeOwner } from '../../src/disk/index.js'
import type { BlobInfo, HeadOptions } from '../../src/driver/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { memoryStore } from '../store/support.js'

/** A clock that goes when a test says so: 2026, in milliseconds. */
export class Clock {
  now = Date.UTC(2026, 0, 1)

  pass(ms: number): void {
    this.now += ms
  }
}

/** An S3 that others use too: what they do can come between a look of the library's and its next request. */
export class BusyS3 extends MemoryDriver {
  /** Done once, behind the next HEAD. */
  meanwhile: (() => Promise<unknown>) | undefined

  override async head(key: string, options?: HeadOptions): Promise<BlobInfo> {
    try {
      return await super.head(key, options)
    } finally {
      const { meanwhile } = this
      this.meanwhile = undefined
      await meanwhile?.()
    }
  }

  /** It outlives the stores over it. */
  override async close(): Promise<void> {}
}

/** A store over a {@link BusyS3} whose clock stands still, and what a second process on the same disk sees. */
export async function busyStore(options: Parameters<typeof memoryStore>[0] = {}) {
  const clock = new Clock()
  const remote = new BusyS3({ clock: () => clock.now })
  const open = (changes: Parameters<typeof memoryStore>[0] = {}) => {
    return memoryStore({ ...options, ...changes, s3: new FaultyDriver(remote) })
  }
  const { store, s3, root, ...rest } = await open()
  /** Somebody else's write. */
  const theirs = (key: string, body: string) => remote.put(key, body)
  const text = async (key: string) => (await remote.get(key)).text()
  return { ...rest, store, s3, root, remote, clock, theirs, text, another: () => open({ root }) }
}

/** Node's file system with some of its calls replaced. */
export function diskWith(changes: (disk: Disk) => Partial<Disk>): Disk {
  const disk = diskFrom()
  return { ...disk, ...changes(disk) }
}

/** Locks something, as a process that has ended did. */
export function lockAsDead(folder: string, name: string): void {
  // The same pid, and another time at which it started.
  const dead = makeOwner().replace(/\d(?=\.[0-9a-f]{8}$)/, (digit) => String((Number(digit) + 1) % 10))
  mkdirSync(folder, { recursive: true })
  symlinkSync(`${dead}.1`, join(folder, name))
}

export const outboxOf = (root: string) => join(root, '.hybrid-store/outbox')

export function namesIn(folder: string): string[] {
  return readdirSync(folder).sort()
}
