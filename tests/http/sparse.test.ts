import { mkdir, open, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adapters } from './servers.js'
import { serve } from './support.js'
import { openWorld, type World } from './world.js'

const GIB = 1024 ** 3
const SIZE = 5 * GIB
const AT = 4 * GIB
const marked = 'ten bytes!'

describe('a file of 5 GiB, most of it a hole', () => {
  let world: World

  beforeAll(async () => {
    world = await openWorld()
    const file = join(world.root, 'uploads/huge.bin')
    await mkdir(dirname(file), { recursive: true })
    const handle = await open(file, 'w')
    await handle.truncate(SIZE)
    await handle.write(marked, AT)
    await handle.write(marked, SIZE - marked.length)
    await handle.close()
    // Files of others have a strong tag once they are not so young.
    await utimes(file, Date.now() / 1000 - 60, Date.now() / 1000 - 60)
  })

  afterAll(() => world?.close())

  test.each(adapters)('%s finds bytes behind 4 GiB (RFC 9110 section 14.1.2)', async (adapter) => {
    const { get, head } = await serve(adapter, world.store)
    const target = '/content/uploads/huge.bin'
    expect((await head(target)).headers['content-length']).toBe(String(SIZE))

    const middle = await get(target, { range: `bytes=${AT}-${AT + 9}` })
    expect(middle.status).toBe(206)
    expect(middle.headers['content-range']).toBe(`bytes ${AT}-${AT + 9}/${SIZE}`)
    expect(middle.body.toString()).toBe(marked)

    expect((await get(target, { range: 'bytes=-10' })).body.toString()).toBe(marked)
    expect((await get(target, { range: `bytes=${SIZE - 10}-` })).body.toString()).toBe(marked)
    const parts = await get(target, { range: `bytes=${AT}-${AT + 9},-10` })
    expect(parts.body.toString().split(marked)).toHaveLength(3)

    const behind = await get(target, { range: `bytes=${SIZE}-` })
    expect(behind.status).toBe(416)
    expect(behind.headers['content-range']).toBe(`bytes */${SIZE}`)
  })
})
