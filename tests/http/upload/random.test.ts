import { Readable } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isStorageError } from '../../../src/errors/index.js'
import { type ReceivedUpload, receiveUpload } from '../../../src/http/index.js'
import { sanitizeFilename } from '../../../src/index.js'
import { createTestStore } from '../../../src/testing/index.js'
import { repeated } from '../repeat.js'
import { damaged, damages, pieces } from './random/damage.js'
import { bodyOf, chunksOf, decoded, forms, type RandomForm } from './random/forms.js'
import { keysOf } from './support.js'

/** Takes a body in, in these chunks; `closed` tells whether the stream was let go of. */
async function receive(boundary: string, chunks: readonly Buffer[]) {
  const { store } = createTestStore()
  const stream = Readable.from(chunks, { objectMode: false })
  const headers = { 'content-type': `multipart/form-data; boundary="${boundary}"` }
  const request = { method: 'POST', headers, body: () => stream }
  let count = 0
  const options = { key: () => `k${count++}`, sniff: 'off' as const, limits: { files: 10, fields: 10 } }
  let upload: ReceivedUpload | undefined
  let failure: unknown
  try {
    upload = await receiveUpload(store, request, options, undefined)
  } catch (error) {
    failure = error
  }
  return { store, stream, upload, failure }
}

/** Escapes of other clients than browsers make some names ambiguous: those are left to the table. */
const plain = ({ parts }: RandomForm) =>
  parts.every(
    (part) => !/\\"|\\%22|\\$/.test(part.field) && !(part.kind === 'file' && /\\"|\\%22|\\$/.test(part.filename)),
  )

test('what is sent is what is stored, however it is cut', { timeout: repeated.timeout }, async () => {
  await fc.assert(
    fc.asyncProperty(forms.filter(plain), async (form) => {
      const { store, upload, failure } = await receive(form.boundary, chunksOf(bodyOf(form), form.cuts))
      expect(failure).toBeUndefined()
      const files = form.parts.filter((part) => part.kind === 'file')
      expect(upload?.blobs.map(({ field, name, contentType }) => ({ field, name, contentType }))).toEqual(
        files.map(({ field, filename, type }) => ({
          field: decoded(field),
          name: sanitizeFilename(decoded(filename)),
          contentType: type === 'x' ? 'application/octet-stream' : (type ?? expect.any(String)),
        })),
      )
      for (const [i, { content }] of files.entries()) {
        expect(Buffer.from(await (await store.get(`k${i}`)).bytes()).equals(content), `file ${i}`).toBe(true)
      }
      const fields = form.parts.flatMap((part) => (part.kind === 'field' ? [[decoded(part.field), part] as const] : []))
      const values = new Map(fields.map(([name, { content }]) => [name, new TextDecoder().decode(content)]))
      expect(new Map(Object.entries(upload?.fields ?? {}))).toEqual(values)
    }),
    { numRuns: 4000 * repeated.times, ...repeated.replay },
  )
})

test('whatever is sent, the answer is a whole form or an error of the client, and then nothing is left', {
  timeout: repeated.timeout,
}, async () => {
  await fc.assert(
    fc.asyncProperty(forms, damages, async (form, all) => {
      const body = damaged(form, all)
      const { store, stream, upload, failure } = await receive(form.boundary, chunksOf(body, form.cuts))
      const keys = await keysOf(store)
      if (upload) {
        expect(keys).toEqual(upload.blobs.map(({ key }) => key).sort())
        return
      }
      expect(isStorageError(failure) && failure.status).toBeOneOf([400, 413, 415])
      expect(keys).toEqual([])
      if (!stream.readableEnded) await new Promise((resolve) => stream.once('close', resolve))
    }),
    { numRuns: 8000 * repeated.times, ...repeated.replay },
  )
})

test('any bytes at all are read or refused', { timeout: repeated.timeout }, async () => {
  const grammar = fc.constantFrom('--b', '\r\n--b\r\n', ...pieces)
  const bodies = fc.array(fc.oneof(grammar, fc.string({ unit: 'binary', maxLength: 5 })), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(bodies, async (text) => {
      const { store, upload, failure } = await receive(
        'b',
        text.map((piece) => Buffer.from(piece)).filter((b) => b.length > 0),
      )
      if (upload === undefined) expect(isStorageError(failure) && failure.status).toBeOneOf([400, 413, 415])
      expect(await keysOf(store)).toHaveLength(upload?.blobs.length ?? 0)
    }),
    { numRuns: 8000 * repeated.times, ...repeated.replay },
  )
})
