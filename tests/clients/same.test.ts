import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StoredBlob } from '../../src/index.js'
import { adapters, type DeliveryServer } from '../http/servers.js'
import { pattern } from '../store/pattern.js'
import { type Exchange, type Gateway, startGateway } from './gateway.js'
import { needs, type Program } from './programs.js'
import { filesIn, type Ran, run, scratch } from './run.js'
import { contentUrl, downloadUrl, type Home, homes, openStage, type Stage } from './stage.js'

const MiB = 1024 * 1024
const bytes = pattern(0, 2 * MiB)
const half = bytes.subarray(0, MiB)

interface Command {
  readonly program: Program
  readonly args: (urls: { readonly content: string; readonly download: string }) => readonly string[]
  /** A file that is there already. */
  readonly before?: Uint8Array
}

const curl = (...args: readonly string[]) => ['-sS', '--max-time', '20', ...args]
const wget = (...args: readonly string[]) => ['-q', '--tries=2', '--timeout=20', ...args]

const commands: Readonly<Record<string, Command>> = {
  'curl -O': { program: 'curl', args: ({ content }) => curl('-o', 'file', content) },
  'curl -I': { program: 'curl', args: ({ content }) => curl('-I', '-o', '/dev/null', content) },
  'curl -OJ': { program: 'curl', args: ({ download }) => curl('-OJ', download) },
  'curl -C -': { program: 'curl', args: ({ content }) => curl('-C', '-', '-o', 'file', content), before: half },
  'curl -C - of the whole': {
    program: 'curl',
    args: ({ content }) => curl('-C', '-', '-o', 'file', content),
    before: bytes,
  },
  'curl -r of two parts': { program: 'curl', args: ({ content }) => curl('-r', '5-9,1000000-1000009', content) },
  'curl -r of the last bytes': { program: 'curl', args: ({ content }) => curl('-r', '-7', '-o', 'file', content) },
  'curl -z of now': {
    program: 'curl',
    args: ({ content }) => curl('-z', 'Fri, 01 Jan 2100 00:00:00 GMT', '-o', 'file', content),
  },
  'curl -f of what is not there': { program: 'curl', args: ({ content }) => curl('-f', '-o', 'file', `${content}.no`) },
  'curl If-Match of another': {
    program: 'curl',
    args: ({ content }) => curl('-H', 'If-Match: "another"', '-o', 'file', content),
  },
  'wget -c': { program: 'wget', args: ({ content }) => wget('-c', '-O', 'file', content), before: half },
  'wget --content-disposition': { program: 'wget', args: ({ download }) => wget('--content-disposition', download) },
  aria2c: {
    program: 'aria2c',
    // With more connections it is the speed of each that decides who asks for what.
    args: ({ content }) => ['--no-conf', '-q', '--file-allocation=none', '-x1', '-s1', '-o', 'file', content],
  },
}

let stage: Stage
const blobs = {} as Record<Home, StoredBlob>

beforeAll(async () => {
  stage = await openStage()
  for (const home of homes)
    blobs[home] = await stage.put(home, '日本語 資料.pdf', bytes, { contentType: 'application/pdf' })
})
afterAll(() => stage?.close())

describe.each(adapters)('the %s adapter', (adapter) => {
  let server: DeliveryServer
  let gateway: Gateway
  beforeAll(async () => {
    server = await stage.serve(adapter)
    gateway = await startGateway(server.url)
  })
  afterAll(() => gateway?.stop())

  /** Runs a command on a blob: how it ended, which files there are, what was answered. */
  async function outcome({ program, args, before }: Command, home: Home) {
    gateway.exchanges.length = 0
    const cwd = await scratch()
    if (before) await writeFile(join(cwd, 'file'), before)
    const urls = { content: contentUrl(gateway.url, blobs[home]), download: downloadUrl(gateway.url, blobs[home]) }
    const { code, stdout } = await run(program, args(urls), { cwd })
    return { code, stdout: withoutBoundaries(stdout), files: await filesIn(cwd), answers: answersOf(gateway.exchanges) }
  }

  test.for(Object.entries(commands))(
    '%s does the same to a blob on S3 and to a local one',
    async ([, command], context) => {
      needs(command.program)(context)
      const there = await outcome(command, 's3')
      expect(await outcome(command, 'local')).toEqual(there)
      expect(there.answers.length).toBeGreaterThan(0)
    },
  )
})

/** Statuses and fields, without those that name a moment or a version. A tag or a date must be there for both or neither. */
function answersOf(exchanges: readonly Exchange[]) {
  return exchanges.map(({ method, status, answer }) => {
    const fields = Object.entries(answer).map(([name, value]) => {
      return [name, varying.has(name) ? '...' : withoutBoundaries(String(value))]
    })
    return { method, status, fields: Object.fromEntries(fields) }
  })
}

const varying = new Set(['date', 'etag', 'last-modified'])

function withoutBoundaries(text: Ran['stdout']): string {
  return text.replace(/^--\S+$/gm, '--boundary').replace(/boundary=\S+/g, 'boundary=...')
}
