import { expect } from 'vitest'
import { isStorageError } from '../../src/index.js'
import { collect, patternStream } from '../store/support.js'
import { BESIDE, bytesOf, type Content, content, MIB, on, type State } from './contents.js'
import { holds, readingOf, type Store } from './reading.js'

/** One call of the store, on a key that is there before or is not. */
export interface Verb {
  readonly name: string
  /**
   * `read` changes nothing. `fill` writes to S3 what this host has. `remove` deletes. `within` copies what only S3
   * has. `fetch` brings what S3 has to the local disk. `settle` hands over what waits.
   */
  readonly sort: 'read' | 'fill' | 'remove' | 'within' | 'fetch' | 'settle'
  before(existing: boolean): State
  /** What waits before S3 fails in the way that is tried; made while S3 is down. */
  prepare?(store: Store): Promise<unknown>
  /** What reads then. */
  prepared?(before: State): State
  /** What somebody else puts to S3 meanwhile. */
  readonly foreign?: State
  run(store: Store, before: State): Promise<unknown>
  /** What a call that succeeded leaves. */
  after(before: State): State
  /** What else a call may leave that rejects with outcome `unknown`. */
  between?(before: State): State[]
}

const OLD = content('old', 1, 700)
const NEW = content('new', 0, 900)
const SOURCE = content('source', 11_000, 1_100)
const OTHER = content('other', 17_000, 300)
const FOREIGN = content('foreign', 23_000, 500)
const LARGE = content('large', 0, 40 * MIB)

const keyOnS3 = (existing: boolean): State => (existing ? { key: on('s3', OLD) } : {})
export const attributes = ({ note }: Content) => ({ contentType: 'text/x-fault', metadata: { note } })

const reads = { sort: 'read', before: keyOnS3, after: (before: State) => before } as const

const get: Verb = {
  ...reads,
  name: 'get',
  run: async (store, before) => expect(holds(before, 'key', await readingOf(store, 's3:key'))).toBe(true),
}

const head: Verb = {
  ...reads,
  name: 'head',
  async run(store, before) {
    const found = await store.head('s3:key').catch((error) => {
      if (isStorageError(error, 'NOT_FOUND')) return undefined
      throw error
    })
    expect(found?.size).toBe(before.key?.content.size)
    expect(await store.exists('s3:key')).toBe(before.key !== undefined)
  },
}

const list: Verb = {
  ...reads,
  name: 'list',
  before: (existing) => ({ ...keyOnS3(existing), aside: on('local', OTHER), other: on('s3', OTHER) }),
  async run(store, before) {
    const entries = await collect(store.list())
    expect(entries.map((entry) => entry.type === 'blob' && entry.key)).toEqual(Object.keys(before).sort())
  },
}

const fills = { sort: 'fill', before: keyOnS3, after: (): State => ({ key: on('s3', NEW) }) } as const
const putNew = (store: Store) => store.put('key', bytesOf(NEW), attributes(NEW))

const putBytes: Verb = { ...fills, name: 'put', run: putNew }
const putStream: Verb = {
  ...fills,
  name: 'put stream',
  run: (store) => store.put('key', patternStream(NEW.size, undefined, 200), attributes(NEW)),
}

const removes = { sort: 'remove', before: keyOnS3, after: (): State => ({}) } as const

const deleteOne: Verb = { ...removes, name: 'delete', run: (store) => store.delete('s3:key') }

const deleteMany: Verb = {
  ...removes,
  name: 'deleteMany',
  before(existing) {
    return { ...keyOnS3(existing), aside: on('local', OTHER), kept: on('s3', OTHER), other: on('s3', OTHER) }
  },
  after: () => ({ kept: on('s3', OTHER) }),
  async run(store) {
    for (const { error } of await store.deleteMany(['key', 'other', 'aside'])) if (error) throw error
  },
}

function transfer(method: 'copy' | 'move', from: 's3' | 'local', to: 's3' | 'local'): Verb {
  const after = (before: State): State => {
    const { source, ...rest } = before
    return { ...(method === 'copy' ? before : rest), key: on(to, SOURCE) }
  }
  return {
    name: `${method} ${from === to ? 'within s3' : `to ${to}`}`,
    sort: to === 'local' ? 'fetch' : from === 'local' ? 'fill' : 'within',
    before: (existing) => ({ ...(existing ? { key: on(to, OLD) } : {}), source: on(from, SOURCE) }),
    run: (store) => store[method](`${from}:source`, `${to}:key`),
    after,
    // A move that was cut off midway has copied.
    between: (before) => (method === 'move' ? [{ ...before, key: on(to, SOURCE) }] : []),
  }
}

export const putLarge: Verb = {
  ...fills,
  name: 'put 40 MiB',
  after: () => ({ key: on('s3', LARGE) }),
  run: (store) => store.put('key', patternStream(LARGE.size), attributes(LARGE)),
}

export const getLarge: Verb = { ...get, name: 'get 40 MiB', before: () => ({ key: on('s3', LARGE) }) }

export const fetchLarge: Verb = {
  ...transfer('copy', 's3', 'local'),
  name: 'copy 40 MiB to local',
  before: () => ({ source: on('s3', LARGE) }),
  after: (before) => ({ ...before, key: on('local', LARGE) }),
}

const settles = { sort: 'settle', before: keyOnS3, run: (store: Store) => store.reconcile() } as const

const reconcilePut: Verb = { ...settles, name: 'reconcile put', prepare: putNew, after: fills.after }
export const reconcileLarge: Verb = {
  ...settles,
  name: 'reconcile 40 MiB',
  prepare: (store) => putLarge.run(store, {}),
  after: putLarge.after,
}
const reconcileDelete: Verb = {
  ...settles,
  name: 'reconcile delete',
  prepare: (store) => store.delete('s3:key'),
  after: removes.after,
}

const foreign: State = { key: on('s3', FOREIGN) }

/** Somebody else changed the key: theirs stays, and what waited here is kept beside it. */
const reconcileBoth: Verb = {
  ...reconcilePut,
  name: 'reconcile conflict',
  prepared: fills.after,
  foreign,
  after: () => ({ ...foreign, [BESIDE]: on('s3', NEW) }),
}
const reconcileKept: Verb = {
  ...reconcileDelete,
  name: 'conflict of delete',
  prepared: removes.after,
  foreign,
  after: () => foreign,
}

export const verbs: readonly Verb[] = [
  putBytes,
  putStream,
  deleteOne,
  deleteMany,
  get,
  head,
  list,
  transfer('copy', 's3', 's3'),
  transfer('copy', 'local', 's3'),
  transfer('copy', 's3', 'local'),
  transfer('move', 's3', 's3'),
  transfer('move', 'local', 's3'),
  transfer('move', 's3', 'local'),
  reconcilePut,
  reconcileDelete,
  reconcileBoth,
  reconcileKept,
]
