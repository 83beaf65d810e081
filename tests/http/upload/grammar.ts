import { BOUNDARY, type Case, fieldPart, file, form, part } from './case.js'

const stored = (content = 'content') => [{ field: 'file', name: 'a.txt', content }]
const boundary = (text: string) => `multipart/form-data; boundary=${text}`
const named = (text: string) => Buffer.from(form(file('a.txt')).toString().replaceAll(`--${BOUNDARY}`, `--${text}`))

/** How a body is cut into parts. */
export const grammar: readonly Case[] = [
  {
    name: 'a file and a field are taken in (RFC 7578 4)',
    body: form(fieldPart('title', 'Grüße'), file('a.txt')),
    status: 201,
    files: [{ field: 'file', name: 'a.txt', contentType: 'text/plain', content: 'content' }],
    fields: { title: 'Grüße' },
  },
  { name: 'an empty file is a file', body: form(file('a.txt', '')), status: 201, files: stored('') },
  { name: 'an empty form is a form without files', body: form(), status: 201 },
  { name: 'a part without bytes and name is an input without a file', body: form(file('', '')), status: 201 },
  {
    name: 'a part with bytes and no file name is a file',
    body: form(file('', 'x')),
    status: 201,
    files: [{ name: 'file', content: 'x' }],
  },
  { name: 'a body of nothing is a 400', body: '', status: 400 },
  { name: 'no final boundary is a 400 (118)', body: form(file('a.txt')).subarray(0, -8), status: 400 },
  {
    name: 'a final boundary without its dashes is a 400 (118)',
    body: form(file('a.txt')).subarray(0, -4),
    status: 400,
  },
  { name: 'a final boundary with one dash is a 400 (118)', body: form(file('a.txt')).subarray(0, -3), status: 400 },
  {
    name: 'a final boundary without a line break is one (RFC 2046 5.1.1)',
    body: form(file('a.txt')).subarray(0, -2),
    status: 201,
    files: stored(),
  },
  { name: 'cut in the middle of a header is a 400 (118)', body: `--${BOUNDARY}\r\nContent-Dispo`, status: 400 },
  { name: 'cut in the middle of a file is a 400 (118)', body: form(file('a.txt')).subarray(0, -20), status: 400 },
  {
    name: 'cut in the middle of the second file, the first is removed (118)',
    body: form(file('a.txt'), file('b.txt')).subarray(0, -20),
    status: 400,
  },
  { name: 'another boundary than announced is a 400 (122)', body: named('YY'), status: 400 },
  { name: 'no boundary is a 400 (122)', body: form(file('a.txt')), contentType: 'multipart/form-data', status: 400 },
  { name: 'an empty boundary is a 400', body: form(file('a.txt')), contentType: boundary('""'), status: 400 },
  {
    name: 'two boundaries are a 400',
    body: form(file('a.txt')),
    contentType: `${boundary('XX')}; boundary=YY`,
    status: 400,
  },
  {
    name: 'a quoted boundary is one (122)',
    body: named("a'()+_,./:=?b"),
    contentType: boundary(`"a'()+_,./:=?b"`),
    status: 201,
    files: stored(),
  },
  {
    name: 'a boundary of 70 characters is one (122)',
    body: named('x'.repeat(70)),
    contentType: boundary('x'.repeat(70)),
    status: 201,
    files: stored(),
  },
  {
    name: 'one of 71 is none (122)',
    body: named('x'.repeat(71)),
    contentType: boundary('x'.repeat(71)),
    status: 400,
  },
  {
    name: 'one of 200 is none (122)',
    body: named('x'.repeat(200)),
    contentType: boundary('x'.repeat(200)),
    status: 400,
  },
  {
    name: 'a parameter more does not matter',
    body: form(file('a.txt')),
    contentType: `Multipart/Form-Data ; charset=utf-8; Boundary=${BOUNDARY}`,
    status: 201,
    files: stored(),
  },
  {
    name: 'preamble and epilogue are passed over (123)',
    body: Buffer.concat([Buffer.from('preamble\r\n'), form(file('a.txt')), Buffer.from('epilogue\r\n--XX\r\n')]),
    status: 201,
    files: stored(),
  },
  {
    name: 'a folded header is one (123)',
    body: form(`Content-Disposition: form-data;\r\n name="file";\r\n\tfilename="a.txt"\r\n\r\ncontent`),
    status: 201,
    files: stored(),
  },
  {
    name: 'blanks behind a boundary are passed over (RFC 2046 5.1.1)',
    body: form(file('a.txt')).toString().replace('--XX\r\n', '--XX \t \r\n'),
    status: 201,
    files: stored(),
  },
  {
    name: 'anything else behind a boundary is a 400, and no end of a file',
    body: form(file('a.txt', 'one\r\n--XXYY\r\ntwo')),
    status: 400,
  },
  {
    name: 'what looks like the beginning of a boundary is content',
    body: form(file('a.txt', '\r\n--X\r\n-\r\n--\r\r\n--XY\n--XX\r--XX\r\n')),
    status: 201,
    files: stored('\r\n--X\r\n-\r\n--\r\r\n--XY\n--XX\r--XX\r\n'),
  },
  {
    name: 'bare line feeds are a 400',
    body: form(file('a.txt')).toString().replaceAll('\r\n', '\n'),
    status: 400,
  },
  { name: 'a part without header is a 400 (125)', body: form('\r\ncontent'), status: 400 },
  {
    name: 'a part without Content-Disposition is a 400 (125)',
    body: form('Content-Type: text/plain\r\n\r\ncontent'),
    status: 400,
  },
  {
    name: 'a part that is an attachment is a 400',
    body: form('Content-Disposition: attachment; filename="a.txt"\r\n\r\ncontent'),
    status: 400,
  },
  { name: 'a part without a name is a 400 (125)', body: form(part('filename="a.txt"')), status: 400 },
  { name: 'a part with an empty name is a 400 (125)', body: form(part('name=""; filename="a.txt"')), status: 400 },
  { name: 'two names are a 400', body: form(part('name="a"; name="b"; filename="a.txt"')), status: 400 },
  {
    name: 'a header without a colon is a 400',
    body: form('Content-Disposition form-data; name="a"\r\n\r\ncontent'),
    status: 400,
  },
  {
    name: 'two dispositions are a 400',
    body: form(`Content-Disposition: form-data; name="a"\r\n${file('a.txt')}`),
    status: 400,
  },
  {
    name: 'a file in base64 is a 400, not stored as it is (RFC 7578 4.7)',
    body: form(part('name="file"; filename="a.txt"', 'eA==', 'Content-Transfer-Encoding: base64\r\n')),
    status: 400,
  },
  {
    name: 'a field in its own charset is read in it (RFC 7578 5.1.2)',
    body: form(
      Buffer.from(
        'Content-Disposition: form-data; name="t"\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n\xfc',
        'latin1',
      ),
    ),
    status: 201,
    fields: { t: 'ü' },
  },
  {
    name: 'fields with names of an object are fields, and the last of a name counts',
    body: form(fieldPart('__proto__', 'a'), fieldPart('constructor', 'b'), fieldPart('x', '1'), fieldPart('x', '2')),
    status: 201,
    fields: { ['__proto__']: 'a', constructor: 'b', x: '2' },
  },
  { name: 'what is no multipart is a 415 (141)', body: '{}', contentType: 'application/json', status: 415 },
  {
    name: 'another multipart is a 415 (141)',
    body: form(file('a')),
    contentType: 'multipart/mixed; boundary=XX',
    status: 415,
  },
  { name: 'no type at all is a 415 (141)', body: 'x', contentType: null, status: 415 },
  {
    name: 'a packed body is a 415 (140)',
    body: form(file('a.txt')),
    headers: { 'content-encoding': 'gzip' },
    status: 415,
  },
  {
    name: 'one that says it is not packed is taken (140)',
    body: form(file('a.txt')),
    headers: { 'content-encoding': 'identity' },
    status: 201,
    files: stored(),
  },
]
