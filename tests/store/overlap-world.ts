import type { BlobBody, BlobInfo, DeleteOptions, PutOptions } from '../../src/driver/index.js'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { HybridStore } from '../../src/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { manual, onEnd, tempRoot } from './support.js'

export type Step = (key: string) => Promise<unknown>

/** A driver of which a test may do something in front of its next call, or behind it. */
interface Steps {
  beforePut?: Step | undefined
  afterPut?: Step | undefined
  beforeDelete?: Step | undefined
}

async function once(steps: Steps, name: keyof Steps, key: string): Promise<void> {
  const step = steps[name]
  steps[name] = undefined
  await step?.(key)
}

class SteppedS3 extends MemoryDriver {
  readonly steps: Steps = {}

  override async put(key: string, body: BlobBody, options?: PutOptions): Promise<BlobInfo> {
    await once(this.steps, 'beforePut', key)
    const info = await super.put(key, body, options)
    await once(this.steps, 'afterPut', key)
    return info
  }

  override async delete(key: string, options?: DeleteOptions): Promise<void> {
    await once(this.steps, 'beforeDelete', key)
    return super.delete(key, options)
  }

  override async close(): Promise<void> {}
}

class SteppedFs extends FsDriver {
  readonly steps: Steps = {}

  override async put(key: string, body: BlobBody, options?: PutOptions): Promise<BlobInfo> {
    await once(this.steps, 'beforePut', key)
    const info = await super.put(key, body, options)
    await once(this.steps, 'afterPut', key)
    return info
  }

  override async delete(key: string, options?: DeleteOptions): Promise<void> {
    await once(this.steps, 'beforeDelete', key)
    return super.delete(key, options)
  }
}

/** An S3 and a disk, and processes on it. */
export async function world({ grace = 0 } = {}) {
  const root = await tempRoot()
  const remote = new SteppedS3()
  const open = (fs?: { readonly promises: unknown }) => {
    const local = new SteppedFs({ root, durability: 'none', ...(fs ? { fs } : {}) })
    const s3 = new FaultyDriver(remote)
    const store = new HybridStore<'s3' | 'local', string>({
      drivers: { s3, local },
      policy: () => 's3',
      fallback: { ...manual, grace },
      reconcile: false,
      logger: false,
    })
    onEnd(() => store.close())
    return { store, s3, local }
  }
  return { remote, open, ...open() }
}

export function signal() {
  let give = () => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { given, give: () => give() }
}

/** Every path of the key `a`. */
export const ALIASES = ['s3:a', 'local:a', 'a']

/** What each of them reads, or why it does not. */
export async function texts(store: HybridStore<'s3' | 'local', string>): Promise<string[]> {
  return Promise.all(ALIASES.map(async (path) => (await store.get(path)).text().catch(String)))
}

/** An old version on the disk, and above it one that waits for S3. */
export async function waitingOverLocal() {
  const all = await world()
  const { store, s3 } = all
  await store.put('a', 'old', { driver: 'local' })
  s3.outage()
  const waiting = await store.put('a', 'waits')
  s3.recover()
  return { ...all, waiting }
}
