import { execFileSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { S3Driver, type S3DriverOptions } from '../../../../src/drivers/s3/index.js'
import { collect, failure } from '../setup.js'
import { type FakeS3, type SeenRequest, startFakeS3 } from './fake-s3.js'

const MiB = 1024 ** 2
const credentials = { accessKeyId: 'AK', secretAccessKey: 'secret' }
const cleanups: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

type Answer = (response: ServerResponse, request: SeenRequest, count: number) => void

async function setUp(answer: Answer, options: Partial<S3DriverOptions> = {}): Promise<[S3Driver, FakeS3]> {
  const fake = await startFakeS3((request, response, count) => answer(response, request, count))
  cleanups.push(fake.stop)
  return [make({ endpoint: fake.endpoint, ...options }), fake]
}

function make(options: Partial<S3DriverOptions>): S3Driver {
  const driver = new S3Driver({ bucket: 'b', region: 'us-east-1', credentials, transport: 'direct', ...options })
  cleanups.push(() => driver.close())
  return driver
}

function error(response: ServerResponse, status: number, code: string, more = ''): void {
  response.writeHead(status, { 'content-type': 'application/xml' })
  response.end(`<Error><Code>${code}</Code><Message>no</Message>${more}</Error>`)
}

function deferred(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

const ok = (response: ServerResponse) => response.writeHead(200, { etag: '"e"' }).end('body')

describe('attempts', () => {
  test.each([500, 502, 503, 504, 429])('%i is asked again, three times at most', async (status) => {
    const [driver, { requests }] = await setUp((response) => error(response, status, 'Nothing'))
    expect(await failure(driver.get('key'))).toMatchObject({ code: status === 504 ? 'TIMEOUT' : 'UNAVAILABLE' })
    expect(requests).toHaveLength(3)
  })

  test.each([400, 403, 404, 412, 501])('%i is not asked again', async (status) => {
    const [driver, { requests }] = await setUp((response) => error(response, status, 'Nothing'))
    await failure(driver.put('key', 'x'))
    expect(requests).toHaveLength(1)
  })

  test('a later attempt that succeeds is all that the caller sees, with the same body', async () => {
    const [driver, { requests }] = await setUp((response, _, count) => {
      if (count < 3) error(response, 503, 'SlowDown')
      else ok(response)
    })
    await driver.put('key', 'x'.repeat(100_000))
    expect(new Set(requests.map(({ body }) => body.toString('latin1'))).size).toBe(1)
    expect(requests).toHaveLength(3)
  })

  test('retries stop once too many have failed, so that an outage is not made worse', async () => {
    const [driver, { requests }] = await setUp((response) => error(response, 500, 'InternalError'))
    for (let call = 0; call < 60; call++) await failure(driver.head('key'))
    // Tokens for 100 retries; each HEAD asks why by a GET where the status is vague, and 500 is not.
    expect(requests).toHaveLength(60 + 100)
  }, 60_000)
})

describe('clock and credentials', () => {
  test('a clock that is off is corrected by what S3 says, once and for all', async () => {
    const [driver, { requests }] = await setUp((response, { headers }) => {
      const now = new Date(Date.now() + 3 * 3600_000)
      response.setHeader('date', now.toUTCString())
      const signed = headers['x-amz-date']?.replace(/(....)(..)(..)T(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6Z') ?? ''
      if (Math.abs(Date.parse(signed) - now.getTime()) > 15 * 60_000) error(response, 403, 'RequestTimeTooSkewed')
      else ok(response)
    })
    await driver.put('key', 'x')
    expect(requests).toHaveLength(2)
    await driver.put('key', 'x')
    expect(requests).toHaveLength(3)
  })

  test('a clock that is still off is reported', async () => {
    const [driver, { requests }] = await setUp((response) => error(response, 403, 'RequestTimeTooSkewed'))
    expect(await failure(driver.put('key', 'x'))).toMatchObject({ code: 'UNAUTHENTICATED', hint: /clock/ })
    expect(requests).toHaveLength(1)
  })

  test('credentials that expire are asked for anew', async () => {
    const given: string[] = []
    const [driver, { requests }] = await setUp(
      (response, { headers }) => {
        if (headers['x-amz-security-token'] === 'token-1') error(response, 400, 'ExpiredToken')
        else ok(response)
      },
      {
        credentials: async () => {
          given.push(`token-${given.length + 1}`)
          const expiration = new Date(Date.now() + 3600_000)
          return { ...credentials, sessionToken: given.at(-1), expiration }
        },
      },
    )
    await driver.put('key', 'x')
    await driver.put('key', 'x')
    expect(requests.map(({ headers }) => headers['x-amz-security-token'])).toEqual(['token-1', 'token-2', 'token-2'])
    expect(requests[1]?.headers.authorization).toContain('x-amz-security-token')
  })

  test('credentials that stay expired are reported after one more attempt', async () => {
    const [driver, { requests }] = await setUp((response) => error(response, 400, 'ExpiredToken'))
    expect(await failure(driver.put('key', 'x'))).toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(requests).toHaveLength(2)
  })
})

describe('the body of an answer', () => {
  const blob = (response: ServerResponse, length: number, more: Record<string, string> = {}) => {
    response.writeHead(200, { etag: '"e"', 'content-length': String(length), ...more })
  }

  test('cut off: UNAVAILABLE, as bytes and as a stream', async () => {
    const [driver] = await setUp((response) => {
      blob(response, 1000)
      response.write('x'.repeat(100), () => response.destroy())
    })
    const message = /after 100 of 1000 bytes|connection .* broke/
    expect(await failure((await driver.get('key')).bytes())).toMatchObject({ code: 'UNAVAILABLE' })
    const { body } = await driver.get('key')
    await expect(body.toArray()).rejects.toMatchObject({ code: 'UNAVAILABLE', message })
    expect(body.destroyed).toBe(true)
  })

  test('silent: TIMEOUT, and only while somebody reads', async () => {
    const [driver] = await setUp(
      (response) => {
        blob(response, 1000)
        response.write('x'.repeat(100))
      },
      { timeouts: { idle: 100 } },
    )
    expect(await failure((await driver.get('key')).bytes())).toMatchObject({ code: 'TIMEOUT' })
  })

  test('not wanted any more: the connection is closed, and cancel settles when it is', async () => {
    const gone = deferred()
    const [driver] = await setUp((response) => {
      blob(response, 100 * MiB)
      response.once('close', gone.resolve)
      response.write(Buffer.alloc(MiB))
    })
    const reader = await driver.get('key')
    await reader.cancel()
    await gone.promise
  })

  test('aborted while nobody reads: the stream is destroyed', async () => {
    const [driver] = await setUp((response) => {
      blob(response, 100 * MiB)
      response.write(Buffer.alloc(MiB))
    })
    const stop = new AbortController()
    const { body } = await driver.get('key', { signal: stop.signal })
    const failed = new Promise((resolve) => body.once('error', resolve))
    stop.abort()
    expect(await failed).toMatchObject({ code: 'ABORTED' })
  })

  test('more than a reader takes waits in the connection, not in memory', async () => {
    let sent = 0
    const [driver] = await setUp((response) => {
      blob(response, 64 * MiB)
      const chunk = Buffer.alloc(64 * 1024)
      const write = () => {
        while (sent < 64 * MiB) {
          sent += chunk.byteLength
          if (!response.write(chunk)) break
        }
        if (sent < 64 * MiB) response.once('drain', write)
        else response.end()
      }
      write()
    })
    const reader = await driver.get('key')
    // Nobody reads: the server comes to a stop once the buffers of both kernels are full, at most 6 MiB each by default.
    for (let before = -1; before !== sent; ) {
      before = sent
      await delay(300)
    }
    expect(sent).toBeLessThan(16 * MiB)
    let received = 0
    for await (const chunk of reader.body) received += chunk.byteLength
    expect(received).toBe(64 * MiB)
  })

  describe('is compared with the checksum that S3 keeps', () => {
    const base64 = (value: number) => {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32BE(value)
      return bytes.toString('base64')
    }
    const checksums: [string, (body: string) => string][] = [
      ['x-amz-checksum-crc32', (body) => base64(crc32(body))],
      ['x-amz-checksum-sha1', (body) => hash('sha1', body, 'base64')],
      ['x-amz-checksum-sha256', (body) => hash('sha256', body, 'base64')],
    ]
    test.each(checksums)('%s', async (header, checksum) => {
      const [driver] = await setUp((response, { url }) => {
        blob(response, 4, { [header]: checksum(url.includes('good') ? 'body' : 'bady') })
        response.end('body')
      })
      expect(await (await driver.get('good')).text()).toBe('body')
      expect(await failure((await driver.get('bad')).bytes())).toMatchObject({ code: 'CORRUPT' })
    })

    test('one of parts says nothing of the whole', async () => {
      const [driver] = await setUp((response) => {
        blob(response, 4, { 'x-amz-checksum-crc32': 'AAAAAA==-2' })
        response.end('body')
      })
      expect(await (await driver.get('key')).text()).toBe('body')
    })
  })
})

describe('answers that are none', () => {
  test('a refusal that stops in the middle: TIMEOUT', async () => {
    const [driver, { requests }] = await setUp(
      (response) => {
        response.writeHead(404, { 'content-length': 1000 })
        response.write('<Error>')
      },
      { timeouts: { idle: 100 } },
    )
    expect(await failure(driver.get('key'))).toMatchObject({ code: 'TIMEOUT' })
    expect(requests).toHaveLength(3)
  })

  test('a page of HTML instead of a list', async () => {
    const [driver] = await setUp((response) => response.end('<html><p>Sign in</html>'))
    expect(await failure(collect(driver.list()))).toMatchObject({ code: 'INTERNAL', operation: 'list' })
  })

  test('a list without end is not taken into memory', async () => {
    const [driver, { requests }] = await setUp((response) => {
      const write = () => {
        while (response.write(Buffer.alloc(MiB, 'x')));
        response.once('drain', write)
      }
      write()
    })
    expect(await failure(collect(driver.list()))).toMatchObject({ operation: 'list' })
    expect(requests).toHaveLength(1)
  })

  test('a redirect is not followed', async () => {
    const [driver, { requests }] = await setUp((response) => {
      response.setHeader('location', 'http://169.254.169.254/latest')
      error(response, 301, 'PermanentRedirect', '<Region>eu-west-1</Region>')
    })
    expect(await failure(driver.put('key', 'x'))).toMatchObject({ code: 'CONFIGURATION', hint: /eu-west-1/ })
    expect(requests).toHaveLength(1)
  })
})

describe('connections', () => {
  test('are used again, after each verb', async () => {
    const ports = new Set<number | undefined>()
    const [driver] = await setUp((response, { method }) => {
      ports.add(response.socket?.remotePort)
      response.writeHead(200, { etag: '"e"', 'content-length': method === 'HEAD' ? 4 : 0 }).end()
    })
    for (let round = 0; round < 3; round++) {
      await driver.put('key', 'x')
      await driver.head('key')
      await driver.delete('key')
      await (await driver.get('key')).bytes()
    }
    // Two take turns: undici lets a connection rest for a turn of the event loop.
    expect(ports.size).toBeLessThan(3)
  })

  test('close ends an open read, and leaves nothing', async () => {
    const [driver] = await setUp((response) => {
      response.writeHead(200, { etag: '"e"', 'content-length': 100 })
      response.write('x')
    })
    const reader = await driver.get('key')
    const reading = failure(reader.bytes())
    await driver.close()
    expect(await reading).toMatchObject({ code: 'CONFIGURATION' })
  })

  test("the process's own fetch stays Node's", async () => {
    const [driver] = await setUp(ok)
    await driver.put('key', 'x')
    const { Agent } = await import('undici')
    expect(Reflect.get(globalThis, Symbol.for('undici.globalDispatcher.1'))).not.toBeInstanceOf(Agent)
  })
})

describe('over TLS', () => {
  let folder: string
  let tls: { key: string; cert: string }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hybrid-store-tls-'))
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'].concat(
        ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'],
        ['-keyout', keyFile, '-out', certFile],
      ),
      { stdio: 'ignore' },
    )
    tls = { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') }
  })
  afterAll(() => rm(folder, { recursive: true }))

  test('a certificate that nobody trusts: CONFIGURATION, and nothing was sent', async () => {
    const fake = await startFakeS3((_, response) => ok(response), tls)
    cleanups.push(fake.stop)
    expect(await failure(make({ endpoint: fake.endpoint }).put('key', 'x'))).toMatchObject({
      code: 'CONFIGURATION',
      outcome: 'unchanged',
      hint: /NODE_EXTRA_CA_CERTS/,
    })
    expect(fake.requests).toEqual([])
  })
})
