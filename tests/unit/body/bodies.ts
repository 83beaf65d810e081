import { createHash } from 'node:crypto'
import { Duplex, Readable } from 'node:stream'
import { Intake, type IntakeOptions } from '../../../src/body/index.js'
import type { BlobBody } from '../../../src/driver/index.js'
import { isStorageError, type StorageError } from '../../../src/errors/index.js'

export const text = 'Grüße, 世界! 😀'
export const expected = Buffer.from(text)
export const sha256 = createHash('sha256').update(expected).digest('hex')

export async function drain(intake: Intake): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of intake.read()) chunks.push(Uint8Array.from(chunk))
  return Buffer.concat(chunks)
}

/** The error that taking the whole body ends with. */
export async function failure(body: BlobBody, options: Partial<IntakeOptions> = {}): Promise<StorageError> {
  try {
    await drain(new Intake(body, { key: 'k', ...options }))
  } catch (error) {
    if (isStorageError(error)) return error
    throw error
  }
  throw new Error('The body was taken.')
}

export async function* bytewise(): AsyncGenerator<Uint8Array> {
  for (const byte of expected) yield Uint8Array.of(byte)
}

/** Bodies that give these chunks, fail or stall behind them, and tell whether they were let go of. */
export type Ending = 'end' | 'fail' | 'stall'
export const sources: Record<
  string,
  (chunks: readonly Uint8Array[], ending: Ending) => { body: BlobBody; released(): boolean }
> = {
  'Node stream': (chunks, ending) => {
    const body = nodeStream(chunks, ending)
    return { body, released: () => body.destroyed }
  },
  'Node duplex': (chunks, ending) => {
    const left = [...chunks]
    const body = new Duplex({
      write: (_chunk, _encoding, done) => done(),
      read() {
        const chunk = left.shift()
        if (chunk) this.push(chunk)
        else if (ending === 'end') this.push(null)
        else if (ending === 'fail') this.destroy(new Error('source broke'))
      },
    })
    // Its other side is the caller's: since Node 24 the end of the reading side leaves it open.
    return { body, released: () => body.destroyed || body.readableEnded }
  },
  'function of a stream': (chunks, ending) => {
    const made: Readable[] = []
    const body = () => {
      const stream = nodeStream(chunks, ending)
      made.push(stream)
      return stream
    }
    return { body, released: () => made.every((stream) => stream.destroyed) }
  },
  'web stream': (chunks, ending) => {
    const left = [...chunks]
    let over = false
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const chunk = left.shift()
        if (chunk) return controller.enqueue(chunk)
        if (ending === 'stall') return new Promise(() => {})
        over = true
        if (ending === 'fail') controller.error(new Error('source broke'))
        else controller.close()
      },
      cancel() {
        over = true
      },
    })
    return { body: body as unknown as BlobBody, released: () => over }
  },
  'async iterable': (chunks, ending) => {
    const left = [...chunks]
    let over = false
    const iterator: AsyncIterator<Uint8Array> = {
      next() {
        const value = left.shift()
        if (value) return Promise.resolve({ done: false, value })
        if (ending === 'stall') return new Promise(() => {})
        over = true
        if (ending === 'fail') return Promise.reject(new Error('source broke'))
        return Promise.resolve({ done: true, value: undefined })
      },
      return() {
        over = true
        return Promise.resolve({ done: true, value: undefined })
      },
    }
    return { body: { [Symbol.asyncIterator]: () => iterator }, released: () => over }
  },
}

export function nodeStream(chunks: readonly Uint8Array[], ending: Ending): Readable {
  const left = [...chunks]
  return new Readable({
    read() {
      const chunk = left.shift()
      if (chunk) this.push(chunk)
      else if (ending === 'end') this.push(null)
      else if (ending === 'fail') this.destroy(new Error('source broke'))
    },
  })
}

export const kinds = Object.entries(sources)
export const halves = [expected.subarray(0, 5), expected.subarray(5)]
