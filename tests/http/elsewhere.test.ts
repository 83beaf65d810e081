import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { deliver } from '../../src/http/index.js'
import { hybrid, linked } from './linked.js'
import { adapters } from './servers.js'

const get = (headers = {}) => ({ method: 'GET', headers })

describe('redirect', () => {
  test('sends the client to S3, where type and name are the safe ones', async () => {
    const { store } = await hybrid()
    const { path } = await store.put('pages/übel.html', '<script>1</script>', { driver: 's3' })
    const response = await deliver(store, get(), path, { redirect: true })
    expect(response.status).toBe(302)
    expect(response.headers['cache-control']).toBe('private, no-store')
    const there = await fetch(response.headers.location as string)
    expect(await there.text()).toBe('<script>1</script>')
    expect(there.headers.get('content-disposition')).toMatch(
      /^attachment; filename=ubel.html; filename\*=UTF-8''%C3%BCbel.html$/,
    )
  })

  test('the link is asked for with the lifetime given', async () => {
    const { store } = await hybrid()
    const { path } = await store.put('a.txt', 'a', { driver: 's3' })
    const { headers } = await deliver(store, get(), path, { redirect: { expiresIn: 7 } })
    expect(new URL(headers.location as string).searchParams.get('X-Amz-Expires')).toBe('7')
  })

  test('conditions, a missing blob and an outage are answered here', async () => {
    const { store, proxy } = await hybrid()
    const { path, etag } = await store.put('a.txt', 'a', { driver: 's3' })
    const answers = async (at: string, headers = {}) =>
      (await deliver(store, get(headers), at, { redirect: true })).status
    expect(await answers(path, { 'if-none-match': `"${etag}"` })).toBe(304)
    expect(await answers(path, { 'if-match': '"other"' })).toBe(412)
    expect(await answers('s3:b.txt')).toBe(404)
    await proxy.down()
    expect(await answers(path)).toBe(503)
  })

  test('a local blob, and one that waits for S3, are delivered as ever', async () => {
    const { store, proxy } = await hybrid()
    const { path } = await store.put('local.txt', 'here', { driver: 'local' })
    expect(await deliver(store, get(), path, { redirect: true })).toMatchObject({
      status: 200,
      body: Buffer.from('here'),
    })
    await proxy.down()
    const waiting = await store.put('waits.txt', 'waits', { driver: 's3' })
    expect(waiting.pendingFor).toBe('s3')
    const response = await deliver(store, get(), waiting.path, { redirect: true })
    expect(response).toMatchObject({ status: 200, body: Buffer.from('waits') })
  })
})

describe('accel', () => {
  test('names the file of a local blob (`%` and `?` are escaped on disk) to nginx, encoded, with what makes it harmless', async () => {
    const { store, root } = await hybrid()
    const { path } = await store.put('a b/50% ü?.html', 'x', { driver: 'local' })
    const response = await deliver(store, get(), path, { accel: { header: 'X-Accel-Redirect', prefix: '/internal/' } })
    expect(response).toMatchObject({
      status: 200,
      headers: {
        'x-accel-redirect': '/internal/a%20b/50%2525%20%C3%BC%253F.html',
        'x-content-type-options': 'nosniff',
        'content-disposition': expect.stringMatching(/^attachment/),
        'content-security-policy': expect.stringContaining('sandbox'),
        'cache-control': 'private, no-cache, no-transform',
      },
    })
    expect(response.body).toBeUndefined()
    expect(response.headers).not.toHaveProperty('content-length')
    const sendfile = await deliver(store, get(), path, { accel: { header: 'X-Sendfile' } })
    expect(sendfile.headers['x-sendfile']).toBe(
      `${root}/a b/50%25 ü%3F.html`.split('/').map(encodeURIComponent).join('/'),
    )
  })

  test('a blob on S3 is delivered as ever, a missing one is a 404', async () => {
    const { store } = await hybrid()
    const accel = { header: 'X-Accel-Redirect', prefix: '/internal/' } as const
    const { path } = await store.put('a.txt', 'on S3', { driver: 's3' })
    expect(await deliver(store, get(), path, { accel })).toMatchObject({ status: 200, body: Buffer.from('on S3') })
    expect((await deliver(store, get(), 'local:none', { accel })).status).toBe(404)
  })

  test('a file that another program put there is named, too', async () => {
    const { store, root } = await hybrid()
    await writeFile(join(root, 'legacy.bin'), 'x')
    const response = await deliver(store, get(), 'local:legacy.bin', {
      accel: { header: 'X-Accel-Redirect', prefix: '/internal' },
    })
    expect(response.headers['x-accel-redirect']).toBe('/internal/legacy.bin')
  })
})

describe.each(adapters)('signed links on %s', (adapter) => {
  test('a local blob and one that waits for S3 are served by the link alone, whichever has it later', async () => {
    const { store, proxy } = await linked(adapter)
    const local = await store.put('ä b/50%.txt', 'local', { driver: 'local' })
    const link = await store.signUrl(local.path)
    const response = await fetch(link)
    expect([response.status, await response.text()]).toEqual([200, 'local'])
    expect((await fetch(link, { method: 'HEAD' })).headers.get('content-length')).toBe('5')
    expect((await fetch(link, { headers: { range: 'bytes=1-2' } })).status).toBe(206)

    await proxy.down()
    const waiting = await store.put('waits.txt', 'waits', { driver: 's3' })
    const early = await store.signUrl(waiting.path)
    expect(await (await fetch(early)).text()).toBe('waits')
    await proxy.up()
    await store.reconcile()
    expect((await store.locate(waiting.path)).pendingFor).toBeUndefined()
    expect(await (await fetch(early)).text()).toBe('waits')
  })

  test('anything else than the link is refused, without a word on why', async () => {
    const { store } = await linked(adapter)
    const { path } = await store.put('a.txt', 'a', { driver: 'local' })
    await store.put('b.txt', 'b', { driver: 'local' })
    const link = await store.signUrl(path)
    const statusOf = async (url: string, method = 'GET') => (await fetch(url, { method })).status
    expect(await statusOf(link.replace('a.txt', 'b.txt'))).toBe(403)
    expect(await statusOf(link.replace('hs-exp=', 'hs-exp=9'))).toBe(403)
    expect(await statusOf(`${link}&hs-ct=text/html`)).toBe(403)
    expect(await statusOf(link.split('?')[0] as string)).toBe(403)
    expect(await statusOf(link, 'DELETE')).toBe(403)
    const refused = await fetch(link.replace('hs-sig=', 'hs-sig=A'))
    expect(await refused.json()).toMatchObject({ status: 403, code: 'ACCESS_DENIED', title: 'Forbidden' })
  })

  test('names its own type and disposition, but makes nothing dangerous of a file', async () => {
    const { store } = await linked(adapter)
    const { path } = await store.put('a.bin', '<b>', { driver: 'local' })
    const named = await fetch(
      await store.signUrl(path, { contentType: 'text/plain', contentDisposition: 'attachment; filename="x y.txt"' }),
    )
    expect(named.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(named.headers.get('content-disposition')).toBe('attachment; filename="x y.txt"')
    const html = await fetch(await store.signUrl(path, { contentType: 'text/html', contentDisposition: 'inline' }))
    expect(html.headers.get('content-disposition')).toMatch(/^attachment/)
    expect(html.headers.get('content-security-policy')).toContain('sandbox')
  })
})
