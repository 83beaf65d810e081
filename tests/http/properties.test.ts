import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { deliver, type HttpResponse } from '../../src/http/index.js'
import { createTestStore } from '../../src/testing/index.js'
import type { RawFields } from './client.js'
import { partsOf } from './delivery/multipart.js'
import { type Expected, expected } from './random/oracle.js'
import { conditionalFields, type Facts } from './random/requests.js'
import { repeated, seed } from './repeat.js'
import { serve } from './support.js'
import { type ServedFile, secondIsOver, servedFile } from './world.js'

const bodies = ['0123456789', '', 'x'] as const
const method = fc.constantFrom('GET', 'GET', 'GET', 'HEAD')

/** What an answer says, whichever way it came. */
interface Told {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

async function files() {
  const { store } = createTestStore()
  const served: (ServedFile & Facts)[] = []
  for (const [i, body] of bodies.entries()) {
    const { path } = await store.put(`project_7/${i}.txt`, body)
    served.push({ ...(await servedFile(store, path, Buffer.from(body))), size: body.length })
  }
  for (const file of served) await secondIsOver(file)
  return { store, served }
}

function check(told: Told, wanted: Expected, asked: string, headers: RawFields, { bytes, etag }: ServedFile): void {
  expect(told.status, `${asked} of ${bytes.byteLength} bytes, ${JSON.stringify(headers)}`).toBe(wanted.status)
  if (told.status < 400) expect(told.headers.etag).toBe(etag)
  if (told.status === 200) expect(told.body.equals(asked === 'HEAD' ? Buffer.alloc(0) : bytes)).toBe(true)
  if (told.status === 200) expect(told.headers['content-length']).toBe(String(bytes.byteLength))
  if (told.status === 304) expect(told.body).toHaveLength(0)
  if (told.status === 416) expect(told.headers['content-range']).toBe(`bytes */${bytes.byteLength}`)
  if (told.status !== 206) return
  const several = wanted.parts?.length !== 1
  const parts = several ? partsOf({ ...told, fields: [], whole: true }) : [told]
  expect(told.headers['content-length']).toBe(String(told.body.byteLength))
  expect(parts.map(({ headers }) => headers['content-range'])).toEqual(
    wanted.parts?.map(([start, end]) => `bytes ${start}-${end}/${bytes.byteLength}`),
  )
  for (const [i, { body }] of parts.entries()) {
    const [start, end] = wanted.parts?.[i] ?? [0, -1]
    expect(body.equals(bytes.subarray(start, end + 1))).toBe(true)
  }
}

async function tellOf({ status, headers, body }: HttpResponse): Promise<Told> {
  const chunks: Uint8Array[] = []
  if (body instanceof Uint8Array) chunks.push(body)
  else for await (const chunk of body ?? []) chunks.push(chunk)
  return { status, headers, body: Buffer.concat(chunks) }
}

/** Every failure names its seed by itself; so does the run, for what no assertion found. */
afterEach(({ task }) => {
  if (task.result?.state === 'fail') console.error(`HTTP_SEED=${seed}`)
})

describe('any conditions and ranges are answered as RFC 9110 says', () => {
  const asked = fc.record({ method, fields: conditionalFields, file: fc.nat(bodies.length - 1) })

  test(
    'by deliver',
    async () => {
      const { store, served } = await files()
      const property = fc.asyncProperty(asked, async ({ method, fields, file }) => {
        const one = served[file] as ServedFile & Facts
        // As Node hands them over: without white space around.
        const headers = trimmed(fields(one))
        const wanted = expected(method as 'GET', headers, one, new Date())
        const told = await tellOf(await deliver(store, { method, headers }, one.path))
        check(told, wanted, method, headers, one)
      })
      await fc.assert(property, { numRuns: Math.ceil(4000 * repeated.times), ...repeated.replay })
    },
    repeated.timeout,
  )

  test(
    'over a socket',
    async () => {
      const { store, served } = await files()
      const { ask } = await serve('express5', store)
      const property = fc.asyncProperty(asked, async ({ method, fields, file }) => {
        const one = served[file] as ServedFile & Facts
        const headers = fields(one)
        const wanted = expected(method as 'GET', trimmed(headers), one, new Date())
        const told = await ask({ method, target: `/content/${encodeURIComponent('s3:')}${one.key}`, headers })
        check(told, wanted, method, headers, one)
      })
      await fc.assert(property, { numRuns: Math.ceil(1000 * repeated.times), ...repeated.replay })
    },
    repeated.timeout,
  )
})

function trimmed(fields: RawFields): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value).trim()]))
}
