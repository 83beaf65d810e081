import type { Case } from './case.js'

const range = (value: string | readonly string[]) => ({ range: value })
const part = (at: string) => ({ 'content-range': `bytes ${at}/10` })
const behind = { 'content-range': 'bytes */10' }
const whole = { 'content-range': undefined }

const single: readonly Case[] = [
  { name: '0-4', status: 206, send: range('bytes=0-4'), body: '01234', fields: part('0-4') },
  { name: '5-', status: 206, send: range('bytes=5-'), body: '56789', fields: part('5-9') },
  { name: '5-99, beyond the end', status: 206, send: range('bytes=5-99'), body: '56789', fields: part('5-9') },
  { name: '0-0', status: 206, send: range('bytes=0-0'), body: '0', fields: part('0-0') },
  { name: '9-9', status: 206, send: range('bytes=9-9'), body: '9', fields: part('9-9') },
  { name: '9-', status: 206, send: range('bytes=9-'), body: '9', fields: part('9-9') },
  { name: '0-', status: 206, send: range('bytes=0-'), body: '0123456789', fields: part('0-9') },
  { name: '0-9', status: 206, send: range('bytes=0-9'), body: '0123456789', fields: part('0-9') },
  { name: '0-8', status: 206, send: range('bytes=0-8'), body: '012345678', fields: part('0-8') },
  { name: '-3', status: 206, send: range('bytes=-3'), body: '789', fields: part('7-9') },
  { name: '-1', status: 206, send: range('bytes=-1'), body: '9', fields: part('9-9') },
  { name: '-10', status: 206, send: range('bytes=-10'), body: '0123456789', fields: part('0-9') },
  { name: '-99, longer than it is', status: 206, send: range('bytes=-99'), body: '0123456789', fields: part('0-9') },
  { name: '00-04, with zeros', status: 206, send: range('bytes=00-04'), body: '01234', fields: part('0-4') },
  { name: '3-99999999999999999999', status: 206, send: range('bytes=3-99999999999999999999'), fields: part('3-9') },
  { name: 'the unit in capitals (14.1)', status: 206, send: range('BYTES=0-1'), body: '01', fields: part('0-1') },
  { name: 'a space behind the equals sign (14.1.2)', status: 206, send: range('bytes= 0-1'), body: '01' },
  { name: 'spaces around', status: 206, send: range('bytes=0-1 \t'), body: '01' },
  { name: 'empty elements (5.6.1)', status: 206, send: range('bytes=,, 0-1 ,'), body: '01', fields: part('0-1') },
]

const unsatisfiable: readonly Case[] = [
  { name: '10-', status: 416, send: range('bytes=10-'), fields: behind },
  { name: '10-12', status: 416, send: range('bytes=10-12'), fields: behind },
  { name: '-0', status: 416, send: range('bytes=-0'), fields: behind },
  { name: '99999999999999999999-', status: 416, send: range('bytes=99999999999999999999-'), fields: behind },
  { name: '9007199254740993-, no exact number', status: 416, send: range('bytes=9007199254740993-'), fields: behind },
  { name: '10-,-0,99-, none of several', status: 416, send: range('bytes=10-,-0,99-'), fields: behind },
  {
    name: '0- of nothing',
    file: 'empty.txt',
    status: 416,
    send: range('bytes=0-'),
    fields: { 'content-range': 'bytes */0' },
  },
  {
    name: '-5 of nothing',
    file: 'empty.txt',
    status: 416,
    send: range('bytes=-5'),
    fields: { 'content-range': 'bytes */0' },
  },
  {
    name: '0-0 of nothing',
    file: 'empty.txt',
    status: 416,
    send: range('bytes=0-0'),
    fields: { 'content-range': 'bytes */0' },
  },
  {
    name: '300000- of a large file',
    file: 'large.png',
    status: 416,
    send: range('bytes=300000-'),
    fields: { 'content-range': 'bytes */300000' },
  },
]

/** Section 14.2: what is no ranges-specifier, or of a unit that nobody knows, is ignored. */
const ignored = [
  ...['bytes=5-2', 'bytes=abc', 'bytes=', 'bytes=,', 'bytes=10', 'bytes=-', 'bytes=--1', 'bytes=1--2', 'bytes=1-2-3'],
  ...['bytes=10-11 12-', 'bytes=0 - 1', 'bytes=0- 1', 'bytes=+0-1', 'bytes=0x0-1', 'bytes=0.0-1', 'bytes=1e0-2'],
  ...[
    'bytes=0-1;q=1',
    'bytes=0-1,x',
    'bytes=0-1,5-2',
    'bytes=\xb2-\xb3',
    'bytes',
    'bytes 0-1',
    'bytes =0-1',
    '0-1',
    '=0-1',
  ],
  ...['items=0-1', 'none=0-1', 'bytesx=0-1', 'xbytes=0-1', 'seconds=0-1', 'items=0-1, bytes=0-1', ''],
].map((value): Case => ({ name: JSON.stringify(value), status: 200, send: range(value), fields: whole }))

const beside: readonly Case[] = [
  { name: 'two Range fields are none (5.3)', status: 200, send: range(['bytes=0-1', 'bytes=3-4']), fields: whole },
  {
    name: 'HEAD has none: 200 and the whole length (14.2)',
    method: 'HEAD',
    status: 200,
    send: range('bytes=0-4'),
    fields: { ...whole, 'content-length': '10' },
  },
  { name: 'HEAD, behind the end: 200 (14.2)', method: 'HEAD', status: 200, send: range('bytes=99-'), fields: whole },
  {
    name: 'If-None-Match fails: 304 (14.2)',
    status: 304,
    send: ({ etag }) => ({ ...range('bytes=0-1'), 'if-none-match': etag }),
  },
  {
    name: 'If-None-Match holds: 206',
    status: 206,
    send: { ...range('bytes=0-1'), 'if-none-match': '"zz"' },
    body: '01',
  },
  {
    name: 'If-Match holds: 206',
    status: 206,
    send: ({ etag }) => ({ ...range('bytes=0-1'), 'if-match': etag }),
    body: '01',
  },
  { name: 'If-Match: *: 206', status: 206, send: { ...range('bytes=0-1'), 'if-match': '*' }, body: '01' },
  { name: 'If-Match fails: 412', status: 412, send: { ...range('bytes=0-1'), 'if-match': '"zz"' } },
  {
    name: 'If-Modified-Since fails: 304',
    status: 304,
    send: (f) => ({ ...range('bytes=0-1'), 'if-modified-since': f.lastModified }),
  },
  {
    name: 'If-Unmodified-Since holds: 206',
    status: 206,
    send: (f) => ({ ...range('bytes=0-1'), 'if-unmodified-since': f.lastModified }),
    body: '01',
  },
  { name: 'a missing file: 404 (14.2)', file: 'missing.txt', status: 404, send: range('bytes=0-1'), fields: whole },
  {
    name: 'a view has none: 200',
    route: 'view',
    status: 200,
    send: range('bytes=0-1'),
    fields: whole,
    check: () => {},
  },
  {
    name: 'stored with a coding: a range of the encoded bytes (14.1.2)',
    file: 'packed.txt',
    status: 206,
    send: range('bytes=0-1'),
    body: Buffer.from([0x1f, 0x8b]),
    fields: { 'content-encoding': 'gzip' },
  },
  {
    name: 'a client that takes gzip: never coded on the way',
    file: 'large.png',
    status: 206,
    send: { ...range('bytes=1000-1999'), 'accept-encoding': 'gzip, deflate, br' },
    fields: { 'content-encoding': undefined, 'content-length': '1000' },
    check: ({ body }, { bytes }) => {
      if (!body.equals(bytes.subarray(1000, 2000))) throw new Error('other bytes')
    },
  },
]

/** Over and under what is read as one piece (128 KiB). */
const large = [
  [0, 131_071],
  [0, 131_072],
  [1, 299_998],
  [150_000, 150_000],
  [299_999, 299_999],
].map(
  ([start, end]): Case => ({
    name: `${start}-${end} of a large file`,
    file: 'large.png',
    status: 206,
    send: range(`bytes=${start}-${end}`),
    fields: { 'content-range': `bytes ${start}-${end}/300000` },
    check: ({ body }, { bytes }) => {
      if (!body.equals(bytes.subarray(start, Number(end) + 1))) throw new Error('other bytes')
    },
  }),
)

export const ranges: readonly Case[] = [
  ...single.map((one) => ({ ...one, name: `Range, ${one.name}: 206 (14.1.2)` })),
  ...unsatisfiable.map((one) => ({ ...one, name: `Range, ${one.name}: 416 (15.5.17)` })),
  ...ignored.map((one) => ({ ...one, name: `Range, ${one.name}: ignored, 200 (14.2)` })),
  ...beside.map((one) => ({ ...one, name: `Range, ${one.name}` })),
  ...large.map((one) => ({ ...one, name: `Range, ${one.name}: 206` })),
]
