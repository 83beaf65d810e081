// What writes to a disk. Each opens with `{ root, durability }` and answers with what it can do.
import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

async function count(entries) {
  let counted = 0
  for await (const _ of entries) counted++
  return counted
}

const ours = (blobs) => ({
  get: async (key) => (await blobs.get(key)).bytes(),
  put: (key, body) => blobs.put(key, body),
  head: (key) => blobs.head(key),
  delete: (key) => blobs.delete(key),
  list: () => count(blobs.list()),
})

export const fsSubjects = {
  'hybrid-store, FsDriver': async ({ root, durability }) => {
    const { FsDriver } = await import('../../dist/fs.js')
    return ours(new FsDriver({ root, durability }))
  },
  'hybrid-store, HybridStore': async ({ root, durability }) => {
    const { FsDriver } = await import('../../dist/fs.js')
    const { HybridStore } = await import('../../dist/index.js')
    return ours(new HybridStore({ drivers: { local: new FsDriver({ root, durability }) }, logger: false }))
  },
  /** A temporary file, renamed; with fsync as durable as it can be made: fdatasync of the file, fsync of the directory. */
  'node:fs': async ({ root, durability }) => {
    await mkdir(root, { recursive: true })
    return {
      get: (key) => readFile(join(root, key)),
      put: async (key, body) => {
        const path = join(root, key)
        const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
        const file = await open(temporary, 'wx')
        try {
          await file.writeFile(body)
          if (durability === 'fsync') await file.datasync()
        } finally {
          await file.close()
        }
        await rename(temporary, path)
        if (durability !== 'fsync') return
        const directory = await open(dirname(path), 'r')
        try {
          await directory.sync()
        } finally {
          await directory.close()
        }
      },
      head: (key) => stat(join(root, key)),
      delete: (key) => rm(join(root, key)),
      list: async () => {
        let counted = 0
        for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
          if (!entry.isFile()) continue
          await stat(join(entry.parentPath, entry.name))
          counted++
        }
        return counted
      },
    }
  },
  flydrive: async ({ root, durability }) => {
    if (durability === 'fsync') return undefined
    const { FSDriver } = await import('flydrive/drivers/fs')
    const { Disk } = await import('flydrive')
    const disk = new Disk(new FSDriver({ location: root, visibility: 'private' }))
    return {
      get: (key) => disk.getBytes(key),
      put: (key, body) => disk.put(key, body),
      head: (key) => disk.getMetaData(key),
      delete: (key) => disk.delete(key),
      list: async () => [...(await disk.listAll('', { recursive: true })).objects].length,
    }
  },
  'files-sdk': async ({ root, durability }) => {
    if (durability === 'fsync') return undefined
    const { Files } = await import('files-sdk')
    const { fs } = await import('files-sdk/fs')
    const files = new Files({ adapter: fs({ root }) })
    return {
      get: async (key) => new Uint8Array(await (await files.download(key)).arrayBuffer()),
      put: (key, body) => files.upload(key, body),
      head: (key) => files.head(key),
      delete: (key) => files.delete(key),
      list: () => count(files.listAll()),
    }
  },
  unstorage: async ({ root, durability }) => {
    if (durability === 'fsync') return undefined
    const { createStorage } = await import('unstorage')
    const { default: fs } = await import('unstorage/drivers/fs-lite')
    const storage = createStorage({ driver: fs({ base: root }) })
    return {
      get: (key) => storage.getItemRaw(key),
      put: (key, body) => storage.setItemRaw(key, body),
      head: (key) => storage.getMeta(key),
      delete: (key) => storage.removeItem(key),
      list: async () => (await storage.getKeys()).length,
    }
  },
}
