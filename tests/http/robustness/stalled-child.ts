// The server of stalled.test.ts in a process of its own, so that its memory is nobody else's.
import { setTimeout as sleep } from 'node:timers/promises'
import type { S3Settings } from '../../servers/s3.js'
import { pattern } from '../../store/pattern.js'
import { type AdapterName, adapters, startDelivery } from '../servers.js'
import { fsBackend, s3Backend } from './backends.js'

/** What the test may ask; each is answered with one message. */
export type Question = { readonly ask: 'start'; readonly s3: S3Settings } | { readonly ask: 'rss' | 'held' | 'stop' }

export interface Started {
  readonly path: string
  readonly urls: Readonly<Record<AdapterName, string>>
}

export type Answer = { readonly fs: Started; readonly s3: Started } | number | string[]

const MIB = 1024 * 1024
const stops: (() => Promise<void>)[] = []
const held: (() => Promise<string[]>)[] = []

async function start(s3: S3Settings): Promise<Answer> {
  const started: Started[] = []
  for (const backend of [await fsBackend(), await s3Backend(s3)]) {
    const { path } = await backend.store.put('film.bin', pattern(0, 32 * MIB))
    const urls = {} as Record<AdapterName, string>
    for (const adapter of adapters) {
      const { url, stop } = await startDelivery(adapter, backend.store, { mount: 'middleware' })
      urls[adapter] = url
      stops.push(stop)
    }
    stops.push(backend.stop)
    held.push(backend.held)
    started.push({ path, urls })
  }
  return { fs: started[0] as Started, s3: started[1] as Started }
}

/** Resident bytes once they do not change any more. */
async function rss(): Promise<number> {
  for (let before = 0; ; ) {
    global.gc?.()
    const now = process.memoryUsage.rss()
    if (Math.abs(now - before) < MIB / 2) return now
    before = now
    await sleep(200)
  }
}

async function answer(question: Question): Promise<Answer> {
  if (question.ask === 'start') return start(question.s3)
  if (question.ask === 'rss') return rss()
  if (question.ask === 'held') return (await Promise.all(held.map((look) => look()))).flat()
  for (const stop of stops) await stop()
  return []
}

process.on('message', async (question: Question) => {
  process.send?.(await answer(question))
  if (question.ask === 'stop') process.disconnect()
})
