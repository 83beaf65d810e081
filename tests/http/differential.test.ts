import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blobHref } from '../../src/http/index.js'
import { pattern } from '../store/pattern.js'
import type { Answer, RawFields, RawRequest } from './client.js'
import { partsOf } from './delivery/multipart.js'
import { conditionalFields, type Facts } from './random/requests.js'
import { repeated, seed } from './repeat.js'
import { adapters } from './servers.js'
import { serve } from './support.js'
import {
  type Backend,
  backends,
  type Content,
  folders,
  openWorld,
  realS3,
  type ServedFile,
  secondIsOver,
  type World,
} from './world.js'

const text = (name: string, attributes: Partial<Content> = {}): Content => {
  return { name, bytes: Buffer.from('0123456789'), contentType: 'text/plain', ...attributes }
}

const contents: readonly Content[] = [
  text('digits.txt'),
  text('empty.txt', { bytes: Buffer.alloc(0) }),
  text('large.png', { bytes: pattern(0, 200_000), contentType: 'image/png' }),
  text('page.html', { contentType: 'text/html' }),
  text('müll (1) "x" 100%.txt', { contentLanguage: 'de', metadata: { a: 'b' } }),
  text('kept.bin', { contentType: 'application/octet-stream', contentDisposition: 'attachment; filename="n.bin"' }),
  text('packed.txt', { contentEncoding: 'gzip', cacheControl: 'public, max-age=1' }),
]
const MISSING = 'missing.txt'

const request = fc.record({
  name: fc.constantFrom(...contents.map(({ name }) => name), 'digits.txt', MISSING),
  route: fc.constantFrom('content', 'content', 'content', 'download', 'view'),
  method: fc.constantFrom('GET', 'GET', 'GET', 'GET', 'HEAD', 'POST', 'OPTIONS'),
  tail: fc.constantFrom('', '', '', '', '?x=1', '/', '%2f', '/../x'),
  fields: fc.oneof(
    { weight: 9, arbitrary: conditionalFields },
    fc.constant((): RawFields => ({ 'accept-encoding': 'gzip' })),
  ),
})

/** Fields of which only the form is the same, and those of the connection. */
const FORMS: Readonly<Record<string, RegExp>> = {
  etag: /^(W\/)?"[\x21\x23-\x7e]+"$/,
  'last-modified': /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/,
  date: /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/,
  'x-request-id': /./,
}

/** An answer as it must be from everywhere; a boundary is drawn anew each time. */
function comparable(answer: Answer) {
  const { status, body, headers } = answer
  const several = headers['content-type']?.startsWith('multipart/byteranges') && body.byteLength > 0
  const told = Object.entries(headers).map(([name, value]) => {
    const form = FORMS[name]
    if (form) return [name, form.test(value) ? `of the form ${form}` : value] as const
    return [name, value.replace(/^(multipart\/byteranges; boundary=).*/, '$1')] as const
  })
  const content = several
    ? partsOf(answer).map((part) => ({ ...part, body: part.body.toString('latin1') }))
    : body.toString('latin1')
  // Views tell the path.
  const bytes = typeof content === 'string' ? content.replaceAll(folders.s3, folders.local) : content
  const length = headers['content-length'] === undefined ? undefined : Number(headers['content-length'])
  const extra = body.includes(folders.s3) || isViewOf(answer) ? 'any' : length
  return { status, headers: { ...Object.fromEntries(told), 'content-length': extra }, bytes }
}

function isViewOf({ headers }: Answer): boolean {
  return headers['content-type'] === 'application/json; charset=utf-8'
}

describe.skipIf(!realS3)('the same request is answered alike from S3 and from a disk', () => {
  let world: World
  const files = new Map<string, ServedFile & Facts>()

  beforeAll(async () => {
    world = await openWorld()
    for (const backend of backends) {
      for (const content of contents) {
        const file = await world.put(backend, content)
        files.set(`${backend} ${content.name}`, { ...file, size: content.bytes.byteLength })
      }
    }
    for (const file of files.values()) await secondIsOver(file)
  })

  afterAll(() => world?.close())

  function requestOf(backend: Backend, asked: typeof request extends fc.Arbitrary<infer T> ? T : never): RawRequest {
    const { name, route, method, tail, fields } = asked
    const file = files.get(`${backend} ${name === MISSING ? 'digits.txt' : name}`) as ServedFile & Facts
    const target = `${blobHref(`/${route}`, `${folders[backend]}${name}`)}${tail}`
    return { method, target, headers: fields(file), body: method === 'POST' ? 'x' : undefined }
  }

  test.each(adapters)(
    'by %s',
    async (adapter) => {
      const { ask } = await serve(adapter, world.store)
      const property = fc.asyncProperty(request, async (asked) => {
        const [fromS3, fromDisk] = [requestOf('s3', asked), requestOf('local', asked)]
        const answers = [comparable(await ask(fromS3)), comparable(await ask(fromDisk))]
        expect(answers[0], `HTTP_SEED=${seed} ${JSON.stringify(fromS3)}`).toEqual(answers[1])
      })
      await fc.assert(property, { numRuns: Math.ceil(300 * repeated.times), ...repeated.replay })
    },
    repeated.timeout,
  )
})
