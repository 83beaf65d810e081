import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect } from 'vitest'
import { seed } from '../../examples/documents/seed.mjs'
import { hashOf, patternHash, patternStream } from '../store/support.js'
import { type Answer, App, frameworks } from './apps.js'
import { missionStore, uploadKey } from './mission-store.js'
import { row } from './rows.js'

const offer = 'Angebot für Müller & Söhne.pdf'
const pdf = Buffer.from('%PDF-1.7 the offer')

describe.each(frameworks)('documents by id over %s', (framework) => {
  const httpRow = (name: string, run: () => Promise<void>, skipped?: string) => {
    row(`${name} (${framework})`, run, skipped)
  }

  /** The mission's store behind the example server, with one document on each side. */
  async function start() {
    // Without a time of grace what waits goes to S3 with the first reconcile.
    const mission = await missionStore({ grace: 0 })
    const app = await App.start(framework, mission.store)
    const key = uploadKey({ projectId: 7, filename: 'a.pdf' })
    const onS3 = await mission.store.put(key, pdf, { kind: 'document', contentType: 'application/pdf' })
    const onDisk = await mission.store.put('invoices/a.pdf', pdf, { kind: 'invoice', contentType: 'application/pdf' })
    expect([onS3.driver, onDisk.driver]).toEqual(['s3', 'local'])
    return { ...mission, app, ids: [onS3, onDisk].map(({ path }) => app.add(offer, path, 'application/pdf')) }
  }

  /** A file that was on the disk before there was a store. */
  async function legacyFile(root: string, name: string, text: string): Promise<void> {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), text)
  }

  httpRow('content: inline, from S3 and from disk', async () => {
    const { app, ids } = await start()
    for (const id of ids) {
      const { status, headers, bytes } = await app.content(id)
      expect([status, bytes]).toEqual([200, pdf])
      expect(Object.fromEntries(headers)).toMatchObject({
        'content-type': 'application/pdf',
        'content-length': String(pdf.byteLength),
        'content-disposition': expect.stringMatching(/^inline; filename=/),
        'x-content-type-options': 'nosniff',
        'accept-ranges': 'bytes',
      })
      const part = await app.content(id, { range: 'bytes=0-3' })
      expect([part.status, part.bytes.toString()]).toEqual([206, '%PDF'])
      const again = await app.content(id, { 'if-none-match': headers.get('etag') as string })
      expect([again.status, again.bytes.byteLength]).toEqual([304, 0])
    }
  })

  httpRow('download: attachment under the name of the row', async () => {
    const { app, ids, store } = await start()
    const { path } = await store.put('project_7/uploads/b.txt', 'メモ', { kind: 'upload', contentType: 'text/plain' })
    for (const [id, name, bytes] of [
      ...ids.map((id) => [id, offer, pdf] as const),
      [app.add('議事録.txt', path, 'text/plain'), '議事録.txt', Buffer.from('メモ')] as const,
    ]) {
      const answer = await app.download(id)
      expect([answer.status, answer.bytes]).toEqual([200, bytes])
      const disposition = answer.headers.get('content-disposition')
      expect(disposition).toMatch(/^attachment; filename=/)
      expect(disposition).toContain(`filename*=UTF-8''${encodeURIComponent(name)}`)
    }
  })

  httpRow('a large document, whole', async () => {
    const { app, store } = await start()
    const size = 20 * 1024 * 1024
    for (const kind of ['document', 'temp'] as const) {
      const blob = await store.put(`project_7/uploads/film-${kind}.mp4`, patternStream(size), { kind })
      const { bytes } = await app.content(app.add('film.mp4', blob.path))
      expect(await hashOf([bytes] as never)).toEqual({ size, sha256: patternHash(size) })
    }
  })

  httpRow('view: text, else base64', async () => {
    const { app, ids, store } = await start()
    for (const id of ids) {
      const { status, bytes } = await app.view(id)
      expect(status).toBe(200)
      expect(JSON.parse(bytes.toString())).toMatchObject({ encoding: 'base64', content: pdf.toString('base64') })
    }
    const image = Buffer.from('89504e470d0a1a0a', 'hex')
    for (const kind of ['document', 'temp'] as const) {
      const text = await store.put(`project_7/uploads/${kind}.txt`, 'Grüße', { kind, contentType: 'text/plain' })
      const picture = await store.put(`project_7/uploads/${kind}.png`, image, { kind, contentType: 'image/png' })
      const [one, two] = [await app.view(app.add('a.txt', text.path)), await app.view(app.add('b.png', picture.path))]
      expect(JSON.parse(one.bytes.toString())).toEqual({
        contentType: 'text/plain',
        size: 7,
        encoding: 'utf-8',
        content: 'Grüße',
      })
      expect(JSON.parse(two.bytes.toString())).toMatchObject({
        contentType: 'image/png',
        size: 8,
        encoding: 'base64',
        content: image.toString('base64'),
      })
    }
  })

  httpRow('delete: blob and row', async () => {
    const { app, ids, bucket, root } = await start()
    for (const id of ids) {
      const refused = await app.delete(id, { 'if-match': '"another"' })
      expect([refused.status, app.hasRow(id), (await app.content(id)).status]).toEqual([412, true, 200])
      expect((await app.delete(id)).status).toBe(204)
      expect(app.hasRow(id)).toBe(false)
      expect((await app.content(id)).status).toBe(404)
    }
    expect([await bucket.keys(), await readdir(join(root, 'invoices')).catch(() => [])]).toEqual([[], []])
  })

  httpRow('delete: if the row cannot go, another DELETE takes it', async () => {
    const { app, ids, bucket } = await start()
    for (const id of ids) {
      app.lock()
      expect((await app.delete(id)).status).toBe(500)
      app.unlock()
      expect([app.hasRow(id), (await app.content(id)).status]).toEqual([true, 404])
      expect([(await app.delete(id)).status, app.hasRow(id)]).toEqual([204, false])
    }
    expect(await bucket.keys()).toEqual([])
  })

  httpRow('delete in an outage: gone at once, and for good', async () => {
    const { app, ids, store, proxy, bucket } = await start()
    const [id = 0] = ids
    await proxy.down()
    expect((await app.delete(id)).status).toBe(204)
    expect(app.hasRow(id)).toBe(false)
    await proxy.up()
    await store.reconcile()
    expect(await bucket.keys()).toEqual([])
  })

  httpRow('missing: 404 with the text of the application', async () => {
    const { app } = await start()
    const none = await app.content(4711)
    expect([none.status, JSON.parse(none.bytes.toString())]).toEqual([404, { detail: 'Dokument nicht gefunden' }])
    const lost = [app.add('lost.pdf', 'project_7/uploads/lost.pdf'), app.add('lost.pdf', 'uploads/lost.pdf')]
    for (const id of lost) {
      for (const answer of [await app.content(id), await app.download(id), await app.view(id)]) {
        expect(answer.status).toBe(404)
        expect(answer.headers.get('content-type')).toBe('application/problem+json')
        expect(JSON.parse(answer.bytes.toString())).toMatchObject({ status: 404, detail: 'Datei nicht in S3 gefunden' })
      }
    }
  })

  httpRow('outage: 503 with Retry-After; what is here is served', async () => {
    const { app, ids, store, proxy } = await start()
    const [onS3 = 0, onDisk = 0] = ids
    await proxy.down()
    for (const answer of [await app.content(onS3), await app.download(onS3), await app.view(onS3)]) {
      expect(answer.status).toBe(503)
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(JSON.parse(answer.bytes.toString())).toMatchObject({ code: 'UNAVAILABLE', detail: /erreichbar/ })
    }
    const kept = await store.put('project_7/uploads/kept.txt', 'kept', { kind: 'document' })
    expect(kept.pendingFor).toBe('s3')
    for (const id of [onDisk, app.add('kept.txt', kept.path)]) expect((await app.content(id)).status).toBe(200)
    await proxy.up()
    expect((await app.content(onS3)).status).toBe(200)
  })

  httpRow('what fell back is delivered as from S3', async () => {
    const { app, store, proxy } = await start()
    await proxy.down()
    const text = Buffer.from('Grüße aus dem Ausfall')
    const blob = await store.put('project_7/uploads/c.txt', text, { kind: 'document', contentType: 'text/plain' })
    const id = app.add('Grüße.txt', blob.path)
    const etag = (await app.content(id)).headers.get('etag') as string
    const answers = async () => [
      await app.content(id),
      await app.download(id),
      await app.view(id),
      await app.content(id, { range: 'bytes=2-9' }),
      await app.content(id, { range: 'bytes=0-1,5-6' }),
      await app.content(id, { range: 'bytes=99-' }),
      await app.content(id, { 'if-none-match': etag }),
      await app.content(id, { 'if-match': '"another"' }),
    ]
    const during = await answers()
    await proxy.up()
    expect(await store.reconcile()).toMatchObject({ moved: 1, remaining: 0 })
    expect((await store.head(blob.path)).driver).toBe('s3')
    const after = await answers()
    expect(during.map(({ status }) => status)).toEqual([200, 200, 200, 206, 206, 416, 304, 412])
    expect(during.map(comparable)).toEqual(after.map(comparable))
  })

  httpRow('HEAD: what GET would say', async () => {
    const { app, ids } = await start()
    for (const id of ids) {
      for (const path of [`/documents/${id}/content`, `/documents/${id}/download`, `/documents/${id}/view`]) {
        const [head, get] = [await app.ask(path, {}, 'HEAD'), await app.ask(path)]
        expect([head.status, head.bytes.byteLength]).toEqual([200, 0])
        expect(comparable(head).fields).toEqual(comparable(get).fields)
      }
    }
  })

  httpRow('old local paths', async () => {
    const { app, root, proxy } = await start()
    await legacyFile(root, 'uploads/x.pdf', 'from uploads')
    await legacyFile(root, 'y.pdf', 'from storage')
    await proxy.down()
    for (const [path, text] of [
      ['uploads/x.pdf', 'from uploads'],
      ['./uploads/x.pdf', 'from uploads'],
      ['/var/www/app/uploads/x.pdf', 'from uploads'],
      ['storage/y.pdf', 'from storage'],
      ['/var/www/app/storage/y.pdf', 'from storage'],
      ['C:\\app\\storage\\y.pdf', 'from storage'],
    ] as const) {
      const id = app.add('Alt.pdf', path)
      const [content, download] = [await app.content(id), await app.download(id)]
      expect([path, content.status, content.bytes.toString()]).toEqual([path, 200, text])
      expect(content.headers.get('content-type')).toBe('application/pdf')
      expect(download.headers.get('content-disposition')).toBe('attachment; filename=Alt.pdf')
    }
    const id = app.add('Alt.pdf', '/var/www/app/storage/y.pdf')
    expect([(await app.delete(id)).status, (await app.content(id)).status]).toEqual([204, 404])
  })

  httpRow('nobody sees what is not theirs', async () => {
    const { app, ids } = await start()
    for (const id of ids) {
      for (const path of [`/documents/${id}/content`, `/documents/${id}/download`, `/documents/${id}/view`]) {
        expect((await app.ask(path, { authorization: '' })).status).toBe(401)
        expect((await app.ask(path, { authorization: 'Bearer token-of-ben' })).status).toBe(404)
      }
      expect((await app.ask(`/documents/${id}`, { authorization: 'Bearer token-of-ben' }, 'DELETE')).status).toBe(404)
      expect((await app.content(id)).status).toBe(200)
    }
  })
})

describe('the ready-made routes over Express', () => {
  row('content, download, view, delete by id (Express, ready-made)', async () => {
    const { store, bucket } = await missionStore()
    const app = await App.start('Express', store)
    await app.fill(seed)
    expect(await bucket.keys()).toHaveLength(3)
    for (const id of [1, 2, 3, 4, 5]) {
      for (const action of ['content', 'download', 'view']) {
        const [made, own] = [await app.ask(`/files/${id}/${action}`), await app.ask(`/documents/${id}/${action}`)]
        expect(made.status).toBe(200)
        expect(comparable(made)).toEqual(comparable(own))
      }
      expect((await app.ask(`/files/${id}/content`, { authorization: 'Bearer token-of-ben' })).status).toBe(404)
      expect((await app.ask(`/files/${id}`, { authorization: 'Bearer token-of-ben' }, 'DELETE')).status).toBe(404)
      expect((await app.ask(`/files/${id}`, {}, 'DELETE')).status).toBe(204)
      expect(app.hasRow(id)).toBe(false)
    }
    expect(await bucket.keys()).toEqual([])
  })
})

const ofTheConnection = ['connection', 'keep-alive']

/** All of an answer that a front end can see, but for the dates; boundaries of several parts are random. */
function comparable({ status, headers, bytes }: Answer) {
  const boundary = /boundary=(.*)/.exec(headers.get('content-type') ?? '')?.[1]
  const clean = (text: string) => (boundary ? text.replaceAll(boundary, 'boundary') : text)
  const dates = ['date', 'last-modified']
  const fields = [...headers]
    .filter(([name]) => !ofTheConnection.includes(name))
    .map(([name, value]) => [name, dates.includes(name) ? 'date' : clean(value)])
  return { status, fields, body: clean(bytes.toString('latin1')) }
}
