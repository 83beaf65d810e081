import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openFiles } from '../../../src/testing/index.js'
import { diskLeaks } from '../../conformance/leaks.js'
import { isMulter, type Service, services, startService, type TakenIn } from '../advisories/services.js'
import { Client } from '../client.js'
import type { ListeningServer } from '../listen.js'
import { repeated } from '../repeat.js'
import { settled } from '../robustness/until.js'
import { type Backend, backends, folders, openWorld, realS3, type World } from '../world.js'
import { damaged, damages } from './random/damage.js'
import { chunksOf, forms, type RandomForm } from './random/forms.js'
import { keysOf } from './support.js'

/** Forms for each service; those for S3 cost several requests each. */
const runs: Readonly<Record<Backend, number>> = { local: 250, s3: 40 }

/** How a body travels. */
const ways = fc.constantFrom('length', 'length', 'chunks', 'leaving')

let world: World
const uncaught: unknown[] = []
const onUncaught = (error: unknown) => uncaught.push(error)

beforeAll(async () => {
  process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught)
  world = await openWorld()
})
afterAll(async () => {
  process.off('uncaughtException', onUncaught).off('unhandledRejection', onUncaught)
  await world.close()
})

/** Not to multer: some damaged forms it never answers, with whatever storage, its own in memory included. */
describe.each(services.filter((service) => !isMulter(service)))(
  'damaged forms over sockets to %s',
  (service: Service) => {
    let listening: ListeningServer
    let client: Client
    beforeAll(async () => {
      listening = await startService(service, world, async () => {})
      client = new Client(listening.port)
    })
    afterAll(() => listening.stop())

    /** Sends a body and goes away somewhere within it. */
    async function leave({ boundary, cuts }: RandomForm, folder: string, body: Buffer): Promise<void> {
      const socket = connect(listening.port, '127.0.0.1')
      const gone = new Promise((resolve) => socket.once('close', resolve))
      socket.on('error', () => {})
      const head = ['POST /upload HTTP/1.1', 'Host: x', `Content-Type: multipart/form-data; boundary="${boundary}"`]
      socket.write([...head, `X-Folder: ${folder}`, `Content-Length: ${body.byteLength + 1}`, '', ''].join('\r\n'))
      socket.write(body.subarray(0, Math.floor((cuts[0] ?? 1) * body.byteLength)), () => socket.destroy())
      await gone
    }

    /** Sends a body; what is answered must be true, and is removed again. */
    async function send(form: RandomForm, folder: string, body: Buffer, inChunks: boolean): Promise<void> {
      const headers = { 'content-type': `multipart/form-data; boundary="${form.boundary}"`, 'x-folder': folder }
      const content = inChunks ? { chunks: chunksOf(body, form.cuts) } : { body }
      const answer = await client.ask({ method: 'POST', target: '/upload', headers, ...content })
      const text = answer.body.toString()
      if (answer.status !== 201) {
        expect([400, 413, 415], text).toContain(answer.status)
        expect(text).not.toMatch(/\/tmp\/|node_modules|\n\s+at /)
        return
      }
      const { files } = JSON.parse(text) as TakenIn
      for (const { path } of files) await world.store.delete(path)
    }

    test.each(backends)(
      'are taken in whole or refused, and leave nothing on %s',
      { timeout: repeated.timeout },
      async (backend) => {
        if (backend === 's3' && !realS3) return
        const folder = `${folders[backend]}${services.indexOf(service)}/`
        const before = await openFiles()
        await fc.assert(
          fc.asyncProperty(forms, damages, ways, async (form, all, way) => {
            const body = damaged(form, all)
            if (way === 'leaving') await leave(form, folder, body)
            else await send(form, folder, body, way === 'chunks')
          }),
          { numRuns: runs[backend] * repeated.times, ...repeated.replay },
        )
        client.close()
        const { server } = listening
        const open = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)))
        await settled(async () => ((await open()) > 0 ? ['connections'] : []))
        await settled(() => keysOf(world.store))
        await settled(() => diskLeaks(world.root, ''))
        await settled(async () =>
          (await openFiles()).filter((path) => !before.includes(path) && !path.startsWith('/dev/')),
        )
        await world.bucket.assertNoOpenUploads()
        expect(uncaught).toEqual([])
      },
    )
  },
)
