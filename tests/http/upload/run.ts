import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { BlobRoutesOptions, FileInput } from '../../../src/http/index.js'
import { diskLeaks } from '../../conformance/leaks.js'
import { Client } from '../client.js'
import { settled } from '../robustness/until.js'
import { type AdapterName, type DeliveryServer, type Mount, startDelivery } from '../servers.js'
import { type Backend, backends, folders, openWorld, realS3, type World } from '../world.js'
import { BOUNDARY, type Case, limits, type TakenFile } from './case.js'
import { grammar } from './grammar.js'
import { names } from './names.js'
import { sizes } from './sizes.js'
import { types } from './types.js'

const cases: readonly Case[] = [...grammar, ...sizes, ...names, ...types]
const mounts: readonly Mount[] = ['plain', 'middleware']

/** Which folder a file goes to is said by the request, so that each case has one of its own. */
const folderOf = ({ request }: Pick<FileInput, 'request'>) => String(request.headers['x-folder'])

const options: Partial<BlobRoutesOptions> = {
  key: (input) => `${folderOf(input)}${input.file.uniqueName}`,
  limits,
  extensions: { deny: ['php'] },
  scan: async ({ stream }) => {
    let text = ''
    for await (const chunk of stream) text += chunk
    return !text.includes('virus')
  },
  onUploaded: ({ blobs, fields }) => ({
    blobs: blobs.map(({ path, field, name, contentType }) => ({ path, field, name, contentType })),
    fields: Object.entries(fields),
  }),
}

/** Every case over real S3 and a real disk, on this adapter; afterwards nothing is there but the files of the answer. */
export function describeUploads(adapter: AdapterName): void {
  describe(`${adapter} takes in`, () => {
    let world: World
    const served: { readonly server: DeliveryServer; readonly client: Client }[] = []

    beforeAll(async () => {
      world = await openWorld()
      for (const mount of mounts) {
        const server = await startDelivery(adapter, world.store, { ...(options as object), mount })
        served.push({ server, client: new Client(server.port) })
      }
    })
    afterEach(async () => {
      await settled(() => diskLeaks(world.root, ''))
      await world.bucket.assertNoOpenUploads()
    })
    afterAll(async () => {
      for (const { server, client } of served) {
        client.close()
        await server.stop()
      }
      await world?.close()
    })

    async function perform(one: Case, backend: Backend, index: number): Promise<void> {
      const { server, client } = served[index] as (typeof served)[number]
      const folder = `${folders[backend]}case-${cases.indexOf(one)}-${index}/`
      const { contentType = `multipart/form-data; boundary=${BOUNDARY}` } = one
      const type = contentType === null ? {} : { 'content-type': contentType }
      const headers = { ...type, 'x-folder': folder, ...one.headers }
      const answer = await client.ask({ method: 'POST', target: `${server.base}/upload`, headers, body: one.body })
      expect(answer.status).toBe(one.status)
      const keys: string[] = []
      for await (const entry of world.store.list({ prefix: folder })) if (entry.type === 'blob') keys.push(entry.key)
      const text = answer.body.toString()
      if (one.status !== 201) {
        expect(keys).toEqual([])
        expect(answer.headers['content-type']).toBe('application/problem+json')
        expect(text).not.toMatch(/\/tmp\/|case-|node_modules|\n\s+at /)
        return
      }
      const { blobs, fields } = JSON.parse(text) as Taken
      expect(new Map(fields)).toEqual(new Map(Object.entries(one.fields ?? {})))
      const files: TakenFile[] = []
      for (const { path, ...facts } of blobs) {
        const reader = await world.store.get(path)
        expect(reader.info.contentType).toBe(facts.contentType)
        expect(reader.info.driver).toBe(backend)
        files.push({ ...facts, content: Buffer.from(await reader.bytes()).toString() })
      }
      expect(files).toMatchObject(one.files ?? [])
      expect(keys).toHaveLength(one.files?.length ?? 0)
    }

    describe.each(backends)('to %s:', (backend) => {
      for (const one of cases) {
        test.skipIf(backend === 's3' && !realS3)(one.name, async () => {
          for (const index of mounts.keys()) await perform(one, backend, index)
        })
      }
    })
  })
}

interface Taken {
  readonly blobs: readonly (Omit<TakenFile, 'content'> & { readonly path: string })[]
  readonly fields: readonly (readonly [string, string])[]
}
