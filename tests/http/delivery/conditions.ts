import { asctime, type Case, rfc850, seconds } from './case.js'

const NONE_MATCH = 'if-none-match'
const SINCE = 'if-modified-since'

const noneMatch: readonly Case[] = [
  { name: 'its tag: 304 (13.1.2)', status: 304, send: ({ etag }) => ({ [NONE_MATCH]: etag }) },
  { name: 'its tag as a weak one: 304 (13.1.2)', status: 304, send: ({ etag }) => ({ [NONE_MATCH]: `W/${etag}` }) },
  { name: 'its tag among others: 304', status: 304, send: ({ etag }) => ({ [NONE_MATCH]: `"a", ${etag} , "b"` }) },
  { name: 'its tag without spaces: 304', status: 304, send: ({ etag }) => ({ [NONE_MATCH]: `"a",${etag},"b"` }) },
  {
    name: 'a list with empty elements: 304 (5.6.1)',
    status: 304,
    send: ({ etag }) => ({ [NONE_MATCH]: `,, ${etag},` }),
  },
  { name: 'in two fields: 304 (5.3)', status: 304, send: ({ etag }) => ({ [NONE_MATCH]: ['"a"', etag] }) },
  {
    name: 'behind a tag that holds a comma: 304',
    status: 304,
    send: ({ etag }) => ({ [NONE_MATCH]: `"a,b", ${etag}` }),
  },
  { name: '*: 304 (13.1.2)', status: 304, send: { [NONE_MATCH]: '*' } },
  { name: 'another tag: 200', status: 200, send: { [NONE_MATCH]: '"zz"' } },
  {
    name: 'its tag inside another one: 200',
    status: 200,
    send: ({ etag }) => ({ [NONE_MATCH]: `"x${etag.slice(1)}` }),
  },
  { name: 'the start of its tag: 200', status: 200, send: ({ etag }) => ({ [NONE_MATCH]: `${etag.slice(0, -2)}"` }) },
  { name: 'its tag in capitals: 200 (8.8.3)', status: 200, send: ({ etag }) => ({ [NONE_MATCH]: capitals(etag) }) },
  { name: 'a lower-case w/: 200 (8.8.3)', status: 200, send: ({ etag }) => ({ [NONE_MATCH]: `w/${etag}` }) },
  { name: 'nothing: 200', status: 200, send: { [NONE_MATCH]: '' } },
  { name: 'an empty tag: 200', status: 200, send: { [NONE_MATCH]: '""' } },
  {
    name: 'its tag without quotes: 200 (8.8.3)',
    status: 200,
    send: ({ etag }) => ({ [NONE_MATCH]: etag.slice(1, -1) }),
  },
  { name: 'a quoted star: 200', status: 200, send: { [NONE_MATCH]: '"*"' } },
  {
    name: 'its tag, and HEAD: 304 (13.1.2)',
    method: 'HEAD',
    status: 304,
    send: ({ etag }) => ({ [NONE_MATCH]: etag }),
  },
  { name: '*, and HEAD: 304', method: 'HEAD', status: 304, send: { [NONE_MATCH]: '*' } },
  { name: '* for a missing file: 404 (13.2.1)', file: 'missing.txt', status: 404, send: { [NONE_MATCH]: '*' } },
  {
    name: 'its tag beside Cache-Control: no-cache: 304, which is for the caches between',
    status: 304,
    send: ({ etag }) => ({ [NONE_MATCH]: etag, 'cache-control': 'no-cache' }),
  },
  {
    name: 'the tag of an empty file: 304',
    file: 'empty.txt',
    status: 304,
    send: ({ etag }) => ({ [NONE_MATCH]: etag }),
  },
  {
    name: 'the tag of a large file: 304',
    file: 'large.png',
    status: 304,
    send: ({ etag }) => ({ [NONE_MATCH]: etag }),
  },
  { name: 'a hundred other tags: 200', status: 200, send: { [NONE_MATCH]: others(100) } },
  {
    name: 'its tag behind a hundred others: 304',
    status: 304,
    send: ({ etag }) => ({ [NONE_MATCH]: `${others(100)}, ${etag}` }),
  },
]

const modifiedSince: readonly Case[] = [
  { name: 'its date: 304 (13.1.3)', status: 304, send: (file) => ({ [SINCE]: file.lastModified }) },
  { name: 'a later date: 304', status: 304, send: (file) => ({ [SINCE]: seconds(file, 60).toUTCString() }) },
  { name: 'a date to come: 304', status: 304, send: (file) => ({ [SINCE]: seconds(file, 1e7).toUTCString() }) },
  { name: 'a second before: 200', status: 200, send: (file) => ({ [SINCE]: seconds(file, -1).toUTCString() }) },
  { name: 'its date as of RFC 850: 304 (5.6.7)', status: 304, send: ({ modified }) => ({ [SINCE]: rfc850(modified) }) },
  {
    name: 'its date as of asctime: 304 (5.6.7)',
    status: 304,
    send: ({ modified }) => ({ [SINCE]: asctime(modified) }),
  },
  { name: 'an earlier one as of RFC 850: 200', status: 200, send: (file) => ({ [SINCE]: rfc850(seconds(file, -5)) }) },
  { name: 'an earlier one as of asctime: 200', status: 200, send: (file) => ({ [SINCE]: asctime(seconds(file, -5)) }) },
  { name: '1994 with two digits: 200', status: 200, send: { [SINCE]: 'Sunday, 06-Nov-94 08:49:37 GMT' } },
  { name: 'a date of ISO 8601: ignored (13.1.3)', status: 200, send: (file) => ({ [SINCE]: iso(seconds(file, 60)) }) },
  { name: 'seconds since 1970: ignored', status: 200, send: { [SINCE]: '99999999999' } },
  { name: 'a word: ignored', status: 200, send: { [SINCE]: 'tomorrow' } },
  { name: 'nothing: ignored', status: 200, send: { [SINCE]: '' } },
  {
    name: 'two dates: ignored (13.1.3)',
    status: 200,
    send: (f) => ({ [SINCE]: `${f.lastModified}, ${f.lastModified}` }),
  },
  {
    name: 'another zone than GMT: ignored',
    status: 200,
    send: (f) => ({ [SINCE]: f.lastModified.replace('GMT', 'CET') }),
  },
  { name: 'a day that no month has: ignored', status: 200, send: { [SINCE]: 'Sat, 31 Feb 2099 08:49:37 GMT' } },
  { name: 'an hour that no day has: ignored', status: 200, send: { [SINCE]: 'Sun, 06 Nov 2095 24:49:37 GMT' } },
  { name: 'its date, and HEAD: 304', method: 'HEAD', status: 304, send: (file) => ({ [SINCE]: file.lastModified }) },
  {
    name: 'its date for a missing file: 404',
    file: 'missing.txt',
    status: 404,
    send: (f) => ({ [SINCE]: f.lastModified }),
  },
  {
    name: 'its date beside another tag in If-None-Match: ignored, 200 (13.1.3)',
    status: 200,
    send: ({ lastModified }) => ({ [NONE_MATCH]: '"zz"', [SINCE]: lastModified }),
  },
  {
    name: 'an earlier date beside its tag in If-None-Match: ignored, 304 (13.1.3)',
    status: 304,
    send: (file) => ({ [NONE_MATCH]: file.etag, [SINCE]: seconds(file, -60).toUTCString() }),
  },
  {
    name: 'its date beside an If-None-Match of junk: ignored, 200',
    status: 200,
    send: ({ lastModified }) => ({ [NONE_MATCH]: 'junk', [SINCE]: lastModified }),
  },
]

export const conditions: readonly Case[] = [
  ...noneMatch.map((one) => ({ ...one, name: `If-None-Match, ${one.name}` })),
  ...modifiedSince.map((one) => ({ ...one, name: `If-Modified-Since, ${one.name}` })),
]

function capitals(etag: string): string {
  return etag.toUpperCase() === etag ? etag.toLowerCase() : etag.toUpperCase()
}

function others(count: number): string {
  return Array.from({ length: count }, (_, n) => `"other-${n}"`).join(', ')
}

function iso(date: Date): string {
  return date.toISOString()
}
