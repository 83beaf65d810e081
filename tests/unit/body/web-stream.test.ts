import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { webStream } from '../../../src/body/web-stream.js'

const chunk = Buffer.from('0123456789abcdef')

/** A source that is never empty-handed; `given` counts its chunks. */
function endless(): { readonly source: Readable; readonly given: () => number } {
  let given = 0
  const source = new Readable({
    highWaterMark: chunk.length,
    read() {
      given += 1
      this.push(chunk)
    },
  })
  return { source, given: () => given }
}

describe('a stream of the web over one of Node', () => {
  it('gives its bytes and ends with it', async () => {
    const text = new Response(webStream(Readable.from([chunk, chunk])) as unknown as ReadableStream).text()
    expect(await text).toBe(`${chunk}${chunk}`)
  })

  it('reads no further than it is asked to', async () => {
    const { source, given } = endless()
    const reader = webStream(source).getReader()
    await turn()
    expect(given()).toBe(0)
    await reader.read()
    await turn()
    // One is on its way to the reader, one fills the buffer of the source.
    expect(given()).toBeLessThanOrEqual(2)
    await reader.cancel()
  })

  it('fails as it fails', async () => {
    const error = new Error('The disk is gone.')
    const source = new Readable({
      read() {
        this.destroy(error)
      },
    })
    await expect(webStream(source).getReader().read()).rejects.toBe(error)
  })

  it.each([0, 1, 2, 3, 4, 5])('is cancelled %i ticks after it was read on: nothing comes late', async (ticks) => {
    const { source } = endless()
    const reader = webStream(source).getReader()
    await reader.read()
    await reader.read()
    await turn()
    const last = reader.read()
    for (let i = 0; i < ticks; i++) await null
    await reader.cancel(new Error('The client has gone.'))
    expect(source.destroyed).toBe(true)
    const { value } = await last
    expect((value?.byteLength ?? 0) % chunk.length).toBe(0)
    // What nobody can catch would come out here, and fail the run.
    await turn()
    await turn()
  })

  it('is cancelled while the source has nothing', async () => {
    const source = new Readable({ read() {} })
    const reader = webStream(source).getReader()
    const waiting = reader.read()
    await reader.cancel()
    expect(await waiting).toEqual({ value: undefined, done: true })
    expect(source.destroyed).toBe(true)
  })
})
