import { asctime, type Case, rfc850, seconds } from './case.js'

const MATCH = 'if-match'
const UNMODIFIED = 'if-unmodified-since'

const match: readonly Case[] = [
  { name: 'its tag: 200', status: 200, send: ({ etag }) => ({ [MATCH]: etag }) },
  { name: 'its tag among others: 200', status: 200, send: ({ etag }) => ({ [MATCH]: `"a", W/"b" , ${etag}` }) },
  { name: 'in two fields: 200 (5.3)', status: 200, send: ({ etag }) => ({ [MATCH]: ['"a"', etag] }) },
  { name: 'another tag: 412 (13.1.1)', status: 412, send: { [MATCH]: '"zz"' } },
  {
    name: 'its tag as a weak one: 412, for it compares strongly (13.1.1)',
    status: 412,
    send: (f) => ({ [MATCH]: `W/${f.etag}` }),
  },
  { name: 'weak ones in a list: 412', status: 412, send: ({ etag }) => ({ [MATCH]: `W/${etag}, "a"` }) },
  { name: '*: 200 (13.1.1)', status: 200, send: { [MATCH]: '*' } },
  { name: '* for a missing file: 404 (13.2.1)', file: 'missing.txt', status: 404, send: { [MATCH]: '*' } },
  { name: 'a tag for a missing file: 404 (13.2.1)', file: 'missing.txt', status: 404, send: { [MATCH]: '"a"' } },
  { name: 'nothing: 412', status: 412, send: { [MATCH]: '' } },
  { name: 'its tag without quotes: 412', status: 412, send: ({ etag }) => ({ [MATCH]: etag.slice(1, -1) }) },
  { name: 'another tag, and HEAD: 412', method: 'HEAD', status: 412, send: { [MATCH]: '"zz"' } },
  { name: 'its tag, and HEAD: 200', method: 'HEAD', status: 200, send: ({ etag }) => ({ [MATCH]: etag }) },
  { name: 'another tag for a large file: 412', file: 'large.png', status: 412, send: { [MATCH]: '"zz"' } },
]

const unmodifiedSince: readonly Case[] = [
  { name: 'its date: 200', status: 200, send: ({ lastModified }) => ({ [UNMODIFIED]: lastModified }) },
  { name: 'a later date: 200', status: 200, send: (file) => ({ [UNMODIFIED]: seconds(file, 60).toUTCString() }) },
  {
    name: 'a second before: 412 (13.1.4)',
    status: 412,
    send: (file) => ({ [UNMODIFIED]: seconds(file, -1).toUTCString() }),
  },
  { name: 'earlier, of RFC 850: 412 (5.6.7)', status: 412, send: (f) => ({ [UNMODIFIED]: rfc850(seconds(f, -9)) }) },
  { name: 'earlier, of asctime: 412 (5.6.7)', status: 412, send: (f) => ({ [UNMODIFIED]: asctime(seconds(f, -9)) }) },
  { name: 'its date, of RFC 850: 200', status: 200, send: ({ modified }) => ({ [UNMODIFIED]: rfc850(modified) }) },
  { name: 'no date: ignored (13.1.4)', status: 200, send: { [UNMODIFIED]: 'yesterday' } },
  { name: 'two dates: ignored (13.1.4)', status: 200, send: { [UNMODIFIED]: `${long(1)}, ${long(2)}` } },
  { name: 'earlier, and HEAD: 412', method: 'HEAD', status: 412, send: { [UNMODIFIED]: long(1) } },
  { name: 'earlier, for a missing file: 404', file: 'missing.txt', status: 404, send: { [UNMODIFIED]: long(1) } },
]

/** Section 13.2.2: If-Match, or else If-Unmodified-Since; then If-None-Match, or else If-Modified-Since; then If-Range. */
const order: readonly Case[] = [
  {
    name: 'If-Match fails and If-None-Match too: 412, not 304',
    status: 412,
    send: ({ etag }) => ({ [MATCH]: '"zz"', 'if-none-match': etag }),
  },
  {
    name: 'If-Match holds and If-None-Match fails: 304',
    status: 304,
    send: ({ etag }) => ({ [MATCH]: etag, 'if-none-match': etag }),
  },
  {
    name: 'If-Match: * and If-None-Match: *: 304',
    status: 304,
    send: { [MATCH]: '*', 'if-none-match': '*' },
  },
  {
    name: 'If-Match holds, so that an earlier If-Unmodified-Since is ignored: 200',
    status: 200,
    send: ({ etag }) => ({ [MATCH]: etag, [UNMODIFIED]: long(1) }),
  },
  {
    name: 'If-Match fails, so that a later If-Unmodified-Since is ignored: 412',
    status: 412,
    send: (file) => ({ [MATCH]: '"zz"', [UNMODIFIED]: seconds(file, 60).toUTCString() }),
  },
  {
    name: 'If-Match holds and If-Modified-Since fails: 304',
    status: 304,
    send: ({ etag, lastModified }) => ({ [MATCH]: etag, 'if-modified-since': lastModified }),
  },
  {
    name: 'If-Unmodified-Since fails and If-None-Match too: 412',
    status: 412,
    send: ({ etag }) => ({ [UNMODIFIED]: long(1), 'if-none-match': etag }),
  },
  {
    name: 'If-Unmodified-Since holds and If-None-Match fails: 304',
    status: 304,
    send: ({ etag, lastModified }) => ({ [UNMODIFIED]: lastModified, 'if-none-match': etag }),
  },
  {
    name: 'If-Unmodified-Since and If-Modified-Since at its date: 304',
    status: 304,
    send: ({ lastModified }) => ({ [UNMODIFIED]: lastModified, 'if-modified-since': lastModified }),
  },
  {
    name: 'If-Unmodified-Since and If-Modified-Since before its date: 412',
    status: 412,
    send: (file) => ({ [UNMODIFIED]: long(1), 'if-modified-since': seconds(file, -1).toUTCString() }),
  },
  {
    name: 'all four hold: 200',
    status: 200,
    send: ({ etag, lastModified }) => ({
      [MATCH]: etag,
      [UNMODIFIED]: lastModified,
      'if-none-match': '"zz"',
      'if-modified-since': lastModified,
    }),
  },
  {
    name: 'If-Match fails and the range lies behind the end: 412, not 416',
    status: 412,
    send: { [MATCH]: '"zz"', range: 'bytes=99-' },
  },
  {
    name: 'If-None-Match fails and the range lies behind the end: 304, not 416',
    status: 304,
    send: ({ etag }) => ({ 'if-none-match': etag, range: 'bytes=99-' }),
  },
  {
    name: 'a list in If-Match fails and the range lies behind the end: 412, not 416',
    status: 412,
    send: { [MATCH]: '"zz", "yy"', range: 'bytes=99-' },
  },
  {
    name: 'a list in If-None-Match fails and the range lies behind the end: 304, not 416',
    status: 304,
    send: ({ etag }) => ({ 'if-none-match': `"zz", ${etag}`, range: 'bytes=99-' }),
  },
  {
    name: 'If-Match holds, If-None-Match fails and the range lies behind the end: 304, not 416',
    status: 304,
    send: ({ etag }) => ({ [MATCH]: etag, 'if-none-match': etag, range: 'bytes=-0' }),
  },
  {
    name: 'If-Unmodified-Since holds, If-Modified-Since fails, the range lies behind the end: 304, not 416',
    status: 304,
    send: ({ lastModified }) => ({ [UNMODIFIED]: lastModified, 'if-modified-since': lastModified, range: 'bytes=99-' }),
  },
  {
    name: 'If-Modified-Since fails and the range lies behind the end: 304, not 416',
    status: 304,
    send: ({ lastModified }) => ({ 'if-modified-since': lastModified, range: 'bytes=99-' }),
  },
]

export const preconditions: readonly Case[] = [
  ...match.map((one) => ({ ...one, name: `If-Match, ${one.name}` })),
  ...unmodifiedSince.map((one) => ({ ...one, name: `If-Unmodified-Since, ${one.name}` })),
  ...order.map((one) => ({ ...one, name: `${one.name} (13.2.2)` })),
]

/** A date of long ago. */
function long(day: number): string {
  return new Date(Date.UTC(2001, 1, day)).toUTCString()
}
