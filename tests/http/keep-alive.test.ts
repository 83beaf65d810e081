import { describe, expect, test } from 'vitest'
import { createTestStore } from '../../src/testing/index.js'
import { adapters, mounts } from './servers.js'
import { serve } from './support.js'

describe.each(adapters)('%s', (adapter) => {
  test.each(mounts)('answers on one connection, whatever came before (mounted: %s)', async (mount) => {
    const { store } = createTestStore()
    await store.put('project_7/x.txt', '0123456789')
    const { server, client, ask, get } = await serve(adapter, store, { mount })
    const target = `${server.base}/content/s3%3Aproject_7/x.txt`
    const befores = [
      { target, headers: { 'if-none-match': '*' }, status: 304 },
      { target, headers: { 'if-match': '"zz"' }, status: 412 },
      { target, headers: { range: 'bytes=99-' }, status: 416 },
      { target, headers: { range: 'bytes=0-1,3-4' }, status: 206 },
      { target, headers: { range: 'bytes=0-1' }, status: 206 },
      { target: `${target}.missing`, status: 404 },
      { target, method: 'HEAD', status: 200 },
      { target, method: 'HEAD', headers: { 'if-none-match': '*' }, status: 304 },
      { target, method: 'HEAD', headers: { 'if-match': '"zz"' }, status: 412 },
      { target: `${target}.missing`, method: 'HEAD', status: 404 },
      { target, method: 'GET', body: 'a body that means nothing', status: 200 },
      { target: `${target}.missing`, method: 'DELETE', status: 204 },
    ]
    for (const { status, ...request } of befores) {
      expect((await ask(request)).status).toBe(status)
      const next = await get(target)
      expect(next.status, JSON.stringify(request)).toBe(200)
      expect(next.body.toString()).toBe('0123456789')
    }
    expect(client.connections).toBe(1)
    // The rest of a body that nobody reads must not be taken for a request.
    const refused = await ask({ target, method: 'PUT', body: 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n' })
    expect(refused.status).toBe(405)
    expect((await get(target)).body.toString()).toBe('0123456789')
  })
})
