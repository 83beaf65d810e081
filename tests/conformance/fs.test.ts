import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, it } from 'vitest'
import { FsDriver, type FsDriverOptions } from '../../src/drivers/fs/index.js'
import { INTERNAL_DIRECTORY, isInternal, parseInternalName } from '../../src/drivers/fs/internal-names.js'
import { type ConformanceHarness, describeConformance, openFiles } from '../../src/testing/index.js'

/**
 * What the driver made for itself under `root` and did not remove: staging files, locks, attribute records where no
 * blob is left, and files there that this process has open.
 */
async function leaksOf(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])
  const inUse = new Set(entries.filter((one) => one.isFile() && !isInternal(one.name)).map((one) => one.parentPath))
  const left = entries.filter(({ name, parentPath }) => {
    if (!isInternal(name) || name === INTERNAL_DIRECTORY) return false
    return parseInternalName(name).kind !== 'record' || !inUse.has(parentPath)
  })
  const open = (await openFiles()).filter((path) => path.startsWith(root))
  return [...left.map(({ parentPath, name }) => join(parentPath, name)), ...open.map((path) => `open ${path}`)]
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
    leaks: (prefix) => leaksOf(join(root, prefix)),
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
      leaks: async (prefix) => [...((await leaks?.('')) ?? []), ...(await leaksOf(join(mounted, prefix.slice(8))))],
      close: async () => {
        await close?.()
        await rm(mounted, { recursive: true })
      },
    }
  },
  runner,
  { concurrency: 4 },
)
