import { expect, test } from 'vitest'
import { MemoryDriver } from '../../../src/drivers/memory/index.js'
import { listEntries } from '../../../src/drivers/memory/listing.js'
import { MemoryOutbox } from '../../../src/outbox/index.js'

test('takes its time from the clock that it is given', async () => {
  let now = 1_000_000
  const driver = new MemoryDriver({ clock: () => now })
  expect((await driver.put('a', 'x')).lastModified).toEqual(new Date(1_000_000))
  now = 2_000_000
  expect((await driver.head('a')).lastModified).toEqual(new Date(1_000_000))
  expect((await driver.copy('a', 'b')).lastModified).toEqual(new Date(2_000_000))
})

test('gives the etag that S3 gives, and a sha256', async () => {
  const info = await new MemoryDriver().put('a', 'hello')
  expect(info.etag).toBe('5d41402abc4b2a76b9719d911017c592')
  expect(info.sha256).toBe('2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824')
})

test('has public URLs only where it is told their base', async () => {
  const driver = new MemoryDriver({ publicBaseUrl: 'https://cdn.example.com/files/' })
  expect(driver.capabilities.publicUrls).toBe(true)
  expect(driver.publicUrl('a b/ü?#%.txt')).toBe('https://cdn.example.com/files/a%20b/%C3%BC%3F%23%25.txt')
  const without = new MemoryDriver()
  expect(without.capabilities.publicUrls).toBe(false)
  expect(() => without.publicUrl('a')).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
})

test('keeps to a size limit that it declares', async () => {
  const driver = new MemoryDriver({ capabilities: { maxSize: 10 } })
  await driver.put('a', 'x'.repeat(10))
  await expect(driver.put('a', 'x'.repeat(11))).rejects.toMatchObject({ code: 'TOO_LARGE' })
  await expect(driver.put('a', 'x'.repeat(6), { maxSize: 5 })).rejects.toMatchObject({ code: 'TOO_LARGE' })
})

test('keeps to limits of keys and metadata that it declares', async () => {
  const driver = new MemoryDriver({ capabilities: { maxKeyBytes: 5, maxMetadataBytes: 4 } })
  await driver.put('12345', 'x', { metadata: { a: 'bcd' } })
  await expect(driver.put('123456', 'x')).rejects.toMatchObject({ code: 'INVALID_KEY' })
  await expect(driver.copy('12345', '123456')).rejects.toMatchObject({ code: 'INVALID_KEY' })
  await expect(driver.put('1', 'x', { metadata: { a: 'bcde' } })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test('says in every error which driver, operation and key it is about', async () => {
  const driver = new MemoryDriver()
  const facts = { driver: 'memory', operation: 'get', key: 'missing' }
  await expect(driver.get('missing')).rejects.toMatchObject(facts)
  await driver.put('a', 'x')
  const put = driver.put('a', 'x', { ifNoneMatch: '*' })
  await expect(put).rejects.toMatchObject({ driver: 'memory', operation: 'put', key: 'a', outcome: 'unchanged' })
})

test('refuses calls after close, and has let go of everything', async () => {
  const driver = new MemoryDriver()
  await driver.put('a', 'x')
  await driver.close()
  await expect(driver.get('a')).rejects.toMatchObject({ code: 'CONFIGURATION' })
  await expect(driver.put('a', 'x')).rejects.toMatchObject({ code: 'CONFIGURATION' })
  await expect(driver.list().next()).rejects.toMatchObject({ code: 'CONFIGURATION' })
  await driver.close()
})

test('holds one outbox, which it never lists', async () => {
  const driver = new MemoryDriver()
  const outbox = driver.createOutbox()
  expect(outbox).toBeInstanceOf(MemoryOutbox)
  expect(driver.createOutbox()).toBe(outbox)
  const stage = await outbox.stage()
  await stage.write(Buffer.from('waiting'))
  const attributes = { contentType: 'text/plain', metadata: {} }
  await stage.commit({ key: 'a', operation: 'put', driver: 's3', base: 'unknown', attributes })
  await expect(driver.list().next()).resolves.toMatchObject({ done: true })
  await expect(driver.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('a page of a long list begins where the page before ended', () => {
  const keys = Array.from({ length: 20_000 }, (_, i) => `k${String(i).padStart(5, '0')}`)
  const looked: string[] = []
  const find = (key: string) => {
    looked.push(key)
    const info = { key, size: 0, etag: 'e', lastModified: new Date(0), contentType: 'text/plain', metadata: {} }
    return { info, bytes: new Uint8Array() }
  }
  const page = [...listEntries(keys, find, { prefix: 'k1', startAfter: 'k15000', limit: 3 })]
  expect(page.map((entry) => entry.type === 'blob' && entry.key)).toEqual(['k15001', 'k15002', 'k15003'])
  expect(looked).toEqual(['k15001', 'k15002', 'k15003'])
})
