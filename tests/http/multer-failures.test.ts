import { createServer, type RequestListener } from 'node:http'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import express5, { type ErrorRequestHandler } from 'express'
import multer from 'multer'
import { describe, expect, test } from 'vitest'
import { hybridStorage, type UploadStore } from '../../src/adapters/multer/index.js'
import { isStorageError } from '../../src/errors/index.js'
import { onEnd } from '../store/support.js'
import { boundary, filePart, form, formType, partBytes, valuePart } from './form.js'
import { listen } from './listen.js'
import { cases, everything, folderOf, type Given, putFailed, sendPart, serveMulter, world } from './multer/support.js'
import { settled } from './robustness/until.js'
import { clientOf } from './support.js'
import { openWorld, realS3 } from './world.js'

describe.each(cases)('multer on %s, files to %s', (version, backend) => {
  const folder = folderOf([version, backend])
  const serve = (given?: Given) => serveMulter([version, backend], given)
  let count = 0
  const freshKey = () => `${folder}${++count}.bin`

  test('a file beyond the limit is not stored, and takes along those before it', async () => {
    const { post, failures } = await serve({ multer: { limits: { fileSize: 6 } } })
    const before = await everything()
    expect((await post(form(filePart('file', 'a', 'at most')))).status).toBe(400)
    expect(await post(form(filePart('file', 'a', '123456'), filePart('file', 'b', '1234567')))).toMatchObject({
      code: 'LIMIT_FILE_SIZE',
    })
    expect(await everything()).toEqual(before)
    expect(failures).toMatchObject([{ storageErrors: [] }, { storageErrors: [] }])
    expect((await post(form(filePart('file', 'a', '123456')))).status).toBe(200)
  })

  test('maxSize of the storage is a 413', async () => {
    const { post } = await serve({ maxSize: 6 })
    const before = await everything()
    const body = form(filePart('file', 'a', '123456'), filePart('file', 'b', '1'.repeat(4_000_000)))
    expect(await post(body)).toMatchObject({ status: 413, code: 'TOO_LARGE' })
    // Express's own handler knows the status as well.
    expect((await post(body, '/plain')).status).toBe(413)
    expect(await everything()).toEqual(before)
  })

  test('a client that goes away midway leaves nothing, of this file and of those before it', async () => {
    const { port, post } = await serve()
    const before = await everything()
    const parts = [filePart('file', 'a', 'first'), filePart('file', 'b', '1'.repeat(9_000_000))]
    const failed = putFailed()
    const removed = new Promise<void>((resolve) => world.store.on('delete', () => resolve()))
    const socket = sendPart(port, parts, 8_500_000)
    await new Promise<void>((resolve) => {
      const poll = () => (socket.writableLength === 0 ? resolve() : socket.once('drain', poll))
      poll()
    })
    socket.destroy()
    expect(await failed).toBe('BODY_FAILED')
    await removed
    expect(await everything()).toEqual(before)
    await world.bucket.assertNoOpenUploads()
    expect((await post(form(filePart('file', 'a', 'next')))).status).toBe(200)
  })

  test('a file that was read whole when the client goes is removed once it is stored', async () => {
    let [whole, release] = [() => {}, () => {}]
    const wasWhole = new Promise<void>((resolve) => {
      whole = resolve
    })
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const { store } = world
    const slow: UploadStore = {
      put: async (key, body, options) => {
        const bytes = await buffer(body as Readable)
        whole()
        await released
        return store.put(key, bytes, options as object)
      },
      head: (...args) => store.head(...args),
      delete: (...args) => store.delete(...args),
      publicUrl: (...args) => store.publicUrl(...args),
    }
    const key = freshKey()
    const upload = multer({ storage: hybridStorage(slow, { key: () => key }) })
    const { port, failures } = await serve({ upload })
    const before = await everything()
    const parts = [filePart('file', 'a', 'first'), filePart('file', 'b', '1'.repeat(9_000_000))]
    const socket = sendPart(port, parts, 100_000)
    await wasWhole
    socket.destroy()
    while (failures.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const removed = new Promise<void>((resolve) => store.on('delete', (event) => event.key === key && resolve()))
    release()
    await removed
    expect(await everything()).toEqual(before)
  })

  test('a client that goes away while the key is still thought about leaves nothing', async () => {
    let answer = (_key: string) => {}
    let asked = () => {}
    const wasAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    const { port, failures } = await serve({
      key: () => {
        asked()
        return new Promise((resolve) => {
          answer = resolve
        })
      },
    })
    const before = await everything()
    const socket = sendPart(port, [filePart('file', 'b', '1'.repeat(9_000_000))], 1000)
    await wasAsked
    socket.destroy()
    while (failures.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const failed = putFailed()
    answer(freshKey())
    expect(await failed).toBe('BODY_FAILED')
    expect(await everything()).toEqual(before)
  })

  test.each(['cut off by a limit', 'cut off by the client'])(
    'an older version survives a file that is %s',
    async (how) => {
      const key = freshKey()
      const { path } = await world.store.put(key, 'older')
      const { port, post } = await serve({ key: () => key, multer: { limits: { fileSize: 7_000_000 } } })
      const big = filePart('file', 'b', '1'.repeat(9_000_000))
      const failed = putFailed()
      if (how === 'cut off by a limit') expect((await post(form(big))).code).toBe('LIMIT_FILE_SIZE')
      else {
        const socket = sendPart(port, [big], 6_000_000)
        await new Promise((resolve) => socket.once('drain', resolve))
        socket.destroy()
      }
      await failed
      expect(await (await world.store.get(path)).text()).toBe('older')
    },
  )

  test('what came in the place of a file that is removed stays', async () => {
    const key = freshKey()
    const firstIsStored = new Promise<void>((resolve) => {
      world.store.on('put', (event) => event.key === key && resolve())
    })
    const { post, failures } = await serve({
      key: async ({ file }) => {
        if (file.name === 'second') {
          await firstIsStored
          await world.store.put(key, 'newer')
          throw new Error('no second file')
        }
        return key
      },
    })
    await post(form(filePart('file', 'first', 'mine'), filePart('file', 'second', 'x')))
    expect(failures).toMatchObject([{ message: 'no second file', storageErrors: [] }])
    expect(await (await world.store.get(key)).text()).toBe('newer')
  })

  test('a file that is given up is let go of', async () => {
    const storage = hybridStorage(world.store, { key: () => '../outside' })
    const streams: Readable[] = []
    const upload = multer({
      storage: {
        _handleFile: (req, file, callback) => {
          streams.push(file.stream)
          storage._handleFile(req, file, callback)
        },
        _removeFile: (req, file, callback) => storage._removeFile(req, file, callback),
      },
    })
    const { post } = await serve({ upload })
    expect((await post(form(filePart('file', 'a', 'x'.repeat(3_000_000))))).status).toBe(400)
    expect(streams.map(({ destroyed }) => destroyed)).toEqual([true])
  })

  test('what the key throws reaches the error handler as it is', async () => {
    const refusal = Object.assign(new Error('not yours'), { status: 403 })
    const { post, failures } = await serve({
      key: () => {
        throw refusal
      },
    })
    expect((await post(form(filePart('file', 'a', '1'.repeat(3_000_000))))).status).toBe(403)
    expect(failures).toEqual([refusal])
    const bad = await serve({ key: () => '../outside' })
    expect(await bad.post(form(filePart('file', 'a', 'x')))).toMatchObject({ status: 400, code: 'INVALID_KEY' })
  })

  test('forms that are none are refused, leave nothing, and stop no other', async () => {
    const { post } = await serve()
    const before = await everything()
    const whole = form(filePart('file', 'a', 'x'.repeat(100)))
    const raw = (text: string) => Buffer.from(text.replaceAll('\n', '\r\n'))
    const broken: Buffer[] = [
      // Cut off within the file, within its head, and before the last boundary.
      whole.subarray(0, 150),
      whole.subarray(0, 60),
      whole.subarray(0, whole.byteLength - 4),
      // A field without a name, one with an empty name (CVE-2025-48997, CVE-2025-7338).
      form({ disposition: 'filename="a"', type: 'text/plain', body: 'x' }),
      form(filePart('', 'a', 'x')),
      // A head that is none, one that never ends.
      raw(`--${boundary}\nContent-Disposition: form-data; name="file; filename="a"\n\nx\n--${boundary}`),
      raw(`--${boundary}\n${'X-A: b\n'.repeat(3000)}`),
      raw(`--${boundary}\nno colon at all\n\nx`),
      Buffer.concat([partBytes(filePart('file', 'a', 'good')), raw(`--${boundary}\nContent-Disposition`)]),
      Buffer.alloc(0),
    ]
    for (const body of broken) {
      expect((await post(body)).status, body.toString().slice(0, 200)).toBe(400)
      // It answers without waiting for what it gives up.
      await settled(async () => (await everything()).filter((name) => !before.includes(name)))
    }
    // A boundary that is missing (CVE-2025-47944), and a name that other objects have.
    expect((await post(whole, '/', 'multipart/form-data')).status).toBe(400)
    expect((await post(form(valuePart('__proto__[a]', 'b'), valuePart('constructor', 'c')))).status).toBe(200)
    expect((await post(whole)).status).toBe(200)
  })
})

describe.runIf(realS3)('multer while the storage fails', () => {
  test('is a StorageError with its status, and the request is read to its end', async () => {
    const other = await openWorld()
    onEnd(() => other.close())
    await other.store.close()
    const upload = multer({ storage: hybridStorage(other.store, { key: ({ file }) => `uploads/${file.uniqueName}` }) })
    const app = express5()
    app.post('/', upload.single('file'))
    const seen: unknown[] = []
    app.use(((error, _req, res, _next) => {
      seen.push(error)
      res.sendStatus(error.statusCode)
    }) as ErrorRequestHandler)
    const { port, stop } = await listen(createServer(app as RequestListener))
    onEnd(stop)
    const { ask, client } = clientOf(port)
    const body = form(filePart('file', 'a', '1'.repeat(3_000_000)))
    for (let i = 0; i < 2; i++) {
      const answer = await ask({ method: 'POST', target: '/', headers: { 'Content-Type': formType }, body })
      expect(answer.status).toBe(500)
    }
    expect(client.connections).toBe(1)
    expect(seen.every((error) => isStorageError(error, 'CONFIGURATION'))).toBe(true)
  })
})
