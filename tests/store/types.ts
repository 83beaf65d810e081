/** Checked by `tsc --noEmit`: an expected error that disappears is an error. Never run. */
import {
  type BlobDriver,
  type HybridStore,
  prefixPaths,
  routeByKind,
  HybridStore as Store,
  type StoredBlob,
  storeFromEnv,
} from '../../src/index.js'

declare const s3: BlobDriver | undefined
declare const local: BlobDriver

const store = new Store({
  drivers: { s3, local },
  policy: routeByKind({ s3: ['document'], local: ['pdf'] }, { otherwise: 'local' }),
  fallback: { s3: 'local', within: 5000 },
  paths: prefixPaths({ s3: ['project_'], local: ['uploads/'] }),
})
const typed: HybridStore<'s3' | 'local', 'document' | 'pdf'> = store
const put: Promise<StoredBlob<'s3' | 'local'>> = store.put('a', 'x', { kind: 'pdf', driver: 's3' })
store.on('fallback', ({ from, to, code }) => [from, to, code])
store.relocate('a', { to: 's3' })
store.route({ key: 'a', kind: 'document' })
// @ts-expect-error a mistyped kind
store.put('a', 'x', { kind: 'dokument' })
// @ts-expect-error a mistyped driver
store.put('a', 'x', { driver: 's4' })
// @ts-expect-error a mistyped driver
store.relocate('a', { to: 'disk' })
// @ts-expect-error a mistyped driver
store.hasDriver('s4')
// @ts-expect-error no such event
store.on('fall', () => {})
// @ts-expect-error fallback to a driver that there is not
new Store({ drivers: { s3, local }, fallback: { s3: 'disk' } })
// @ts-expect-error fallback from a driver that there is not
new Store({ drivers: { s3, local }, fallback: { s4: 'local' } })
// @ts-expect-error drivers are required
new Store({})

const free = new Store({ drivers: { s3, local } })
free.put('a', 'x', { kind: 'anything' })
const any: HybridStore = free

const env = storeFromEnv()
env.put('a', 'x', { kind: 'invoice', driver: 'local' })
// @ts-expect-error a kind that the default policy does not know
env.put('a', 'x', { kind: 'video' })
const own = storeFromEnv(process.env, { policy: routeByKind({ s3: ['video'] }, { otherwise: 'local' }) })
own.put('a', 'x', { kind: 'video' })
// @ts-expect-error a kind that its policy does not know
own.put('a', 'x', { kind: 'invoice' })

export { any, put, typed }
