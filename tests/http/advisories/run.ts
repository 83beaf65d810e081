import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { diskLeaks } from '../../conformance/leaks.js'
import { filePart, form } from '../form.js'
import type { ListeningServer } from '../listen.js'
import { settled } from '../robustness/until.js'
import { keysOf } from '../upload/support.js'
import { backends, folders, openWorld, realS3, type World } from '../world.js'
import { type Advisory, Target } from './attack.js'
import { type Service, services, startService } from './services.js'

/**
 * Every attack on every service, with files for S3 and for the disk. After each one the process lives and serves, and nothing
 * is left of it: no blob, no staging file, no open file, no multipart upload, no connection, no error that nobody caught.
 */
export function describeAdvisories(software: string, advisories: readonly Advisory[]): void {
  describe(`advisories of ${software}`, () => {
    let world: World
    let current: Target | undefined
    const listening = new Map<Service, ListeningServer>()
    const uncaught: unknown[] = []
    const onUncaught = (error: unknown) => uncaught.push(error)

    beforeAll(async () => {
      process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught)
      world = await openWorld()
      const think = async () => current?.think()
      for (const service of services) listening.set(service, await startService(service, world, think))
    })
    afterAll(async () => {
      process.off('uncaughtException', onUncaught).off('unhandledRejection', onUncaught)
      for (const { stop } of listening.values()) await stop()
      await world?.close()
    })

    async function nothingIsLeft(): Promise<void> {
      await settled(() => keysOf(world.store))
      await settled(() => diskLeaks(world.root, ''))
      await world.bucket.assertNoOpenUploads()
      expect(uncaught).toEqual([])
    }

    describe.each(services)('%s', (service) => {
      describe.each(backends)('to %s', (backend) => {
        test
          .skipIf(backend === 's3' && !realS3)
          .each(advisories.map((one) => [one.id, one.wrong, one.attack] as const))(
          '%s: %s',
          async (_id, _wrong, attack) => {
            const target = new Target(service, listening.get(service) as ListeningServer, world, folders[backend])
            current = target
            await attack(target)
            await target.leave()
            await nothingIsLeft()
            const { files } = await target.taken(form(filePart('file', 'next.txt', 'the next one')))
            expect(files).toMatchObject([{ name: 'next.txt', content: 'the next one' }])
            await target.leave()
          },
        )
      })
    })
  })
}
