import { expect, test } from 'vitest'
import { s3BehindProxy } from '../store/s3-support.js'

test('the driver knows what S3 has said of the time, of answers that nothing is there too', async () => {
  const { s3, proxy } = await s3BehindProxy()
  expect(s3.storageTime).toBeUndefined()
  await expect(s3.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const first = s3.storageTime
  // The server runs on this machine, and tells whole seconds.
  expect(Math.abs(Date.now() - (first?.getTime() ?? 0))).toBeLessThan(5_000)
  await proxy.stop()
  await expect(s3.head('a')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(s3.storageTime).toEqual(first)
})
