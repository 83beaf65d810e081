import { type Case, file, form, part } from './case.js'

export const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)
const html = '<!doctype html><script>alert(1)</script>'

const typed = (
  name: string,
  contentType: string,
  content: string | Buffer,
  filename: string,
  expected: string,
): Case => ({
  name,
  body: form(file(filename, content, contentType)),
  status: 201,
  files: [{ contentType: expected }],
})

/** What files are stored as: `sniff` is `correct`, the default. */
export const types: readonly Case[] = [
  typed('a picture is one', 'image/png', png, 'a.png', 'image/png'),
  typed(
    'a page behind a picture is a picture (133)',
    'image/png',
    Buffer.concat([png, Buffer.from(html)]),
    'a.png',
    'image/png',
  ),
  typed('a page that says it is a picture is bytes (133)', 'image/png', html, 'a.png', 'application/octet-stream'),
  typed('a picture that says it is a page is a picture (133)', 'text/html', png, 'a.html', 'image/png'),
  typed('a picture of another sort is what it is', 'image/gif', png, 'a.gif', 'image/png'),
  typed('bytes of which nothing is said are looked at', 'application/octet-stream', png, 'a', 'image/png'),
  typed('a page is one, for delivery to be careful with', 'text/html', html, 'a.html', 'text/html'),
  typed('a text that begins like a bitmap is a text', 'text/plain', 'BM sold more', 'a.txt', 'text/plain'),
  typed('a drawing is a text', 'image/svg+xml', '<?xml version="1.0"?><svg/>', 'a.svg', 'image/svg+xml'),
  typed('parameters stay', 'text/csv; charset=utf-8', 'a;b', 'a.csv', 'text/csv; charset=utf-8'),
  typed(
    'a table that Windows calls a workbook',
    'application/vnd.ms-excel',
    'a;b',
    'a.csv',
    'application/vnd.ms-excel',
  ),
  typed(
    'an archive by another name',
    'application/x-zip-compressed',
    'PK\u0005\u0006'.padEnd(22, '\0'),
    'a.zip',
    'application/x-zip-compressed',
  ),
  typed('a type nobody knows is believed', 'application/x-own', png, 'a.own', 'application/x-own'),
  typed('a type that is none is none', 'no type', 'x', 'a.txt', 'application/octet-stream'),
  typed('a type that browsers guess about is none', '*/*', html, 'a.html', 'application/octet-stream'),
  {
    name: 'without a type the name suggests one',
    body: form(part('name="file"; filename="a.css"', 'a {}')),
    status: 201,
    files: [{ contentType: 'text/css' }],
  },
  {
    name: 'and the bytes must fit that one as well',
    body: form(part('name="file"; filename="a.png"', html)),
    status: 201,
    files: [{ contentType: 'application/octet-stream' }],
  },
  {
    name: 'what the scanner does not let in is a 422',
    body: form(file('a.txt'), file('b.txt', 'a virus')),
    status: 422,
  },
]
