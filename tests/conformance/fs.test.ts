import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, it } from 'vitest'
import type { FsLike } from '../../src/disk/index.js'
import { FsDriver, type FsDriverOptions } from '../../src/drivers/fs/index.js'
import { type ConformanceHarness, describeConformance } from '../../src/testing/index.js'
import { diskLeaks } from './leaks.js'

/** A disk that answers every call with the same system error; as root there is no other way to be refused. */
function failingFs(code: string): FsLike {
  const fail = async () => {
    throw Object.assign(new Error(`${code}: made to fail by a test`), { code })
  }
  return { promises: new Proxy({}, { get: () => fail }) }
}

async function harness(options: Omit<FsDriverOptions, 'root'>): Promise<ConformanceHarness> {
  const root = await mkdtemp(join(tmpdir(), 'hybrid-store-conformance-'))
  const open = () => new FsDriver({ ...options, root })
  const subject = open()
  return {
    subject,
    capabilities: subject.capabilities,
    secrets: [root],
    reopen: async () => open(),
    refused: async () => new FsDriver({ ...options, root, fs: failingFs('EACCES') }),
    unavailable: async () => new FsDriver({ ...options, root, fs: failingFs('EIO') }),
    leaks: (prefix) => diskLeaks(root, prefix),
    close: async () => {
      await subject.close()
      await rm(root, { recursive: true })
    },
  }
}

const runner = { describe, it, afterAll }

describeConformance('fs', () => harness({}), runner, { concurrency: 4 })

describeConformance(
  'fs, mounted, with content etags',
  async () => {
    const mounted = await mkdtemp(join(tmpdir(), 'hybrid-store-mounted-'))
    const options = { mounts: { 'mounted/': mounted }, etag: 'content', durability: 'none' } as const
    const { close, leaks, ...inner } = await harness({ ...options, publicBaseUrl: 'https://files.example.com/' })
    return {
      ...inner,
      prefix: 'mounted/',
      secrets: [...(inner.secrets ?? []), mounted],
      leaks: async (prefix) => [
        ...((await leaks?.('')) ?? []),
        ...(await diskLeaks(mounted, prefix.slice('mounted/'.length))),
      ],
      close: async () => {
        await close?.()
        await rm(mounted, { recursive: true })
      },
    }
  },
  runner,
  { concurrency: 4 },
)
