import type { Case } from './case.js'
import type { FileName } from './contents.js'

const BINARY = 'application/octet-stream'
const attachment = { 'content-disposition': /^attachment; filename=/ }

/** Types that run scripts in the name of the site, or of which browsers guess: saved, never shown. */
const dangerous: readonly (readonly [file: FileName, type: string])[] = [
  ['page.html', 'text/html; charset=utf-8'],
  ['page-in-capitals.html', 'Text/HTML;charset=x'],
  ['page.xhtml', 'application/xhtml+xml'],
  ['feed.xml', 'text/xml; charset=utf-8'],
  ['other.xml', 'application/xml'],
  ['feed.atom', 'application/atom+xml'],
  ['drawing.svg', 'image/svg+xml'],
  ['formula.mml', 'application/mathml+xml'],
  ['parts.mhtml', 'multipart/related'],
  ['message.eml', 'message/rfc822'],
  ['module.wasm', 'application/wasm'],
  // Fetched as parts of a page these harm it, which no disposition stops.
  ['code.js', BINARY],
  ['old-code.js', BINARY],
  ['style.css', BINARY],
  // MIME Sniffing section 7: browsers look into the bytes of these.
  ['any', BINARY],
  ['unknown', BINARY],
  ['unknown-application', BINARY],
  // RFC 9110 section 8.3.1: no media types.
  ['garbage', BINARY],
  ['half-a-type', BINARY],
  ['two-types', BINARY],
  ['broken-parameter', BINARY],
  ['no-extension', BINARY],
]

const harmless: readonly (readonly [file: FileName, type: string])[] = [
  ['digits.txt', 'text/plain; charset=utf-8'],
  ['german.txt', 'text/plain; charset=iso-8859-1'],
  ['quoted-parameter', 'text/plain; x="a;b"; charset=utf-8'],
  ['photo.png', 'image/png'],
  ['photo.jpg', 'image/jpeg'],
  ['photo.gif', 'image/gif'],
  ['photo.webp', 'image/webp'],
  ['photo.avif', 'image/avif'],
  ['paper.pdf', 'application/pdf'],
  ['sound.mp3', 'audio/mpeg'],
  ['film.mp4', 'video/mp4'],
  ['data.json', 'application/json'],
]

export const safety: readonly Case[] = [
  ...dangerous.map(
    ([file, type]): Case => ({
      name: `${file}: saved, as ${type}`,
      file,
      status: 200,
      fields: { 'content-type': type, ...attachment },
    }),
  ),
  ...harmless.map(
    ([file, type]): Case => ({
      name: `${file}: shown, as ${type}`,
      file,
      status: 200,
      fields: { 'content-type': type, 'content-disposition': /^inline; filename=/ },
    }),
  ),
  ...harmless.map(
    ([file]): Case => ({
      name: `${file}: saved where it is downloaded`,
      file,
      route: 'download',
      status: 200,
      fields: attachment,
    }),
  ),
  {
    name: 'a part of a page is saved like all of it',
    file: 'page.html',
    send: { range: 'bytes=0-4' },
    status: 206,
    fields: attachment,
  },
  {
    name: 'a stored coding is said',
    file: 'packed.txt',
    status: 200,
    fields: { 'content-encoding': 'gzip' },
  },
  { name: 'a stored language is said', file: 'german.txt', status: 200, fields: { 'content-language': 'de' } },
  {
    name: 'the address and not a stored disposition says whether it is shown; the stored name is kept',
    file: 'kept.txt',
    status: 200,
    fields: { 'content-disposition': 'inline; filename="other name.txt"' },
  },
  {
    name: 'a stored name is kept',
    file: 'named.txt',
    status: 200,
    fields: { 'content-disposition': /^inline; filename="?name.txt"?; filename\*=UTF-8''n%C3%A4me.txt$/ },
  },
  {
    name: 'a stored disposition that is none: the name of the key',
    file: 'odd.txt',
    status: 200,
    fields: { 'content-disposition': /^inline; filename="?odd.txt"?$/ },
  },
  {
    name: 'a stored Cache-Control is not the answer to a stranger',
    file: 'cached.txt',
    status: 200,
    fields: { 'cache-control': 'private, no-cache, no-transform' },
  },
  {
    name: 'a client that takes gzip gets the bytes as they are, whole',
    file: 'large.png',
    send: { 'accept-encoding': 'gzip, deflate, br' },
    status: 200,
    fields: { 'content-encoding': undefined, 'content-length': '300000' },
  },
  {
    name: 'a text, and a client that takes gzip: as it is',
    send: { 'accept-encoding': 'gzip, deflate, br, zstd' },
    status: 200,
    fields: { 'content-encoding': undefined, 'content-length': '10' },
  },
  {
    name: 'a client that takes nothing that is there: as it is (12.5.1)',
    send: {
      accept: 'image/png',
      'accept-language': 'tlh',
      'accept-charset': 'utf-16',
      'accept-encoding': 'identity;q=0',
    },
    status: 200,
  },
]
