import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { entriesOf, keysOf, leftovers, openBelow, tempDirectory, tempDriver, textOf } from './support.js'

/** Sets the file's time back by a minute, as if it had been there for a while. */
function age(path: string): void {
  const then = Date.now() / 1000 - 60.123456
  utimesSync(path, then, then)
}

describe('files that other programs put there', () => {
  it('are blobs with the type of their extension', async () => {
    const { driver, root } = tempDriver()
    mkdirSync(join(root, 'old/2019'), { recursive: true })
    writeFileSync(join(root, 'old/2019/report.pdf'), 'pdf')
    const info = await driver.head('old/2019/report.pdf')
    expect(info).toMatchObject({ size: 3, contentType: 'application/pdf', metadata: {} })
    expect(await textOf(driver, 'old/2019/report.pdf')).toBe('pdf')
    expect(await keysOf(driver)).toEqual(['old/2019/report.pdf'])
  })

  it('have a weak etag while young and a strong one afterwards, the same in head, get and list', async () => {
    const { driver, root } = tempDriver()
    mkdirSync(root)
    writeFileSync(join(root, 'young'), 'y')
    expect((await driver.head('young')).etag).toMatch(/^W\//)
    writeFileSync(join(root, 'old'), 'o')
    age(join(root, 'old'))
    const { etag } = await driver.head('old')
    expect(etag).not.toMatch(/^W\//)
    const reader = await driver.get('old')
    await reader.cancel()
    expect(reader.info.etag).toBe(etag)
    const listed = (await entriesOf(driver)).find((entry) => entry.type === 'blob' && entry.key === 'old')
    expect(listed).toMatchObject({ etag })
    await driver.put('old', 'new', { ifMatch: etag })
    expect(await textOf(driver, 'old')).toBe('new')
  })

  it('keep names that the driver would encode, until they are replaced', async () => {
    const { driver, root } = tempDriver()
    mkdirSync(join(root, 'at 10:30'), { recursive: true })
    writeFileSync(join(root, 'at 10:30/a:b.txt'), 'raw')
    writeFileSync(join(root, 'what?.txt'), 'raw too')
    age(join(root, 'what?.txt'))
    expect(await keysOf(driver)).toEqual(['at 10:30/a:b.txt', 'what?.txt'])
    expect(await textOf(driver, 'at 10:30/a:b.txt')).toBe('raw')
    const { etag } = await driver.head('what?.txt')
    await driver.put('what?.txt', 'replaced', { ifMatch: etag })
    expect(readdirSync(root)).not.toContain('what?.txt')
    expect(await textOf(driver, 'what?.txt')).toBe('replaced')
    await driver.delete('at 10:30/a:b.txt')
    expect(await keysOf(driver)).toEqual(['what?.txt'])
  })

  it('are never read under a name that is another key', async () => {
    const { driver } = tempDriver()
    await driver.put('a:b', 'colon')
    await driver.put('x', 'file')
    await driver.put('x/y', 'below')
    for (const key of ['a%3Ab', 'x%']) await expect(driver.head(key)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('of a sort that is no file are refused without waiting, and never listed', async () => {
    const { driver, root } = tempDriver()
    await driver.put('dir/blob', 'x')
    execFileSync('mkfifo', [join(root, 'fifo')])
    symlinkSync('/etc/passwd', join(root, 'link'))
    const server = createServer().listen(join(root, 'socket'))
    await once(server, 'listening')
    for (const key of ['fifo', 'link', 'socket']) {
      await expect(driver.get(key)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
      await expect(driver.head(key)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
      await expect(driver.put(key, 'x')).rejects.toMatchObject({ code: 'ACCESS_DENIED', outcome: 'unchanged' })
      await expect(driver.delete(key)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
      await expect(driver.copy(key, 'copy')).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
      await expect(driver.move(key, 'moved')).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    }
    for (const operation of [() => driver.get('dir'), () => driver.head('dir')]) {
      await expect(operation()).rejects.toMatchObject({ code: 'NOT_FOUND' })
    }
    await driver.delete('dir')
    expect(await keysOf(driver)).toEqual(['dir/blob'])
    expect(leftovers(root)).toEqual([])
    expect(openBelow(root)).toEqual([])
    server.close()
  })
})

describe('a file that shrinks while it is read', () => {
  it('is CORRUPT, never a short body, and its handle is closed', async () => {
    const { driver, root } = tempDriver({ durability: 'none' })
    await driver.put('big', Buffer.alloc(4 * 1024 * 1024, 1))
    const reader = await driver.get('big')
    writeFileSync(join(root, 'big'), 'short')
    const read = async () => {
      for await (const _ of reader.body);
    }
    await expect(read()).rejects.toMatchObject({ code: 'CORRUPT' })
    const whole = await driver.get('big')
    writeFileSync(join(root, 'big'), '')
    await expect(whole.bytes()).rejects.toMatchObject({ code: 'CORRUPT' })
    expect(openBelow(root)).toEqual([])
  })
})

describe('the attribute record', () => {
  const attributes = { contentType: 'text/x-special', metadata: { who: 'me' } }
  const recordIn = (root: string) => {
    const name = readdirSync(root).find((candidate) => candidate.startsWith('.hybrid-store.attributes.'))
    return join(root, name ?? 'no record')
  }

  it('that is truncated or garbage breaks neither the blob nor the list', async () => {
    const { driver, root } = tempDriver()
    for (const garbage of ['', '{', 'null', '[]', '{"v":1,"versions":[null,1,{}]}', '\0\0\0', '{"v":2}']) {
      const { etag } = await driver.put('a.txt', 'body', attributes)
      writeFileSync(recordIn(root), garbage)
      expect(await driver.head('a.txt')).toMatchObject({ contentType: 'text/plain', metadata: {}, etag })
      expect(await textOf(driver, 'a.txt')).toBe('body')
      expect(await keysOf(driver)).toEqual(['a.txt'])
    }
    await driver.put('a.txt', 'again', attributes)
    expect(await driver.head('a.txt')).toMatchObject(attributes)
  })

  it('is untrusted: what no caller could have said is dropped', async () => {
    const { driver, root } = tempDriver()
    await driver.put('a.txt', 'body', attributes)
    const record = recordIn(root)
    const json = JSON.stringify(JSON.parse(execFileSync('cat', [record], { encoding: 'utf8' })))
    writeFileSync(record, json.replace('text/x-special', 'text/html\\r\\nX-Evil: 1'))
    expect((await driver.head('a.txt')).contentType).toBe('text/plain')
  })

  it('may be missing, a directory, or a symlink', async () => {
    const { driver, root } = tempDriver()
    await driver.put('a.txt', 'body', attributes)
    const record = recordIn(root)
    renameSync(record, `${record}.away`)
    expect((await driver.head('a.txt')).metadata).toEqual({})
    symlinkSync(`${record}.away`, record)
    expect((await driver.head('a.txt')).metadata).toEqual({})
  })

  it('does not survive an overwrite', async () => {
    const { driver } = tempDriver()
    await driver.put('a.txt', 'body', attributes)
    await driver.put('a.txt', 'body')
    expect(await driver.head('a.txt')).toMatchObject({ contentType: 'text/plain', metadata: {} })
  })

  it('does not hold for a body that another program wrote', async () => {
    const { driver, root } = tempDriver()
    await driver.put('a.txt', 'body', attributes)
    writeFileSync(join(root, 'a.txt'), 'other')
    expect(await driver.head('a.txt')).toMatchObject({ contentType: 'text/plain', metadata: {} })
  })

  it('is bound again after a restore from a backup, and only to the same bytes', async () => {
    const { driver, root } = tempDriver()
    await driver.put('a.txt', 'body', attributes)
    const backup = tempDirectory()
    execFileSync('cp', ['-a', `${root}/.`, backup])
    const restored = tempDriver({ root: backup }).driver
    expect(await restored.head('a.txt')).toMatchObject(attributes)
    // tar keeps whole seconds only.
    const tarred = tempDirectory()
    execFileSync('sh', ['-c', `tar --format=gnu -C "${root}" -cf - . | tar -C "${tarred}" -xf -`])
    expect(await tempDriver({ root: tarred }).driver.head('a.txt')).toMatchObject(attributes)
    const { atime, mtime } = statSync(join(backup, 'a.txt'))
    writeFileSync(join(backup, 'a.txt'), 'BODY')
    utimesSync(join(backup, 'a.txt'), atime, mtime)
    expect((await restored.head('a.txt')).metadata).toEqual({})
  })

  it('is not made where the name tells everything', async () => {
    const { driver, root } = tempDriver()
    await driver.put('a.txt', 'body', { contentType: 'text/plain', metadata: {} })
    expect(readdirSync(root).sort()).toEqual(['.hybrid-store', 'a.txt'])
    copyFileSync(join(root, 'a.txt'), join(root, 'b.txt'))
    expect(await keysOf(driver)).toEqual(['a.txt', 'b.txt'])
  })
})
