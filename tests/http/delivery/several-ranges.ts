import { expect } from 'vitest'
import type { Answer } from '../client.js'
import type { ServedFile } from '../world.js'
import type { Case } from './case.js'
import { partsOf, summaryOf } from './multipart.js'

const range = (value: string) => ({ range: value })

/** Several parts: each says where it lies, the answer itself does not (15.3.7.2). */
function parts(...wanted: readonly string[]): Pick<Case, 'status' | 'fields' | 'check'> {
  return {
    status: 206,
    fields: { 'content-type': /^multipart\/byteranges; boundary=/, 'content-range': undefined },
    check: (answer) => {
      expect(summaryOf(answer)).toEqual(wanted)
      for (const { headers } of partsOf(answer)) expect(headers['content-type']).toBe('text/plain; charset=utf-8')
    },
  }
}

/** One part, which must not be a multipart body (15.3.7.2). */
function one(at: string, body: string): Pick<Case, 'status' | 'fields' | 'body'> {
  return {
    status: 206,
    body,
    fields: { 'content-type': 'text/plain; charset=utf-8', 'content-range': `bytes ${at}/10` },
  }
}

const asked: readonly Case[] = [
  { name: '0-1,3-4', send: range('bytes=0-1,3-4'), ...parts('0-1/10 01', '3-4/10 34') },
  { name: 'with spaces and tabs', send: range('bytes=0-1 ,\t3-4'), ...parts('0-1/10 01', '3-4/10 34') },
  { name: '-2,0-1 in the order asked', send: range('bytes=-2,0-1'), ...parts('8-9/10 89', '0-1/10 01') },
  {
    name: '8-,4-5,0-0 in the order asked',
    send: range('bytes=8-,4-5,0-0'),
    ...parts('8-9/10 89', '4-5/10 45', '0-0/10 0'),
  },
  { name: '0-0,-1', send: range('bytes=0-0,-1'), ...parts('0-0/10 0', '9-9/10 9') },
  { name: '0-1,99- leaves out what lies behind the end', send: range('bytes=0-1,99-'), ...one('0-1', '01') },
  { name: '99-,0-1 leaves out the first', send: range('bytes=99-,0-1'), ...one('0-1', '01') },
  { name: '-0,0-1 leaves out the empty one', send: range('bytes=-0,0-1'), ...one('0-1', '01') },
  { name: '99-,0-1,-0,3-4', send: range('bytes=99-,0-1,-0,3-4'), ...parts('0-1/10 01', '3-4/10 34') },
  { name: '0-1,1-2 that overlap are one', send: range('bytes=0-1,1-2'), ...one('0-2', '012') },
  { name: '0-1,2-3 that touch are one', send: range('bytes=0-1,2-3'), ...one('0-3', '0123') },
  { name: '0-1,0-1 twice the same', send: range('bytes=0-1,0-1'), ...one('0-1', '01') },
  { name: '0-,-1 all of it and its end', send: range('bytes=0-,-1'), ...one('0-9', '0123456789') },
  { name: '5-6,0-1,1-5 that join through a third', send: range('bytes=5-6,0-1,1-5'), ...one('0-6', '0123456') },
  { name: '0-1,5-6,1-2', send: range('bytes=0-1,5-6,1-2'), ...parts('0-2/10 012', '5-6/10 56') },
  { name: '7-99,0-1', send: range('bytes=7-99,0-1'), ...parts('7-9/10 789', '0-1/10 01') },
]

/** Many small parts make a server work for nothing (CVE-2011-3192 and its heirs). */
const many: readonly Case[] = [
  { name: '10,000 times the same: ignored', send: range(`bytes=${'0-0,'.repeat(10_000)}`), status: [200, 416, 431] },
  { name: '1,500 times the same: ignored', send: range(`bytes=${'0-0,'.repeat(1500)}`), status: [200, 416] },
  { name: '1,000 different ones: ignored', send: range(`bytes=${numbered(1000)}`), status: [200, 416] },
  { name: '17: ignored', send: range(`bytes=${numbered(17)}`), file: 'large.png', status: 200 },
  {
    name: '16: all of them',
    send: range(`bytes=${numbered(16)}`),
    file: 'large.png',
    status: 206,
    check: (answer) => expect(partsOf(answer)).toHaveLength(16),
  },
  {
    name: '3,000 commas and one range: a small answer',
    send: range(`bytes=${','.repeat(3000)}0-1`),
    status: [200, 206],
  },
]

const others: readonly Case[] = [
  {
    name: 'parts of a large file, each its own bytes',
    file: 'large.png',
    send: range('bytes=200000-299999,0-0,5-149999'),
    status: 206,
    check: (answer, { bytes }) => {
      const bodies = [bytes.subarray(200_000), bytes.subarray(0, 1), bytes.subarray(5, 150_000)]
      for (const [i, { body }] of partsOf(answer).entries()) expect(body.equals(bodies[i] as Buffer)).toBe(true)
      expect(lengthIsExact(answer)).toBe(true)
    },
  },
  {
    name: 'If-None-Match fails: 304',
    send: ({ etag }) => ({ ...range('bytes=0-1,3-4'), 'if-none-match': etag }),
    status: 304,
  },
  { name: 'If-Match fails: 412', send: { ...range('bytes=0-1,3-4'), 'if-match': '"zz"' }, status: 412 },
  {
    name: 'If-Match holds',
    send: ({ etag }) => ({ ...range('bytes=0-1,3-4'), 'if-match': etag }),
    ...parts('0-1/10 01', '3-4/10 34'),
  },
  { name: 'HEAD: 200', method: 'HEAD', send: range('bytes=0-1,3-4'), status: 200 },
  { name: 'of an empty file: 416', file: 'empty.txt', send: range('bytes=0-1,3-4'), status: 416 },
  { name: 'of a missing file: 404', file: 'missing.txt', send: range('bytes=0-1,3-4'), status: 404 },
  {
    name: 'stored with a coding: the field says so once, for all parts',
    file: 'packed.txt',
    send: range('bytes=0-0,2-2'),
    status: 206,
    fields: { 'content-encoding': 'gzip' },
    check: (answer, { bytes }: ServedFile) => {
      expect(partsOf(answer).map(({ body }) => body[0])).toEqual([bytes[0], bytes[2]])
    },
  },
]

const ifRange: readonly Case[] = [
  {
    name: 'If-Range with its tag',
    send: ({ etag }) => ({ ...range('bytes=0-1,3-4'), 'if-range': etag }),
    ...parts('0-1/10 01', '3-4/10 34'),
  },
  { name: 'If-Range with another tag: 200', send: { ...range('bytes=0-1,3-4'), 'if-range': '"zz"' }, status: 200 },
  {
    name: 'If-Range with its date',
    send: ({ lastModified }) => ({ ...range('bytes=0-1,3-4'), 'if-range': lastModified }),
    ...parts('0-1/10 01', '3-4/10 34'),
  },
]

export const severalRanges: readonly Case[] = [...asked, ...many, ...others, ...ifRange].map((one) => ({
  ...one,
  name: `several ranges, ${one.name} (15.3.7.2)`,
}))

/** So many ranges of a byte each that do not touch. */
function numbered(count: number): string {
  return Array.from({ length: count }, (_, n) => `${n * 2}-${n * 2}`).join(',')
}

function lengthIsExact({ headers, body }: Answer): boolean {
  return Number(headers['content-length']) === body.byteLength
}
