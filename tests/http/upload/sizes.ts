import { createHash } from 'node:crypto'
import { type Case, fieldPart, file, form, limits, part } from './case.js'

const content = (size: number) => 'x'.repeat(size)
const digest = (algorithm: string, body: Buffer) => createHash(algorithm).update(body).digest('base64')
const body = form(file('a.txt'))
const stored = [{ name: 'a.txt', content: 'content' }]

/** Limits and checksums. */
export const sizes: readonly Case[] = [
  {
    name: 'a file as large as the limit is taken (114)',
    body: form(file('a.txt', content(limits.fileSize))),
    status: 201,
    files: [{ content: content(limits.fileSize) }],
  },
  { name: 'one byte more is a 413 (114)', body: form(file('a.txt', content(limits.fileSize + 1))), status: 413 },
  {
    name: 'a second file that is too large takes the first one along (115)',
    body: form(file('a.txt'), file('b.txt', content(limits.fileSize + 1))),
    status: 413,
  },
  {
    name: 'as many files as the limit are taken (116)',
    body: form(file('a.txt'), file('b.txt'), file('c.txt')),
    status: 201,
    files: [{ name: 'a.txt' }, { name: 'b.txt' }, { name: 'c.txt' }],
  },
  {
    name: 'one file more is a 413, and none is left (116)',
    body: form(file('a.txt'), file('b.txt'), file('c.txt'), file('d.txt')),
    status: 413,
  },
  {
    name: 'too many fields are a 413 (116)',
    body: form(file('a.txt'), ...Array.from({ length: 6 }, (_, i) => fieldPart(`f${i}`, 'x'))),
    status: 413,
  },
  {
    name: 'too many parts are a 413, inputs without a file among them (116)',
    body: form(file('a.txt'), ...Array.from({ length: 7 }, () => file('', ''))),
    status: 413,
  },
  {
    name: 'too many bytes altogether are a 413 (116)',
    body: Buffer.concat([body, Buffer.alloc(limits.totalSize)]),
    status: 413,
  },
  {
    name: 'a field as large as the limit is taken (117)',
    body: form(fieldPart('f', content(limits.fieldSize))),
    status: 201,
    fields: { f: content(limits.fieldSize) },
  },
  {
    name: 'a field that is larger is a 413, and not cut (117)',
    body: form(file('a.txt'), fieldPart('f', content(limits.fieldSize + 1))),
    status: 413,
  },
  {
    name: 'too many bytes of header are a 400 (129)',
    body: form(part('name="file"; filename="a.txt"', 'content', `X: ${content(limits.headerSize)}\r\n`)),
    status: 400,
  },
  {
    name: 'a header that does not end is a 400, however long (129)',
    body: `--XX\r\nContent-Disposition: form-data; name="${content(5000)}`,
    status: 400,
  },
  {
    name: 'too many header fields are a 400 (129)',
    body: form(
      part(
        'name="file"; filename="a.txt"',
        'content',
        Array.from({ length: limits.headerFields }, (_, i) => `x${i}:y\r\n`).join(''),
      ),
    ),
    status: 400,
  },
  {
    name: 'a Content-Digest that fits is taken (138; RFC 9530 2)',
    body,
    headers: { 'content-digest': `sha-256=:${digest('sha256', body)}:, unixsum=:AAAA:` },
    status: 201,
    files: stored,
  },
  {
    name: 'one that does not is a 422, and nothing is left (138)',
    body,
    headers: { 'content-digest': `sha-256=:${digest('sha256', Buffer.from('other'))}:` },
    status: 422,
  },
  {
    name: 'a Repr-Digest that does not fit is a 422 (138; RFC 9530 3)',
    body,
    headers: { 'repr-digest': `sha-512=:${digest('sha512', Buffer.from('other'))}:` },
    status: 422,
  },
  {
    name: 'a Content-MD5 that fits is taken (138)',
    body,
    headers: { 'content-md5': digest('md5', body) },
    status: 201,
    files: stored,
  },
  {
    name: 'one that does not is a 422 (138)',
    body,
    headers: { 'content-md5': digest('md5', Buffer.from('other')) },
    status: 422,
  },
  {
    name: 'a digest that cannot be read is a 400',
    body,
    headers: { 'content-digest': 'sha-256=abc' },
    status: 400,
  },
]
