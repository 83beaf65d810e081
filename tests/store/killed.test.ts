import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { memoryStore, onEnd, pattern, tempRoot } from './support.js'

const child = fileURLToPath(new URL('./killed-child.ts', import.meta.url))
const tsx = new URL('../../node_modules/tsx/dist/esm/index.mjs', import.meta.url).href

interface Accepted {
  readonly i: number
  readonly key: string
  readonly path: string
  readonly size: number
  readonly etag: string
}

test.each([3, 12, 25])(
  'what was accepted before kill -9 (after %i puts) is all there',
  async (count) => {
    const root = await tempRoot()
    const running = spawn(process.execPath, ['--import', tsx, child, root], { stdio: ['ignore', 'pipe', 'inherit'] })
    onEnd(() => running.kill('SIGKILL'))
    const accepted = new Map<string, Accepted>()
    let killed = false
    for await (const line of createInterface({ input: running.stdout })) {
      const blob: Accepted = JSON.parse(line)
      accepted.set(blob.key, blob)
      if (blob.i >= count && !killed) killed = running.kill('SIGKILL')
    }
    if (running.exitCode === null && running.signalCode === null) await once(running, 'exit')
    expect(killed).toBe(true)

    const { store, s3, events } = await memoryStore({ root })
    expect(accepted.size).toBeGreaterThanOrEqual(Math.min(7, count + 1))
    for (const { i, key, path, size, etag } of accepted.values()) {
      const reader = await store.get(path)
      // The put under way when it was killed may have been accepted too, before anybody heard of it.
      const next = reader.info.etag === etag ? i : i + 7
      if (next === i) expect(reader.info).toMatchObject({ key, size, pendingFor: 's3' })
      const bytes = Buffer.from(await reader.bytes())
      expect(bytes.equals(pattern(next, 1000 + ((next * 40_009) % 150_000)))).toBe(true)
    }
    const { moved, failed, remaining } = await store.reconcile()
    expect({ failed, remaining }).toEqual({ failed: [], remaining: 0 })
    expect(moved).toBeGreaterThanOrEqual(accepted.size)
    for (const { key } of accepted.values()) expect((await s3.head(key)).key).toBe(key)
    for (const folder of ['bodies', 'records']) {
      expect(await readdir(join(root, '.hybrid-store/outbox', folder))).toEqual([])
    }
    expect(events.filter(({ name }) => name === 'rejected')).toEqual([])
  },
  60_000,
)
