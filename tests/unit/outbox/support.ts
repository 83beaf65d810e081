import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { diskFrom } from '../../../src/disk/index.js'
import { FsOutbox, type Outbox, type OutboxPut, type PutRecord } from '../../../src/outbox/index.js'

export async function tempFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hybrid-store-outbox-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export function openOutbox(directory: string): FsOutbox {
  const outbox = new FsOutbox({ disk: diskFrom(), directory, durability: 'fsync' })
  onTestFinished(() => outbox.close())
  return outbox
}

export function entry(key: string): OutboxPut {
  const attributes = { contentType: 'text/plain', metadata: { note: 'ä' }, visibility: 'public' } as const
  return { key, operation: 'put', driver: 's3', base: 'unknown', attributes }
}

export async function put(outbox: Outbox, key: string, body: Uint8Array | string): Promise<PutRecord> {
  const stage = await outbox.stage()
  await stage.write(Buffer.from(body))
  return stage.commit(entry(key))
}

export async function readAll(
  outbox: Outbox,
  record: PutRecord,
  range?: { start: number; end: number },
): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await outbox.read(record, range)) chunks.push(chunk)
  return Buffer.concat(chunks)
}
