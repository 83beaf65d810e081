import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import type { SignedUpload, SignUploadOptions, SignUrlOptions } from '../../driver/index.js'
import { caseGroup } from './case.js'
import type { CaseContext } from './context.js'

function signUrl(t: CaseContext, name: string, options?: SignUrlOptions): Promise<string> {
  assert.ok(t.subject.signUrl, 'signedUrls is declared, but there is no signUrl')
  return t.subject.signUrl(t.key(name), options)
}

function signUpload(t: CaseContext, name: string, options?: SignUploadOptions): Promise<SignedUpload> {
  assert.ok(t.subject.signUpload, 'signedUploads is declared, but there is no signUpload')
  return t.subject.signUpload(t.key(name), options)
}

/** The status of a request whose answer is of no interest. */
async function status(url: string, init?: RequestInit): Promise<number> {
  const response = await fetch(url, init)
  await response.arrayBuffer()
  return response.status
}

async function send(upload: SignedUpload, body: string, headers: Record<string, string> = {}): Promise<number> {
  if (upload.method === 'PUT') {
    return status(upload.url, { method: 'PUT', body, headers: { ...upload.headers, ...headers } })
  }
  const form = new FormData()
  for (const [name, value] of Object.entries(upload.fields)) form.set(name, value)
  form.set('file', new Blob([body]), 'file')
  return status(upload.url, { method: 'POST', body: form })
}

const refused = (code: number) => code >= 400 && code < 500

export const signedUrl = caseGroup('signed URL', (rule) => {
  const urls = { needs: ['signedUrls'] } as const
  rule(
    'reads the blob, and ranges of it',
    async (t) => {
      await t.put('a.txt', '0123456789')
      const url = await signUrl(t, 'a.txt')
      const response = await fetch(url)
      assert.equal(response.status, 200)
      assert.equal(response.headers.get('content-type')?.split(';')[0], 'text/plain')
      assert.equal(await response.text(), '0123456789')
      const part = await fetch(url, { headers: { range: 'bytes=2-4' } })
      assert.equal(part.status, 206)
      assert.equal(await part.text(), '234')
    },
    urls,
  )

  rule(
    'of a key that does not exist is signed, and leads nowhere',
    async (t) => {
      assert.equal(await status(await signUrl(t, 'missing')), 404)
    },
    urls,
  )

  rule(
    'stops working',
    async (t) => {
      await t.put('a', 'body')
      const url = await signUrl(t, 'a', { expiresIn: 1 })
      const deadline = Date.now() + 10_000
      for (;;) {
        const code = await status(url)
        if (refused(code)) break
        assert.equal(code, 200)
        assert.ok(Date.now() < deadline, 'the URL still works 10 s after it was signed for 1 s')
        await wait(200)
      }
    },
    urls,
  )

  rule(
    'that was tampered with is refused',
    async (t) => {
      await t.put('a', 'mine')
      await t.put('b', 'not yours')
      const url = await signUrl(t, 'a', { expiresIn: 60 })
      const other = new URL(url)
      other.pathname = other.pathname.replace(/a$/, 'b')
      assert.ok(refused(await status(other.href)), 'another key')
      for (const [name, value] of [...new URL(url).searchParams]) {
        const changed = new URL(url)
        const last = value.at(-1)
        changed.searchParams.set(name, `${value.slice(0, -1)}${last === '1' ? '2' : '1'}`)
        assert.ok(refused(await status(changed.href)), `${name} changed`)
      }
    },
    urls,
  )

  rule(
    'for reading does not write',
    async (t) => {
      await t.put('a', 'body')
      const url = await signUrl(t, 'a')
      assert.ok(refused(await status(url, { method: 'PUT', body: 'overwritten' })), 'PUT')
      assert.ok(refused(await status(url, { method: 'DELETE' })), 'DELETE')
      assert.equal(await t.text('a'), 'body')
    },
    urls,
  )

  rule(
    'overrides disposition and type',
    async (t) => {
      await t.put('a', 'body', { contentType: 'text/html' })
      const contentDisposition = 'attachment; filename="b (1).txt"; filename*=UTF-8\'\'%C3%A9.txt'
      const response = await fetch(await signUrl(t, 'a', { contentDisposition, contentType: 'application/x-other' }))
      assert.equal(response.headers.get('content-disposition'), contentDisposition)
      assert.equal(response.headers.get('content-type'), 'application/x-other')
      assert.equal(await response.text(), 'body')
    },
    urls,
  )

  rule(
    'of odd keys',
    async (t) => {
      for (const name of ['a b+c', 'ä/ö', '100% (1).pdf', "it's", 'a?b&c=d#e', '🚀', 'a%2Fb', '~a!*', 'a=b;c:d@e,f']) {
        await t.put(name, name)
        const response = await fetch(await signUrl(t, name))
        assert.equal(await response.text(), name, name)
      }
    },
    urls,
  )

  rule(
    'that cannot be meant',
    async (t) => {
      for (const expiresIn of [0, -1, 604_801, Number.NaN, 1.5]) {
        await t.rejects('INVALID_ARGUMENT', signUrl(t, 'a', { expiresIn }))
      }
      await t.rejects('INVALID_KEY', signUrl(t, '../a'))
    },
    urls,
  )

  const uploads = { needs: ['signedUploads'] } as const
  for (const method of ['PUT', 'POST'] as const) {
    rule(
      `${method} writes the blob`,
      async (t) => {
        const upload = await signUpload(t, 'a', { method, contentType: 'text/x-up', expiresIn: 60 })
        assert.equal(upload.method, method)
        const left = upload.expiresAt.getTime() - Date.now()
        assert.ok(left > 0 && left <= 61_000 + t.clockSkew, `expires in ${left} ms`)
        const code = await send(upload, 'uploaded')
        assert.ok(code >= 200 && code < 300, `answered ${code}`)
        assert.equal(await t.text('a'), 'uploaded')
        assert.equal((await t.head('a')).contentType, 'text/x-up')
      },
      uploads,
    )

    rule(
      `${method} is bound to its key`,
      async (t) => {
        const upload = await signUpload(t, 'a', { method })
        const url = upload.url.replace(/\/a(\?|$)/, '/b$1')
        const moved =
          'fields' in upload ? { ...upload, fields: { ...upload.fields, key: t.key('b') } } : { ...upload, url }
        assert.ok(refused(await send(moved, 'body')), 'another key')
        assert.deepEqual(await t.names(), [])
      },
      uploads,
    )
  }

  rule(
    'PUT is bound to its content type',
    async (t) => {
      const upload = await signUpload(t, 'a', { contentType: 'text/plain' })
      assert.ok(refused(await send(upload, 'body', { 'content-type': 'text/html' })), 'another type')
      await t.absent('a')
    },
    uploads,
  )

  rule(
    'PUT is bound to its size',
    async (t) => {
      const upload = await signUpload(t, 'a', { size: 4 })
      assert.ok(refused(await send({ ...upload, headers: {} } as SignedUpload, 'too much')), 'another size')
      await t.absent('a')
      const code = await send(upload, 'four')
      assert.ok(code >= 200 && code < 300, `answered ${code}`)
    },
    uploads,
  )

  rule(
    'PUT does not read',
    async (t) => {
      await t.put('a', 'body')
      const { url } = await signUpload(t, 'a')
      assert.ok(refused(await status(url)), 'GET')
    },
    uploads,
  )

  rule(
    'PUT can be bound to a new key',
    async (t) => {
      const upload = await signUpload(t, 'a', { ifNoneMatch: '*' })
      assert.ok((await send(upload, 'first')) < 300)
      assert.ok(refused(await send(upload, 'second')), 'the second upload')
      assert.equal(await t.text('a'), 'first')
    },
    { needs: ['signedUploads', 'createOnly'] },
  )

  rule(
    'POST is bound to its largest size',
    async (t) => {
      const upload = await signUpload(t, 'a', { method: 'POST', maxSize: 4 })
      assert.ok(refused(await send(upload, 'too much')), 'too much')
      await t.absent('a')
      assert.ok((await send(upload, 'four')) < 300)
    },
    uploads,
  )

  rule(
    'a public URL is one of its key',
    async (t) => {
      assert.ok(t.subject.publicUrl, 'publicUrls is declared, but there is no publicUrl')
      const url = new URL(await t.subject.publicUrl(t.key('a b/ü+%.txt')))
      assert.ok(decodeURIComponent(url.pathname).endsWith(t.key('a b/ü+%.txt')), url.pathname)
      assert.equal(url.search, '')
      assert.equal(url.hash, '')
    },
    { needs: ['publicUrls'] },
  )
})
