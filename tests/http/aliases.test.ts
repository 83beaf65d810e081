import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { blobHref } from '../../src/http/index.js'
import { HybridStore, prefixPaths } from '../../src/index.js'
import { onEnd, tempRoot } from '../store/support.js'
import { guarded } from './aliases/guarded.js'
import { otherPaths, otherRoutes, waysOut } from './aliases/places.js'
import { addressOf, spellingsOf } from './aliases/spellings.js'
import type { Answer } from './client.js'
import { adapters } from './servers.js'
import { clientOf, serve } from './support.js'

const SECRET = 'this is the secret'
const secrets = ['project_7/secret/pl\u00e4n-1~a.txt', 'uploads/secret/plan_b.txt']
const folders = ['project_7/secret/', 'uploads/secret/']
const routes = ['content', 'download', 'view'] as const

async function secretStore() {
  const above = await tempRoot()
  const root = join(above, 'root')
  await mkdir(root)
  await writeFile(join(above, 'outside.txt'), SECRET)
  const store = new HybridStore<'s3' | 'local', string>({
    drivers: { s3: new MemoryDriver(), local: new FsDriver({ root, durability: 'none' }) },
    paths: prefixPaths({ s3: ['project_'], local: ['uploads/', 'storage/'] }, { roots: ['public/', '/var/www/app/'] }),
    policy: ({ key }) => (key.startsWith('uploads/') ? 'local' : 's3'),
    fallback: false,
    logger: false,
  })
  onEnd(() => store.close())
  for (const key of secrets) {
    await store.put(key, SECRET, { contentType: 'text/plain' })
    expect((await store.head(key)).path).toBe(key)
  }
  await store.put('uploads/open.txt', 'open')
  return store
}

/** All targets behind the mount that may be taken for the address of a secret, and ways to files that are no blobs. */
const targets = [
  ...secrets.flatMap((key) => {
    const href = addressOf(key)
    const paths = [...spellingsOf(key), ...otherPaths(href)]
    const queries = ['?', '?x', '?x=/../y', '#', '#x', '#/../../open.txt', '?#'].map((tail) => `${href}${tail}`)
    return [
      ...[...paths, ...queries].map((path) => `/content/${path}`),
      ...[...otherPaths(href), ...queries].flatMap((path) => [`/download/${path}`, `/view/${path}`]),
      ...otherRoutes(href),
      `/content/uploads/open.txt/../${href}`,
    ]
  }),
  ...waysOut('outside.txt', [1, 3, 8]).map((way) => `/content/${way}`),
  ...waysOut('root/uploads/secret/plan_b.txt', [1]).map((way) => `/content/${way}`),
]

/** Targets, with the status, that were answered with the secret, or otherwise than with a 4xx. */
async function servedOf(ask: (target: string) => Promise<Answer>): Promise<string[]> {
  const served: string[] = []
  for (const target of targets) {
    const { status, body } = await ask(target)
    const told = body.includes(SECRET) || body.includes(Buffer.from(SECRET).toString('base64'))
    if (told || status < 400 || status >= 500) served.push(`${status} ${target}`)
  }
  return served
}

describe.each(adapters)('no other spelling of an address gets around %s', (adapter) => {
  test(`a rule on the key: ${targets.length} targets`, async () => {
    const asked = new Set<string>()
    const { get } = await serve(adapter, await secretStore(), {
      authorize: ({ key }) => {
        asked.add(key)
        return !folders.some((folder) => key.startsWith(folder))
      },
    })
    expect(await servedOf(get)).toEqual([])
    // Only legal keys come to the rule, as the store would write them.
    for (const key of asked) expect(key).not.toMatch(/\\|\/\/|^\/|(^|\/)\.\.?(\/|$)/)
    expect(asked).toContain(secrets[0])
  })

  test('a guard on the raw address of each file, in front of routes that allow everything', async () => {
    const addresses = routes.flatMap((route) => secrets.map((key) => blobHref(`/${route}`, key)))
    const closed = (url: string) => addresses.some((address) => url.startsWith(address))
    const server = await guarded[adapter](await secretStore(), closed)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onEnd(() => server.close())
    const { get } = clientOf((server.address() as AddressInfo).port)
    expect((await get('/content/uploads/open.txt')).status).toBe(200)
    const served = await servedOf(get)
    // What another driver would hold under the same key has an address of its own, which finds a blob that moved. Only a
    // rule on the key covers both.
    expect(served.filter((line) => !/ \/\w+\/s3(:|%3A)uploads\/secret\/plan_b\.txt$/.test(line))).toEqual([])
  })
})

describe.each(adapters)('%s', (adapter) => {
  test('answers addresses that can name nothing with 4xx', async () => {
    const { get } = await serve(adapter, await secretStore())
    for (const target of [
      '/content/%zz',
      '/content/%',
      '/content/%E2%82',
      '/content/%00',
      '/content/a%0Ab',
      '/content/%FF%FE',
    ]) {
      expect((await get(target)).status, target).toBe(400)
    }
    expect((await get(`/content/${'x'.repeat(5000)}`)).status).toBe(404)
    expect((await get(`/content/${'x/'.repeat(2000)}x`)).status).toBe(404)
    for (const target of ['/', '/x', '/content', '/content/', '/list/x', '/view', '/download']) {
      expect((await get(target)).status, target).toBe(404)
    }
  })
})
