import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { blobHref } from '../../../src/http/index.js'
import { adapters } from '../servers.js'
import { ask, RawClient } from './clients.js'
import type { Answer, Question, Started } from './stalled-child.js'
import { settled, until } from './until.js'

const MIB = 1024 * 1024
const CLIENTS = 30
/** Of 32 MiB each. */
const BOUND = 96 * MIB

describe('30 clients that read nothing of 32 MiB', () => {
  let child: ChildProcess
  let ended: Promise<never>
  let started: { readonly fs: Started; readonly s3: Started }
  const figures: string[] = []
  beforeAll(async () => {
    const script = fileURLToPath(new URL('./stalled-child.ts', import.meta.url))
    child = fork(script, { execArgv: ['--expose-gc', '--no-warnings', '--import', 'tsx'] })
    ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the server ended with ${code}`)))
    ended.catch(() => {})
    started = (await tell({ ask: 'start', s3: inject('s3') })) as typeof started
  })
  afterAll(async () => {
    await tell({ ask: 'stop' })
    console.log(`RSS that ${CLIENTS} stalled clients cost:\n${figures.join('\n')}`)
  })

  async function tell(question: Question): Promise<Answer> {
    child.send(question)
    const [answer] = await Promise.race([once(child, 'message'), ended])
    return answer as Answer
  }
  const held = async () => (await tell({ ask: 'held' })) as string[]
  const rss = async () => (await tell({ ask: 'rss' })) as number

  // S3 first: what was freed before would hide what is taken later.
  describe.each(['s3', 'fs'] as const)('with blobs on %s', (name) => {
    test.each(adapters)('on %s cost little memory, and nothing once they are gone', async (adapter) => {
      const { path, urls } = started[name]
      const url = new URL(blobHref(`${urls[adapter]}/content`, path))
      await ask(url.href)
      await settled(held)
      const before = await rss()
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.open(Number(url.port), false)))
      for (const client of clients) client.send([`GET ${url.pathname} HTTP/1.1`, 'Host: localhost'])
      await until(async () => (await held()).includes(`${CLIENTS} readers`), 'reader for each client')
      const grown = (await rss()) - before
      figures.push(`${name.padEnd(3)} ${adapter.padEnd(9)} ${(grown / MIB).toFixed(0).padStart(3)} MiB`)
      expect(grown).toBeLessThan(BOUND)
      for (const { socket } of clients) socket.destroy()
      await settled(held)
    })
  })
})
