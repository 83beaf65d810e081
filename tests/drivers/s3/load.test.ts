import { PutBucketPolicyCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { createBucket, createCephUser, type TestBucket } from '../../servers/bucket.js'
import { collect, driverFor, failure, mebibytes } from './setup.js'

const settings = inject('s3')
let bucket: TestBucket

beforeAll(async () => {
  bucket = await createBucket(settings, 'load')
})
afterAll(() => bucket.remove())

test('a thousand calls at once through one client', async () => {
  const driver = driverFor(settings, bucket)
  const keys = Array.from({ length: 250 }, (_, i) => `many/${i}`)
  await Promise.all(keys.map((key) => driver.put(key, key)))
  const calls = keys.flatMap((key) => [
    driver.put(`${key}/new`, key).then(({ size }) => size === key.length),
    driver.get(key).then(async (reader) => (await reader.text()) === key),
    driver.head(key).then(({ size }) => size === key.length),
    driver.delete(`missing/${key}`).then(() => true),
  ])
  expect(calls).toHaveLength(1000)
  expect((await Promise.all(calls)).every(Boolean)).toBe(true)
  await driver.deleteMany((await collect(driver.list())).map((entry) => ('key' in entry ? entry.key : '')))
  await driver.close()
  expect(await bucket.keys()).toEqual([])
})

describe.runIf(settings.kind === 'ceph')('a user with exactly the six rights', () => {
  const rights = ['GetObject', 'PutObject', 'DeleteObject', 'PutObjectAcl', 'GetObjectAcl', 'ListBucket']

  async function asUser(uid: string, allowed: readonly string[]) {
    const user = await createCephUser(settings, uid)
    const Statement = {
      Effect: 'Allow',
      Principal: { AWS: [`arn:aws:iam:::user/${uid}`] },
      Action: allowed.map((right) => `s3:${right}`),
      Resource: [`arn:aws:s3:::${bucket.name}`, `arn:aws:s3:::${bucket.name}/*`],
    }
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [Statement] })
    await bucket.client.send(new PutBucketPolicyCommand({ Bucket: bucket.name, Policy }))
    return driverFor(user, bucket)
  }

  test('does the main job', async () => {
    const driver = await asUser('six', rights)
    await driver.put('doc', 'hello', { metadata: { a: 'b' } })
    await driver.put('big', mebibytes(12))
    expect(await (await driver.get('doc')).text()).toBe('hello')
    expect((await driver.head('big')).size).toBe(12 * 1024 ** 2)
    expect(await failure(driver.head('missing'))).toMatchObject({ code: 'NOT_FOUND' })
    expect(await collect(driver.list())).toHaveLength(2)
    await driver.setVisibility('doc', 'public')
    expect(await driver.getVisibility('doc')).toBe('public')
    expect((await fetch(await driver.signUrl('doc'))).status).toBe(200)
    await driver.copy('doc', 'doc2')
    await driver.delete('doc')
    expect(await driver.deleteMany(['doc2', 'big'])).toEqual([{ key: 'doc2' }, { key: 'big' }])
    await driver.close()
  })

  test('less one right is refused: ACCESS_DENIED, and a missing key is not called missing', async () => {
    const driver = await asUser('reader', ['GetObject'])
    const denied = { code: 'ACCESS_DENIED' }
    expect(await failure(driver.put('doc', 'x'))).toMatchObject({ ...denied, outcome: 'unchanged' })
    const missing = await failure(driver.get('missing'))
    expect(missing).toMatchObject(denied)
    expect(missing.hint).toContain('ListBucket')
    expect(await failure(driver.head('missing'))).toMatchObject(denied)
    expect(await failure(collect(driver.list()))).toMatchObject(denied)
    await driver.close()
  })
})
