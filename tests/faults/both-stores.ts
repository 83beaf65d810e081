import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import { expect } from 'vitest'
import { INTERNAL_DIRECTORY, isInternal } from '../../src/drivers/fs/internal-names.js'
import { diskLeaks, uploadLeaks } from '../conformance/leaks.js'
import type { State } from './contents.js'
import type { World } from './support.js'

/** Compares what lies in the bucket and on the disk with what should: nothing is missing, and nothing is left over. */
export async function compareStores(world: World, state: State): Promise<void> {
  expect(await inBucket(world), 'in the bucket').toEqual(expected(state, 's3'))
  expect(await onDisk(world), 'on the disk').toEqual(expected(state, 'local'))
  expect(await diskLeaks(world.root, ''), 'left on the disk').toEqual([])
  expect(await inOutbox(world), 'left in the outbox').toEqual([])
}

function expected(state: State, home: 's3' | 'local'): Record<string, string> {
  const held = Object.entries(state).filter(([, placed]) => placed.home === home)
  return Object.fromEntries(held.map(([key, { content }]) => [key, nameOf(content.sha256, home, content.note)]))
}

const nameOf = (sha256: string, home: 's3' | 'local', note: string) =>
  home === 's3' ? `${sha256.slice(0, 12)} ${note}` : sha256.slice(0, 12)

/** By the plain SDK: what the driver says of itself is not asked. */
async function inBucket({ bucket: { client, name }, folder }: World): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: name, Prefix: `${folder}/` }))
  for (const { Key = '' } of Contents) {
    const { Body, Metadata = {} } = await client.send(new GetObjectCommand({ Bucket: name, Key }))
    const hash = createHash('sha256')
    for await (const chunk of Body as AsyncIterable<Uint8Array>) hash.update(chunk)
    const key = Key.slice(folder.length + 1).replace(/\.conflict-[\w-]{8}$/, '.conflict')
    found[key] = nameOf(hash.digest('hex'), 's3', Metadata.note ?? '')
  }
  return found
}

async function onDisk({ root }: World): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const path of await filesBelow(root)) {
    if (path.split(sep).some(isInternal)) continue
    const sha256 = createHash('sha256').update(await readFile(join(root, path)))
    found[path.split(sep).join('/')] = nameOf(sha256.digest('hex'), 'local', '')
  }
  return found
}

/** What stays: the log of changes, notes of conflicts, marks, who this is, who is at work here, and the time on S3. */
const LASTING = /^(changes|conflicts|format|id|marks|owners|seen)\b/

async function inOutbox({ root }: World): Promise<string[]> {
  const outbox = join(root, INTERNAL_DIRECTORY, 'outbox')
  return (await filesBelow(outbox)).filter((path) => !LASTING.test(path))
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
}

/** A server may take a moment to forget an aborted upload. */
export async function assertNoUploads({ bucket, folder }: World, wait = 3_000): Promise<void> {
  const end = performance.now() + wait
  for (;;) {
    const open = await uploadLeaks(bucket, `${folder}/`)
    if (open.length === 0) return
    if (performance.now() > end) throw new Error(open.join(', '))
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
