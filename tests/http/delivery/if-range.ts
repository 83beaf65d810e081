import { asctime, type Case, rfc850, seconds } from './case.js'

const RANGE = { range: 'bytes=2-3' }
const part = { status: 206, body: '23', fields: { 'content-range': 'bytes 2-3/10' } } as const
const whole = { status: 200, fields: { 'content-range': undefined } } as const

const cases: readonly Case[] = [
  { name: 'its tag: 206', ...part, send: ({ etag }) => ({ ...RANGE, 'if-range': etag }) },
  { name: 'another tag: 200', ...whole, send: { ...RANGE, 'if-range': '"zz"' } },
  { name: 'its tag as a weak one: 200', ...whole, send: ({ etag }) => ({ ...RANGE, 'if-range': `W/${etag}` }) },
  { name: 'its tag in a list: 200', ...whole, send: ({ etag }) => ({ ...RANGE, 'if-range': `${etag}, "a"` }) },
  { name: '*: 200', ...whole, send: { ...RANGE, 'if-range': '*' } },
  { name: 'its tag without quotes: 200', ...whole, send: ({ etag }) => ({ ...RANGE, 'if-range': etag.slice(1, -1) }) },
  { name: 'junk: 200', ...whole, send: { ...RANGE, 'if-range': 'junk' } },
  { name: 'nothing: 200', ...whole, send: { ...RANGE, 'if-range': '' } },
  {
    name: 'its date, a strong one by now: 206 (8.8.2.2)',
    ...part,
    send: (f) => ({ ...RANGE, 'if-range': f.lastModified }),
  },
  {
    name: 'its date as of RFC 850: 206',
    ...part,
    send: ({ modified }) => ({ ...RANGE, 'if-range': rfc850(modified) }),
  },
  {
    name: 'its date as of asctime: 206',
    ...part,
    send: ({ modified }) => ({ ...RANGE, 'if-range': asctime(modified) }),
  },
  { name: 'an earlier date: 200', ...whole, send: (f) => ({ ...RANGE, 'if-range': seconds(f, -1).toUTCString() }) },
  {
    name: 'a later date: 200, for it must be the same',
    ...whole,
    send: (f) => ({ ...RANGE, 'if-range': seconds(f, 1).toUTCString() }),
  },
  { name: 'a date to come: 200', ...whole, send: (f) => ({ ...RANGE, 'if-range': seconds(f, 1e6).toUTCString() }) },
  {
    name: 'a date of ISO 8601: 200',
    ...whole,
    send: ({ modified }) => ({ ...RANGE, 'if-range': modified.toISOString() }),
  },
  { name: 'twice: 200', ...whole, send: ({ etag }) => ({ ...RANGE, 'if-range': [etag, '"zz"'] }) },
  {
    name: 'another tag, range behind the end: 200, not 416',
    ...whole,
    send: { range: 'bytes=99-', 'if-range': '"zz"' },
  },
  {
    name: 'an earlier date, range behind the end: 200',
    ...whole,
    send: (f) => ({ range: 'bytes=99-', 'if-range': seconds(f, -1).toUTCString() }),
  },
  { name: 'junk, range behind the end: 200', ...whole, send: { range: 'bytes=99-', 'if-range': 'junk' } },
  {
    name: 'its tag, range behind the end: 416',
    status: 416,
    send: ({ etag }) => ({ range: 'bytes=99-', 'if-range': etag }),
  },
  {
    name: 'its date, range behind the end: 416',
    status: 416,
    send: (f) => ({ range: 'bytes=99-', 'if-range': f.lastModified }),
  },
  {
    name: 'its tag, suffix of nothing: 416',
    status: 416,
    send: ({ etag }) => ({ range: 'bytes=-0', 'if-range': etag }),
  },
  { name: 'another tag, suffix of nothing: 200', ...whole, send: { range: 'bytes=-0', 'if-range': '"zz"' } },
  { name: 'its tag, and a broken Range: 200', ...whole, send: ({ etag }) => ({ range: 'bytes=x', 'if-range': etag }) },
  { name: 'its tag, no Range: 200', ...whole, send: ({ etag }) => ({ 'if-range': etag }) },
  { name: 'another tag, no Range: 200', ...whole, send: { 'if-range': '"zz"' } },
  { name: 'its tag, and HEAD: 200', ...whole, method: 'HEAD', send: ({ etag }) => ({ ...RANGE, 'if-range': etag }) },
  { name: 'a missing file: 404', file: 'missing.txt', status: 404, send: { ...RANGE, 'if-range': '"zz"' } },
  {
    name: 'an empty file and its tag: 416',
    file: 'empty.txt',
    status: 416,
    send: ({ etag }) => ({ ...RANGE, 'if-range': etag }),
  },
  { name: 'an empty file and another tag: 200', file: 'empty.txt', ...whole, send: { ...RANGE, 'if-range': '"zz"' } },
]

/** Section 13.2.2 looks at the other conditions first. */
const beside: readonly Case[] = [
  {
    name: 'its tag, If-None-Match fails: 304',
    status: 304,
    send: ({ etag }) => ({ ...RANGE, 'if-range': etag, 'if-none-match': etag }),
  },
  {
    name: 'another tag, If-None-Match fails: 304',
    status: 304,
    send: ({ etag }) => ({ ...RANGE, 'if-range': '"zz"', 'if-none-match': etag }),
  },
  {
    name: 'its tag, If-None-Match holds: 206',
    ...part,
    send: ({ etag }) => ({ ...RANGE, 'if-range': etag, 'if-none-match': '"zz"' }),
  },
  {
    name: 'another tag, If-None-Match holds: 200',
    ...whole,
    send: { ...RANGE, 'if-range': '"zz"', 'if-none-match': '"yy"' },
  },
  {
    name: 'its tag, If-Match fails: 412',
    status: 412,
    send: ({ etag }) => ({ ...RANGE, 'if-range': etag, 'if-match': '"zz"' }),
  },
  {
    name: 'its tag, If-Match holds: 206',
    ...part,
    send: ({ etag }) => ({ ...RANGE, 'if-range': etag, 'if-match': etag }),
  },
  {
    name: 'another tag, If-Match holds: 200',
    ...whole,
    send: ({ etag }) => ({ ...RANGE, 'if-range': '"zz"', 'if-match': etag }),
  },
  { name: 'another tag, If-Match: *: 200', ...whole, send: { ...RANGE, 'if-range': '"zz"', 'if-match': '*' } },
  {
    name: 'its tag, If-Unmodified-Since fails: 412',
    status: 412,
    send: (f) => ({ ...RANGE, 'if-range': f.etag, 'if-unmodified-since': seconds(f, -1).toUTCString() }),
  },
  {
    name: 'its tag, If-Unmodified-Since holds: 206',
    ...part,
    send: (f) => ({ ...RANGE, 'if-range': f.etag, 'if-unmodified-since': f.lastModified }),
  },
  {
    name: 'its date, If-Unmodified-Since later: 206',
    ...part,
    send: (f) => ({ ...RANGE, 'if-range': f.lastModified, 'if-unmodified-since': seconds(f, 9).toUTCString() }),
  },
  {
    name: 'its date, If-Modified-Since fails: 304',
    status: 304,
    send: (f) => ({ ...RANGE, 'if-range': f.lastModified, 'if-modified-since': f.lastModified }),
  },
  {
    name: 'its tag, If-Modified-Since fails: 304',
    status: 304,
    send: (f) => ({ ...RANGE, 'if-range': f.etag, 'if-modified-since': f.lastModified }),
  },
  {
    name: 'another tag, If-Modified-Since fails: 304',
    status: 304,
    send: (f) => ({ ...RANGE, 'if-range': '"zz"', 'if-modified-since': f.lastModified }),
  },
  {
    name: 'its date, If-None-Match holds: 206',
    ...part,
    send: (f) => ({ ...RANGE, 'if-range': f.lastModified, 'if-none-match': '"zz"' }),
  },
]

export const ifRange: readonly Case[] = [...cases, ...beside].map((one) => ({
  ...one,
  name: `If-Range, ${one.name} (13.1.5)`,
}))
