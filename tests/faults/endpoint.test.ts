import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { collect } from '../store/support.js'
import { compareStores } from './both-stores.js'
import { bytesOf, content, on } from './contents.js'
import { reconcileAll } from './matrix.js'
import { settle } from './outcomes.js'
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
  test('is an outage like any other, and what waits is handed over once it is corrected', async () => {
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

      await reconcileAll(world.store)
      expect(await world.store.conflicts()).toEqual([])
      await compareStores(world, { key: on('s3', NEW), near: on('local', OLD) })
    } finally {
      await world.close()
    }
  })
})
