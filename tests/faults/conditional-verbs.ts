import { createHash } from 'node:crypto'
import type { StorageErrorCode } from '../../src/index.js'
import { patternStream } from '../store/support.js'
import { bytesOf, content, MIB, on, type State } from './contents.js'
import type { Store } from './reading.js'
import { attributes, type Verb } from './verbs.js'

/** A change on a condition. */
export interface ConditionalVerb extends Verb {
  readonly existing: boolean
  /** How the call rejects, where the condition does not hold. */
  readonly unmet?: StorageErrorCode
  /** What the endpoint may lack. */
  readonly unsupported?: true
}

const OLD = content('old', 1, 700)
const NEW = content('new', 0, 900)
const LARGE = content('large', 0, 12 * MIB)

/** As S3 makes the etag of what is put in one request, and the outbox that of what waits. */
const OLD_ETAG = createHash('md5').update(bytesOf(OLD)).digest('hex')
const OTHER_ETAG = 'f'.repeat(32)

const keyOnS3 = (existing: boolean): State => (existing ? { key: on('s3', OLD) } : {})
const put = (store: Store, condition: { ifMatch: string } | { ifNoneMatch: '*' }) =>
  store.put('key', bytesOf(NEW), { ...attributes(NEW), ...condition })
const create = (store: Store) => put(store, { ifNoneMatch: '*' })
const updateOld = (store: Store) => put(store, { ifMatch: OLD_ETAG })
const updateOther = (store: Store) => put(store, { ifMatch: OTHER_ETAG })

const writes = { sort: 'fill', before: keyOnS3, after: (): State => ({ key: on('s3', NEW) }) } as const
const removes = { sort: 'remove', before: keyOnS3, after: (): State => ({}) } as const

/** Only S3 knows whether the condition holds. */
export const onS3: readonly ConditionalVerb[] = [
  { ...writes, name: 'create', existing: false, run: create },
  { ...writes, name: 'create, is there', existing: true, unmet: 'ALREADY_EXISTS', run: create },
  { ...writes, name: 'update', existing: true, run: updateOld },
  { ...writes, name: 'update, changed', existing: true, unmet: 'PRECONDITION_FAILED', run: updateOther },
  { ...writes, name: 'update, missing', existing: false, unmet: 'PRECONDITION_FAILED', run: updateOld },
  {
    ...writes,
    name: 'create 12 MiB',
    existing: false,
    after: () => ({ key: on('s3', LARGE) }),
    run: (store) => store.put('key', patternStream(LARGE.size), { ...attributes(LARGE), ifNoneMatch: '*' }),
  },
  {
    ...removes,
    name: 'delete if',
    existing: true,
    unsupported: true,
    run: (store) => store.delete('s3:key', { ifMatch: OLD_ETAG }),
  },
]

const oldWaits = {
  existing: false,
  prepare: (store: Store) => store.put('key', bytesOf(OLD), attributes(OLD)),
  prepared: (): State => ({ key: on('s3', OLD) }),
} as const
const deleteWaits = {
  existing: true,
  prepare: (store: Store) => store.delete('s3:key'),
  prepared: (): State => ({}),
} as const

/** A record waits here: this host decides. */
export const onRecord: readonly ConditionalVerb[] = [
  { ...writes, ...oldWaits, name: 'update what waits', run: updateOld },
  { ...writes, ...oldWaits, name: 'update, other waits', unmet: 'PRECONDITION_FAILED', run: updateOther },
  { ...writes, ...oldWaits, name: 'create, one waits', unmet: 'ALREADY_EXISTS', run: create },
  { ...writes, ...deleteWaits, name: 'create over delete', run: create },
  { ...writes, ...deleteWaits, name: 'update over delete', unmet: 'PRECONDITION_FAILED', run: updateOld },
  {
    ...removes,
    ...oldWaits,
    name: 'delete what waits',
    run: (store) => store.delete('s3:key', { ifMatch: OLD_ETAG }),
  },
  {
    ...removes,
    ...oldWaits,
    name: 'delete, other waits',
    unmet: 'PRECONDITION_FAILED',
    run: (store) => store.delete('s3:key', { ifMatch: OTHER_ETAG }),
  },
]
