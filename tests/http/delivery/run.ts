import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blobHref } from '../../../src/http/index.js'
import { type Answer, Client } from '../client.js'
import { type AdapterName, type DeliveryServer, type Mount, mounts, startDelivery } from '../servers.js'
import {
  type Backend,
  backends,
  folders,
  openWorld,
  realS3,
  type ServedFile,
  secondIsOver,
  type World,
} from '../world.js'
import { type Case, requestOf } from './case.js'
import { conditions } from './conditions.js'
import { contents, type FileName } from './contents.js'
import { errors } from './errors.js'
import { checkAgainstWhole, checkFrame } from './frame.js'
import { ifRange } from './if-range.js'
import { methods } from './methods.js'
import { preconditions } from './preconditions.js'
import { ranges } from './ranges.js'
import { safety } from './safety.js'
import { severalRanges } from './several-ranges.js'

export const cases: readonly Case[] = [
  ...conditions,
  ...preconditions,
  ...ranges,
  ...severalRanges,
  ...ifRange,
  ...methods,
  ...safety,
  ...errors,
]

/** Every case over real S3 and a real disk, on this adapter in all its mounts: one server for all cases of a mount. */
export function describeDelivery(adapter: AdapterName): void {
  describe(`${adapter} delivers`, () => {
    let world: World
    const files = new Map<string, ServedFile>()
    const served: { readonly mount: Mount; readonly server: DeliveryServer; readonly client: Client }[] = []
    const wholes = new Map<string, Answer>()

    beforeAll(async () => {
      world = await openWorld()
      for (const backend of realS3 ? backends : (['local'] as const)) {
        for (const content of contents) files.set(`${backend} ${content.name}`, await world.put(backend, content))
      }
      for (const file of files.values()) await secondIsOver(file)
      for (const mount of mounts) {
        const server = await startDelivery(adapter, world.store, { mount })
        served.push({ mount, server, client: new Client(server.port) })
      }
    })

    afterAll(async () => {
      for (const { server, client } of served) {
        client.close()
        await server.stop()
      }
      await world?.close()
    })

    function fileOf(backend: Backend, name: FileName | 'missing.txt'): ServedFile {
      const file = files.get(`${backend} ${name === 'missing.txt' ? 'digits.txt' : name}`) as ServedFile
      const key = `${folders[backend]}missing.txt`
      return name === 'missing.txt' ? { ...file, key, path: key } : file
    }

    /** The 200 of a file, asked for once. */
    async function wholeOf(client: Client, base: string, route: string, file: ServedFile): Promise<Answer> {
      const target = blobHref(`${base}/${route}`, file.path)
      const name = `${base} ${served.findIndex((one) => one.client === client)} ${target}`
      const known = wholes.get(name) ?? (await client.ask({ target }))
      wholes.set(name, known)
      return known
    }

    async function perform(one: Case, backend: Backend, client: Client, base: string): Promise<void> {
      const { method = 'GET', route = 'content', status } = one
      const file = fileOf(backend, one.file ?? 'digits.txt')
      const answer = await client.ask(requestOf(one, file, (path, to) => blobHref(`${base}${path}`, to)))
      expect(Array.isArray(status) ? status : [status]).toContain(answer.status)
      if (one.theirs) return
      checkFrame(answer, { method, file, view: route === 'view' })
      const wanted = typeof one.fields === 'function' ? one.fields(file) : (one.fields ?? {})
      for (const [name, value] of Object.entries(wanted)) checkField(answer, name, value)
      const body = one.body ?? (answer.status === 200 && route !== 'view' && method === 'GET' ? file.bytes : undefined)
      if (body !== undefined) expect(answer.body.equals(Buffer.from(body)), 'the body').toBe(true)
      one.check?.(answer, file)
      if (answer.status >= 400 || answer.status === 204) return
      checkAgainstWhole(answer, await wholeOf(client, base, route, file), method)
    }

    async function onEveryMount(one: Case, backend: Backend): Promise<void> {
      const asked = served.filter(({ mount }) => one.mounts?.includes(mount) ?? true)
      const results = await Promise.allSettled(
        asked.map(({ client, server }) => perform(one, backend, client, server.base)),
      )
      for (const [i, result] of results.entries()) {
        if (result.status === 'fulfilled') continue
        throw new Error(`${asked[i]?.mount}: ${result.reason}`, { cause: result.reason })
      }
    }

    describe.each(backends)('from %s:', (backend) => {
      for (const one of cases) test.skipIf(backend === 's3' && !realS3)(one.name, () => onEveryMount(one, backend))
    })
  })
}

function checkField({ headers }: Answer, name: string, value: string | RegExp | undefined): void {
  if (value === undefined) expect(headers).not.toHaveProperty(name)
  else if (typeof value === 'string') expect(headers[name], name).toBe(value)
  else expect(headers[name], name).toMatch(value)
}
