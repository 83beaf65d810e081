import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { Consumer } from '../support/consumer.js'

test('the demo runs from start to end and leaves nothing behind', { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hybrid-store-demo-test-'))
  try {
    const env = { ...process.env, TMPDIR: folder }
    const { stdout } = await promisify(execFile)(process.execPath, ['examples/demo/demo.mjs'], { env })
    expect(stdout).toMatch(/All of it worked\.\n$/)
    expect(await readdir(folder)).toEqual([])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test.each(['express', 'fastify'])(
  'the %s server starts, serves what it made for itself, and ends',
  {
    timeout: 60_000,
  },
  async (name) => {
    const folder = await mkdtemp(join(tmpdir(), 'hybrid-store-server-test-'))
    const { S3_BUCKET_NAME: _, ...others } = process.env
    const env = { ...others, PORT: '0', DATABASE: join(folder, 'documents.db'), STORAGE_ROOT: join(folder, 'storage') }
    const server = spawn(process.execPath, [`examples/${name}/main.mjs`], { env, stdio: ['ignore', 'pipe', 'ignore'] })
    try {
      const exit = once(server, 'exit')
      let url = ''
      for await (const line of createInterface(server.stdout)) {
        if (/^http:/.test(line)) url = line
        if (url) break
      }
      const answer = await fetch(url, { headers: { authorization: 'Bearer token-of-anna' } })
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/pdf'])
      expect((await answer.text()).startsWith('%PDF')).toBe(true)
      expect((await fetch(url)).status).toBe(401)
      server.stdout.resume()
      server.kill('SIGTERM')
      expect(await exit).toEqual([0, null])
    } finally {
      server.kill('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    }
  },
)

test('storage.mjs works as it stands in a project without S3 and without the AWS SDK', {
  timeout: 60_000,
}, async () => {
  const consumer = await Consumer.create()
  try {
    await copyFile('examples/storage.mjs', join(consumer.folder, 'storage.mjs'))
    const code = `
      process.env.STORAGE_ROOT = './blobs'
      delete process.env.S3_BUCKET_NAME
      const { saveDocument, openDocument, deleteDocument, store } = await import('./storage.mjs')
      const upload = { projectId: 7, originalName: '../../Übersicht.txt', body: 'Grüße', contentType: 'text/plain' }
      const [one, two] = [await saveDocument(upload), await saveDocument(upload)]
      const read = await (await openDocument(one.path)).text()
      await deleteDocument(one.path)
      const gone = await openDocument(one.path)
      const kept = await (await openDocument(two.path)).text()
      await store.close()
      console.log(JSON.stringify({ one, two, read, gone: gone === undefined, kept }))`
    const { one, two, ...rest } = (await consumer.run('use.mjs', code)) as { one: Saved; two: Saved }
    expect(one.path).toMatch(/^storage\/project_7\/uploads\/Übersicht.*\.txt$/)
    expect(two.path).not.toBe(one.path)
    expect(one.size).toBe(7)
    expect(rest).toEqual({ read: 'Grüße', gone: true, kept: 'Grüße' })
  } finally {
    consumer.remove()
  }
})

interface Saved {
  readonly path: string
  readonly size: number
}
