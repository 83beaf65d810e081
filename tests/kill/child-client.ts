import { writeSync } from 'node:fs'
import { Readable } from 'node:stream'
import { isStorageError } from '../../src/index.js'
import { makeBody, readBody } from './bodies.js'
import type { KillStore } from './open.js'
import { type Alias, type Ended, now, type Operation, type Said } from './protocol.js'

/** Says it before this returns: what was said is with the parent, whatever becomes of this process. */
export function tell(said: Said): void {
  const line = Buffer.from(`${JSON.stringify(said)}\n`)
  for (let at = 0; at < line.byteLength; ) {
    try {
      at += writeSync(1, line, at)
    } catch (error) {
      // The parent is slow to read.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}

/** Does operations on the store and tells of each before it begins and when it has ended. */
export class TellingClient {
  readonly #store: KillStore
  #seq: number
  #id = 0

  constructor(store: KillStore, firstSeq: number) {
    this.#store = store
    this.#seq = firstSeq
  }

  /** Resolves with how it ended; never rejects. */
  async run(operation: Operation): Promise<Ended> {
    const id = ++this.#id
    const seq = operation.op === 'put' ? this.#seq++ : undefined
    const { op } = operation
    const key = 'key' in operation ? operation.key : undefined
    const to = operation.op === 'move' ? operation.to : undefined
    const alias = 'alias' in operation ? operation.alias : undefined
    const driver = operation.op === 'put' ? (operation.driver ?? operation.kind) : undefined
    tell({ say: 'begin', id, t: now(), op, key, to, alias, driver, seq })
    let ended: Ended
    try {
      ended = { say: 'end', id, t: 0, ...(await this.#perform(operation, seq ?? 0)) }
    } catch (error) {
      const isOurs = isStorageError(error)
      const { code, outcome } = isOurs ? error : { code: 'NOT_A_STORAGE_ERROR', outcome: undefined }
      const cause = isOurs && error.cause !== undefined ? `, for ${String(error.cause)}` : ''
      const message = `${isOurs ? error.message : String((error as Error)?.stack ?? error)}${cause}`
      ended = { say: 'end', id, t: 0, error: code, outcome, message }
    }
    const stamped = { ...ended, t: now() }
    tell(stamped)
    return stamped
  }

  async #perform(operation: Operation, seq: number): Promise<Partial<Ended>> {
    const store = this.#store
    switch (operation.op) {
      case 'put': {
        const { key, size, stream, driver, kind } = operation
        const bytes = makeBody(key, seq, size)
        const body = stream ? Readable.from(chunksOf(bytes), { objectMode: false }) : bytes
        const blob = await store.put(key, body, { metadata: { seq: String(seq) }, driver, kind })
        return { pendingFor: blob.pendingFor }
      }
      case 'delete':
        await store.delete(pathOf(operation.alias, operation.key))
        return {}
      case 'move': {
        const blob = await store.move(operation.key, operation.to)
        return { pendingFor: blob.pendingFor }
      }
      case 'read':
        return { seq: await readSeq(store, operation.key, operation.alias, operation.head) }
      case 'list':
        await listKeys(store)
        return {}
      case 'reconcile': {
        const { moved, failed } = await store.reconcile()
        for (const { key, error } of failed) {
          if (error.code === 'CORRUPT') tell({ say: 'violation', text: `reconcile: ${key}: ${error.message}` })
        }
        return { moved }
      }
    }
  }
}

export function pathOf(alias: Alias, key: string): string {
  return alias === 'bare' ? key : `${alias}:${key}`
}

/** The number of the version that a path reads, after its body and attributes were found to be whole; null for none. */
export async function readSeq(store: KillStore, key: string, alias: Alias, head = false): Promise<number | null> {
  const path = pathOf(alias, key)
  try {
    if (head) return attributesSeq(await store.head(path), key)
    const reader = await store.get(path)
    const bytes = await reader.bytes()
    const { seq } = readBody(bytes)
    const told = attributesSeq(reader.info, key)
    if (told !== seq) throw new Error(`${path}: the body is #${seq}, the attributes are of #${told}`)
    if (reader.info.size !== bytes.byteLength) throw new Error(`${path}: #${seq} has another size than its body`)
    return seq
  } catch (error) {
    if (isStorageError(error, 'NOT_FOUND')) return null
    throw error
  }
}

function attributesSeq({ key, metadata }: { key: string; metadata: Readonly<Record<string, string>> }, asked: string) {
  if (key !== asked) throw new Error(`asked for ${asked}, got ${key}`)
  return Number(metadata.seq)
}

/** The keys of a list; throws where one comes twice, or out of order. */
export async function listKeys(store: KillStore): Promise<string[]> {
  const keys: string[] = []
  for await (const entry of store.list()) {
    if (entry.type !== 'blob') continue
    const last = keys.at(-1)
    if (last !== undefined && Buffer.compare(Buffer.from(last), Buffer.from(entry.key)) >= 0) {
      throw new Error(`the list has ${entry.key} after ${last}`)
    }
    keys.push(entry.key)
  }
  return keys
}

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.byteLength; at += 100_000) yield bytes.subarray(at, at + 100_000)
}
