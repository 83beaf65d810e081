import { createHash } from 'node:crypto'
import { memfs } from 'memfs'
import { describe, expect, it } from 'vitest'
import { FsDriver } from '../../../src/drivers/fs/index.js'
import { isOutboxHost } from '../../../src/outbox/index.js'
import { entriesOf, filesBelow, keysOf, tempDriver, textOf } from './support.js'

const md5 = (bytes: Uint8Array | string) => createHash('md5').update(bytes).digest()

describe("etag: 'content'", () => {
  it('is the MD5 for one part, and the MD5 of the MD5s for more, in put, head, get and list', async () => {
    const { driver } = tempDriver({ etag: 'content', partSize: 1000, durability: 'none' })
    const bytes = Buffer.from(Array.from({ length: 2500 }, (_, i) => i % 251))
    const parts = [bytes.subarray(0, 1000), bytes.subarray(1000, 2000), bytes.subarray(2000)]
    const expected = `${createHash('md5')
      .update(Buffer.concat(parts.map(md5)))
      .digest('hex')}-3`
    expect((await driver.put('three', bytes)).etag).toBe(expected)
    expect((await driver.put('one', parts[0] as Buffer)).etag).toBe(md5(parts[0] as Buffer).toString('hex'))
    expect((await driver.put('empty', '')).etag).toBe(md5('').toString('hex'))
    async function* uneven() {
      for (let at = 0; at < bytes.length; at += 333) yield bytes.subarray(at, at + 333)
    }
    expect((await driver.put('streamed', uneven())).etag).toBe(expected)
    for (const key of ['three', 'one', 'empty']) {
      const { etag } = await driver.head(key)
      const reader = await driver.get(key)
      await reader.cancel()
      expect(reader.info.etag).toBe(etag)
      const listed = (await entriesOf(driver, { prefix: key }))[0]
      expect(listed).toMatchObject({ etag })
    }
    await driver.put('three', 'new', { ifMatch: expected })
    await expect(driver.delete('three', { ifMatch: expected })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
  })

  it('stays the same through a copy and a move', async () => {
    const { driver } = tempDriver({ etag: 'content', durability: 'none' })
    const { etag } = await driver.put('a', 'body')
    expect((await driver.copy('a', 'b')).etag).toBe(etag)
    expect((await driver.move('b', 'c')).etag).toBe(etag)
    expect((await driver.head('c')).etag).toBe(etag)
  })
})

describe('the sha256', () => {
  it('is kept where a record is, and never costs a record of its own', async () => {
    const { driver } = tempDriver({ durability: 'none' })
    const sha256 = createHash('sha256').update('body').digest('hex')
    expect((await driver.put('plain', 'body')).sha256).toBeUndefined()
    expect((await driver.put('given', 'body', { sha256 })).sha256).toBe(sha256)
    await driver.put('described', 'body', { metadata: { a: 'b' } })
    expect((await driver.head('described')).sha256).toBe(sha256)
  })

  it('is checked again by a copy: bytes that rotted are CORRUPT and not spread', async () => {
    const { driver, root } = tempDriver({ durability: 'none' })
    await driver.put('a', 'body', { metadata: { a: 'b' } })
    const { promises: fs } = await import('node:fs')
    const { atimeMs, mtimeMs } = await fs.stat(`${root}/a`)
    const stamp = (await fs.stat(`${root}/a`, { bigint: true })).mtimeNs
    await fs.writeFile(`${root}/a`, 'bodx')
    await fs.utimes(`${root}/a`, atimeMs / 1000, Number(stamp / 1000n) / 1e6 + 0.0000005)
    expect((await fs.stat(`${root}/a`, { bigint: true })).mtimeNs).toBe(stamp)
    expect(mtimeMs).toBeGreaterThan(0)
    await expect(driver.copy('a', 'b')).rejects.toMatchObject({ code: 'CORRUPT' })
    expect(await keysOf(driver)).toEqual(['a'])
  })
})

describe('publicBaseUrl', () => {
  it('gives URLs whose segments are encoded, and visibility that is kept', async () => {
    const { driver } = tempDriver({ publicBaseUrl: 'https://files.example.com/base/' })
    expect(driver.publicUrl('a b/c?d#é%2F.txt')).toBe('https://files.example.com/base/a%20b/c%3Fd%23%C3%A9%252F.txt')
    await driver.put('a', 'x', { visibility: 'public', metadata: { a: 'b' } })
    expect(await driver.getVisibility('a')).toBe('public')
    await driver.setVisibility('a', 'private')
    expect(await driver.head('a')).toMatchObject({ visibility: 'private', metadata: { a: 'b' } })
    await driver.put('b', 'x')
    await driver.setVisibility('b', 'public')
    expect((await driver.copy('b', 'c')).visibility).toBe('public')
    const { etag } = await driver.head('b')
    expect(await entriesOf(driver, { prefix: 'b' })).toMatchObject([{ etag }])
    expect(await textOf(driver, 'b')).toBe('x')
    await expect(driver.setVisibility('missing', 'public')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('is needed for whatever is public', async () => {
    const { driver } = tempDriver()
    expect(driver.capabilities).toMatchObject({ visibility: false, publicUrls: false, signedUrls: false })
    const refused = { code: 'NOT_SUPPORTED' }
    await expect(driver.put('a', 'x', { visibility: 'public' })).rejects.toMatchObject(refused)
    await expect(driver.setVisibility('a', 'private')).rejects.toMatchObject(refused)
    expect(() => driver.publicUrl('a')).toThrowError(expect.objectContaining(refused))
    await driver.put('a', 'x', { visibility: 'private' })
  })
})

describe('memfs', () => {
  it('works as the file system, with everything but real processes', async () => {
    const { fs, vol } = memfs()
    const driver = new FsDriver({ root: '/storage', fs })
    await driver.put('a/b.txt', 'body', { metadata: { a: 'b' } })
    expect(await textOf(driver, 'a/b.txt')).toBe('body')
    const { etag } = await driver.head('a/b.txt')
    await driver.put('a/b.txt', 'next', { ifMatch: etag })
    await expect(driver.put('a/b.txt', 'x', { ifMatch: etag })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    await expect(driver.put('a/b.txt', 'x', { ifNoneMatch: '*' })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    await driver.put('a', 'beside')
    await driver.copy('a/b.txt', 'c')
    await driver.move('c', 'd/e')
    expect(await keysOf(driver)).toEqual(['a', 'a/b.txt', 'd/e'])
    expect(await keysOf(driver, { delimiter: '/' })).toEqual(['a', 'a/', 'd/'])
    await driver.delete('d/e')
    await driver.delete('a')
    await driver.delete('a/b.txt')
    expect(await keysOf(driver)).toEqual([])
    expect(Object.keys(vol.toJSON()).filter((path) => /stage|lock/.test(path))).toEqual([])
    await driver.close()
  })

  it('has no way out by a symlink either', async () => {
    const { fs, vol } = memfs({ '/outside/secret': 'secret', '/storage/own': 'own' })
    vol.symlinkSync('/outside', '/storage/out')
    const driver = new FsDriver({ root: '/storage', fs })
    await expect(driver.get('out/secret')).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    await expect(driver.put('out/new', 'x')).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    expect(await keysOf(driver)).toEqual(['own'])
  })
})

describe('the outbox', () => {
  it('lives in the internal directory, one per driver, and is never listed', async () => {
    const { driver, root } = tempDriver()
    expect(isOutboxHost(driver)).toBe(true)
    expect(driver.createOutbox()).toBe(driver.createOutbox())
    const stage = await driver.createOutbox().stage()
    await stage.write(Buffer.alloc(200_000))
    await driver.put('a', 'x')
    expect(filesBelow(root).some((name) => name.startsWith('.hybrid-store/outbox/'))).toBe(true)
    expect(await keysOf(driver)).toEqual(['a'])
    await driver.sweep()
    await stage.discard()
    await driver.createOutbox().close()
  })
})
