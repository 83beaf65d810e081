import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { needs, pathOf } from '../clients/programs.js'
import { createBucket, type TestBucket } from '../servers/bucket.js'
import { type FaultProxy, startFaultProxy } from '../servers/fault-proxy.js'
import { pattern } from '../store/pattern.js'
import { hashOf, onEnd, patternHash } from '../store/support.js'
import { readLarge, sendLarge } from './large/send.js'
import { type Framework, frameworks, startServer, type UploadServer } from './large/server.js'
import { settled, until } from './robustness/until.js'
import { realS3 } from './world.js'

const MIB = 1024 * 1024
/** Milliseconds in which a busy machine must have come halfway. */
const PATIENCE = 60_000
const [partSize, queueSize] = [5 * MIB, 2]
const SIZE = 64 * MIB
/** What the driver may take above what is resident at rest, and the upload with it. */
const ALLOWANCE = 64 * MIB + partSize * queueSize
/** How far a client may be ahead of S3: the parts on their way and the one being filled, and what sockets hold. */
const AHEAD = partSize * (queueSize + 1) + 16 * MIB

describe.skipIf(!realS3).each(frameworks)(
  'large uploads to S3 with a fallback, on %s',
  { timeout: 2 * PATIENCE },
  (framework: Framework) => {
    let bucket: TestBucket
    let proxy: FaultProxy
    let root: string
    let server: UploadServer
    beforeAll(async () => {
      const { endpoint, region, credentials } = inject('s3')
      bucket = await createBucket(inject('s3'), 'large')
      proxy = await startFaultProxy(endpoint)
      root = await mkdtemp(join(tmpdir(), 'hybrid-store-large-'))
      const s3 = { bucket: bucket.name, endpoint: proxy.endpoint, region, credentials, partSize, queueSize }
      server = await startServer({ framework, s3, root })
    })
    afterEach(async () => {
      proxy.heal()
      await proxy.up()
    })
    afterAll(async () => {
      await server?.stop()
      await proxy?.stop()
      await bucket?.remove()
      if (root) await rm(root, { recursive: true, force: true })
    })

    /** An upload was taken before, so that everything is loaded and connected; answers the bytes resident at rest. */
    async function atRest(): Promise<number> {
      expect((await sendLarge(server.url, 4 * partSize).answered).status).toBe(201)
      return server.idle()
    }

    test('take little memory', async () => {
      const idle = await atRest()
      const size = 100 * MIB
      const { status, path } = await sendLarge(server.url, size).answered
      expect(status).toBe(201)
      expect((await server.peak()) - idle).toBeLessThan(ALLOWANCE)
      expect(await readLarge(server.url, path)).toEqual({ size, sha256: patternHash(size) })
    })

    test('are a 201 where S3 dies in the middle, and go there once it is back', async () => {
      const whole = { size: SIZE, sha256: patternHash(SIZE) }
      const { passed } = proxy
      const { answered } = sendLarge(server.url, SIZE)
      await until(() => proxy.passed - passed >= SIZE / 2, 'half on S3', PATIENCE)
      await proxy.down()
      const { status, path, key } = await answered
      expect([status, path]).toEqual([201, `s3:${key}`])
      expect(await server.pending()).toBe(1)
      expect(await readLarge(server.url, path)).toEqual(whole)
      expect(await bucket.keys()).not.toContain(key)
      await proxy.up()
      expect(await server.reconcile()).toMatchObject({ moved: 1, failed: [] })
      expect(await server.pending()).toBe(0)
      const { Body } = await bucket.client.send(new GetObjectCommand({ Bucket: bucket.name, Key: key }))
      expect(await hashOf(Body as AsyncIterable<Uint8Array>)).toEqual(whole)
      expect(await readLarge(server.url, path)).toEqual(whole)
      await bucket.assertNoOpenUploads()
    })

    test('leave nothing where the client is killed in the middle', async (context) => {
      needs('curl')(context)
      const folder = await mkdtemp(join(tmpdir(), 'hybrid-store-curl-'))
      onEnd(() => rm(folder, { recursive: true, force: true }))
      await writeFile(join(folder, 'large.bin'), pattern(0, SIZE))
      await atRest()
      const [keys, files] = [await bucket.keys(), await readdir(root, { recursive: true })]
      const before = await server.held()
      const client = curl(folder)
      await until(async () => (await server.arrived()) >= SIZE / 2, 'half of the upload', PATIENCE)
      expect(await bucket.openUploads()).not.toEqual([])
      client.kill('SIGKILL')
      expect(await once(client, 'close')).toEqual([null, 'SIGKILL'])
      await settled(async () => {
        const held = Object.entries(await server.held())
        return held.flatMap(([name, count]) => (count > (before[name] ?? 0) ? [`${count} of ${name}`] : []))
      }, 10_000)
      await bucket.assertNoOpenUploads()
      expect(await bucket.keys()).toEqual(keys)
      expect((await readdir(root, { recursive: true })).sort()).toEqual(files.sort())
      expect(await server.pending()).toBe(0)
    })

    /** Takes two seconds to send the file, so that half of it is not nearly all. */
    function curl(cwd: string): ChildProcess {
      const args = ['--silent', '--limit-rate', '32M', '-F', 'file=@large.bin', `${server.url}/upload`]
      return spawn(pathOf('curl'), args, { cwd, stdio: 'ignore' })
    }

    test('are held back where S3 is slow, and gathered nowhere', async () => {
      const idle = await atRest()
      const slow = proxy.fail({ kind: 'slow-request', bytesPerSecond: 8 * MIB })
      const { passed } = proxy
      const sending = sendLarge(server.url, SIZE)
      let ahead = 0
      await until(
        () => {
          const taken = proxy.passed - passed
          ahead = Math.max(ahead, sending.sent - taken)
          return taken >= SIZE / 4
        },
        'quarter on S3',
        PATIENCE,
      )
      expect(ahead).toBeLessThan(AHEAD)
      expect((await server.peak()) - idle).toBeLessThan(ALLOWANCE)
      slow.remove()
      expect((await sending.answered).status).toBe(201)
    })
  },
)
