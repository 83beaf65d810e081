import assert from 'node:assert/strict'
import { heldBody, nodeStream, pattern, sameBytes, tagged, wholeTag } from './bodies.js'
import { caseGroup } from './case.js'

export const concurrency = caseGroup('concurrency', (rule) => {
  rule('twenty writers of one key leave one whole value', async (t) => {
    const sizeOf = (id: number) => 1_000 + id * 5_000
    const puts = Array.from({ length: 20 }, (_, i) => {
      const bytes = tagged(i + 1, sizeOf(i + 1))
      return t.put('blob', i % 2 === 0 ? bytes : nodeStream(bytes, 1_000), { metadata: { writer: `${i + 1}` } })
    })
    await Promise.all(puts)
    const reader = await t.subject.get(t.key('blob'))
    const id = wholeTag(await reader.bytes(), sizeOf)
    assert.deepEqual(reader.info.metadata, { writer: `${id}` }, 'the attributes are those of another writer')
    assert.deepEqual(await t.names(), ['blob'])
  })

  rule('many writers of many keys', async (t) => {
    const names = Array.from({ length: 100 }, (_, i) => `dir-${i % 7}/blob-${i}`)
    await Promise.all(names.map((name, i) => t.put(name, tagged(i, 100 + i))))
    await Promise.all(names.map(async (name, i) => sameBytes(await t.bytes(name), tagged(i, 100 + i))))
    assert.equal((await t.names()).length, 100)
  })

  rule('interleaved uploads of several parts to one key', async (t) => {
    const size = t.partSize * 2 + 100
    const first = heldBody(tagged(1, size - 50))
    const second = heldBody(tagged(2, size - 50))
    const puts = [t.put('blob', first.body), t.put('blob', second.body)]
    await Promise.race([Promise.all([first.held, second.held]), Promise.all(puts)])
    second.finish(tagged(2, 50))
    await puts[1]
    assert.equal(
      wholeTag(await t.bytes('blob'), () => size),
      2,
    )
    first.finish(tagged(1, 50))
    await puts[0]
    assert.equal(
      wholeTag(await t.bytes('blob'), () => size),
      1,
    )
  })

  rule('an upload of several parts is invisible until it is complete', async (t) => {
    const bytes = pattern(t.partSize * 2 + 100)
    const { body, held, finish } = heldBody(bytes.subarray(0, -10))
    const put = t.put('blob', body)
    await Promise.race([held, put])
    await t.absent('blob')
    assert.deepEqual(await t.names(), [])
    finish(bytes.subarray(-10))
    await put
    sameBytes(await t.bytes('blob'), bytes)
  })

  rule('an old version is read until the new one is complete', async (t) => {
    const old = await t.put('blob', 'old')
    const { body, held, finish } = heldBody(pattern(t.partSize * 2))
    const put = t.put('blob', body)
    await Promise.race([held, put])
    assert.equal(await t.text('blob'), 'old')
    assert.equal((await t.head('blob')).etag, old.etag)
    finish()
    assert.notEqual((await put).etag, old.etag)
    assert.equal((await t.head('blob')).etag, (await put).etag)
  })

  rule('reads during overwrites are never torn', async (t) => {
    const sizeOf = (id: number) => 20_000 + (id % 8) * 30_000
    const put = (id: number) => t.put('blob', tagged(id, sizeOf(id)), { metadata: { writer: `${id}` } })
    await put(1)
    let writing = true
    let reads = 0
    const writer = async () => {
      for (let id = 2; id < 250 && (id < 50 || reads < 100); id++) {
        await put(id)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const reader = async () => {
      while (writing) {
        const read = await t.subject.get(t.key('blob'))
        const bytes = await read.bytes()
        const id = wholeTag(bytes, sizeOf)
        assert.equal(read.info.size, bytes.byteLength, 'the size is that of another version')
        assert.deepEqual(read.info.metadata, { writer: `${id}` }, 'the attributes are those of another version')
        reads++
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const settle = writer().finally(() => {
      writing = false
    })
    await Promise.all([settle, reader(), reader(), reader()])
    assert.ok(reads > 10, `only ${reads} reads`)
  })

  rule('reads during deletes and puts see a whole blob or none', async (t) => {
    const sizeOf = (id: number) => 1_000 + id * 100
    let writing = true
    const writer = async () => {
      for (let id = 1; id < 40; id++) {
        await t.put('blob', tagged(id, sizeOf(id)))
        await t.subject.delete(t.key('blob'))
      }
    }
    const reader = async () => {
      while (writing) {
        const outcome = await t.bytes('blob').catch((error: unknown) => t.rejects('NOT_FOUND', Promise.reject(error)))
        if (outcome instanceof Uint8Array) wholeTag(outcome, sizeOf)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const settle = writer().finally(() => {
      writing = false
    })
    await Promise.all([settle, reader(), reader()])
    await t.absent('blob')
  })

  rule('a directory that empties while others fill it', async (t) => {
    const worker = async (id: number) => {
      for (let i = 0; i < 15; i++) {
        await t.put(`dir/sub/${id}`, 'body')
        await t.subject.delete(t.key(`dir/sub/${id}`))
      }
      await t.put(`dir/sub/${id}`, `last of ${id}`)
    }
    await Promise.all([0, 1, 2, 3].map(worker))
    assert.deepEqual(await t.names(), ['dir/sub/0', 'dir/sub/1', 'dir/sub/2', 'dir/sub/3'])
  })
})
