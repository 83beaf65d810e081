import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { collect } from '../store/support.js'
import { compareStores } from './both-stores.js'
import { bytesOf, content, on } from './contents.js'
import { reconcileAll } from './matrix.js'
import { settle } from './outcomes.js'
import { matches, readAll } from './reading.js'
import { openRange, openWorld, type Range, real } from './support.js'
import { attributes } from './verbs.js'

const OLD = content('old', 1, 700)
const NEW = content('new', 0, 900)
const FOLDER = 'unresolved'
let range: Range

beforeAll(async () => {
  if (!real) return
  range = await openRange()
  await range.seed([{ folder: FOLDER, state: { gone: on('s3', OLD) } }])
})
afterAll(() => range?.close())

describe.runIf(real)('an endpoint whose host name does not exist', () => {
  test('is an outage like any other, and what waits is for nobody else', async () => {
    const world = await openWorld({ range, folder: FOLDER })
    const lost = world.another({ endpoint: 'http://no-such-host.invalid' })
    try {
      const settled = async (call: () => Promise<unknown>) => (await settle(call, 20_000)).error
      const unreachable = { code: 'UNAVAILABLE', driver: 's3' }
      expect(await settled(() => lost.put('key', bytesOf(NEW), attributes(NEW)))).toBeUndefined()
      expect(await settled(() => lost.delete('s3:gone'))).toBeUndefined()
      expect(await settled(() => lost.get('s3:elsewhere'))).toMatchObject(unreachable)
      expect(await settled(() => collect(lost.list()))).toMatchObject(unreachable)
      const conditional = { ...unreachable, outcome: 'unchanged' }
      expect(await settled(() => lost.put('other', 'x', { ifNoneMatch: '*' }))).toMatchObject(conditional)
      // Names are looked up where files are read and written: neither may wait for the other.
      expect(
        await settled(() => lost.put('near', bytesOf(OLD), { ...attributes(OLD), driver: 'local' })),
      ).toBeUndefined()
      await lost.close()

      // Another endpoint is another storage, though it may have a bucket of the same name.
      const { store } = world
      const { failed, remaining } = await store.reconcile()
      const refused = expect.objectContaining({ error: expect.objectContaining({ code: 'CONFIGURATION' }) })
      expect({ failed, remaining }).toEqual({ failed: [refused, refused], remaining: 2 })
      expect(matches({ key: on('s3', NEW) }, await readAll(store, ['gone', 'key']))).toBe(true)
      // Put anew, as the hint says, it goes where it can.
      await store.put('key', (await store.get('s3:key')).stream(), attributes(NEW))
      await store.delete('s3:gone')
      await reconcileAll(store)
      await compareStores(world, { key: on('s3', NEW), near: on('local', OLD) })
    } finally {
      await world.close()
    }
  })
})
