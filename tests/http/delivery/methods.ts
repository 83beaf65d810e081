import { expect } from 'vitest'
import type { Case } from './case.js'

const ALLOW = { content: 'GET, HEAD, DELETE', download: 'GET, HEAD', view: 'GET, HEAD' } as const
/** Behind a cors middleware OPTIONS is its own to answer. */
const ownOptions = ['plain', 'prefix', 'proxy'] as const
const routes = ['content', 'download', 'view'] as const

const refused = routes.flatMap((route) =>
  ['POST', 'PUT', 'PATCH'].map(
    (method): Case => ({
      name: `${method} of /${route}: 405 with Allow (15.5.6, 10.2.1)`,
      route,
      method,
      requestBody: 'x',
      send: { 'content-type': 'application/octet-stream' },
      status: 405,
      fields: { allow: ALLOW[route] },
    }),
  ),
)

const bodies = ['application/json', 'text/plain', 'multipart/form-data; boundary=b', 'image/png'].map(
  (type): Case => ({
    name: `POST of ${type}: 405, whatever the body (15.5.6)`,
    method: 'POST',
    requestBody: '{"broken',
    send: { 'content-type': type },
    status: 405,
  }),
)

/** Fastify refuses these before it asks for a route's parser. */
const noTypes = ['no type', ''].map(
  (type): Case => ({
    name: `POST of ${JSON.stringify(type)}, which is no type: refused`,
    method: 'POST',
    requestBody: 'x',
    send: { 'content-type': type },
    status: [405, 415],
    theirs: true,
  }),
)

const options = routes.map(
  (route): Case => ({
    name: `OPTIONS of /${route}: 204 with Allow (9.3.7)`,
    route,
    method: 'OPTIONS',
    status: 204,
    fields: { allow: ALLOW[route] },
    mounts: ownOptions,
  }),
)

const heads = (['digits.txt', 'empty.txt', 'large.png', 'page.html', 'packed.txt', 'named.txt'] as const).map(
  (file): Case => ({ name: `HEAD of ${file}: the fields of GET, no body (9.3.2)`, file, method: 'HEAD', status: 200 }),
)

export const methods: readonly Case[] = [
  ...refused,
  ...bodies,
  ...noTypes,
  ...options,
  ...heads,
  { name: 'GET of an empty file: 200 (9.3.1)', file: 'empty.txt', status: 200, fields: { 'content-length': '0' } },
  {
    name: 'GET of a large file: all of it (8.6)',
    file: 'large.png',
    status: 200,
    fields: { 'content-length': '300000' },
  },
  { name: 'GET with a body, which means nothing: 200 (9.3.1)', requestBody: 'body', status: 200 },
  {
    name: 'GET with a body of a type that no parser takes: 200 (9.3.1)',
    requestBody: 'body',
    send: { 'content-type': 'application/x-unheard-of' },
    status: 200,
  },
  { name: 'HEAD of a missing file: 404 without a body', file: 'missing.txt', method: 'HEAD', status: 404 },
  {
    name: 'HEAD of a view: 200 without a body',
    route: 'view',
    method: 'HEAD',
    status: 200,
    check: ({ body }) => expect(body).toHaveLength(0),
  },
  { name: 'POST with a Range: 405, not 206 (14.2)', method: 'POST', send: { range: 'bytes=0-1' }, status: 405 },
  { name: 'POST with a condition: 405, not 412 (13.2.1)', method: 'POST', send: { 'if-match': '"zz"' }, status: 405 },
  {
    name: 'POST with If-None-Match: *: 405, not 412 (13.2.1)',
    method: 'POST',
    send: { 'if-none-match': '*' },
    status: 405,
  },
  {
    name: 'OPTIONS with a condition: 204, not 412 (13.2.1)',
    method: 'OPTIONS',
    send: { 'if-match': '"zz"' },
    status: 204,
    mounts: ownOptions,
  },
  {
    name: 'OPTIONS with If-None-Match: 204, not 304 (13.2.1)',
    method: 'OPTIONS',
    send: ({ etag }) => ({ 'if-none-match': etag }),
    status: 204,
    mounts: ownOptions,
  },
  { name: 'OPTIONS of a missing file: 204', file: 'missing.txt', method: 'OPTIONS', status: 204, mounts: ownOptions },
  {
    name: 'DELETE of /download: 405',
    route: 'download',
    method: 'DELETE',
    status: 405,
    fields: { allow: 'GET, HEAD' },
  },
  { name: 'DELETE of /view: 405', route: 'view', method: 'DELETE', status: 405, fields: { allow: 'GET, HEAD' } },
  { name: 'TRACE: refused (9.3.8)', method: 'TRACE', status: [400, 404, 405, 501], theirs: true },
  { name: 'PROPFIND: refused', method: 'PROPFIND', status: [400, 404, 405, 501], theirs: true },
  { name: 'Expect: 100-continue with GET: 200 (10.1.1)', send: { expect: '100-continue' }, status: 200 },
]
