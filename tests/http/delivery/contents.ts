import { gzipSync } from 'node:zlib'
import { pattern } from '../../store/pattern.js'
import type { Content } from '../world.js'

const script = '<script>document.title = "ran"</script>'
const text = (name: string, contentType: string, content: string) => ({
  name,
  contentType,
  bytes: Buffer.from(content),
})
const html = (name: string, contentType: string) => text(name, contentType, `<!doctype html>${script}`)

/** The files that the cases ask for. */
export const contents = [
  text('digits.txt', 'text/plain', '0123456789'),
  text('empty.txt', 'text/plain', ''),
  { name: 'large.png', contentType: 'image/png', bytes: pattern(0, 300_000) },
  { ...text('packed.txt', 'text/plain', ''), bytes: gzipSync('0123456789'), contentEncoding: 'gzip' },
  { ...text('german.txt', 'text/plain; charset=iso-8859-1', 'gr\xfc\xdfe'), contentLanguage: 'de' },
  { ...text('kept.txt', 'text/plain', 'kept'), contentDisposition: 'attachment; filename="other name.txt"' },
  { ...text('named.txt', 'text/plain', 'named'), contentDisposition: `inline; filename*=UTF-8''n%C3%A4me.txt` },
  { ...text('odd.txt', 'text/plain', 'odd'), contentDisposition: 'no disposition at all;;;="' },
  { ...text('cached.txt', 'text/plain', 'cached'), cacheControl: 'public, max-age=31536000' },
  html('page.html', 'text/html'),
  html('page-in-capitals.html', 'Text/HTML;charset=x'),
  html('page.xhtml', 'application/xhtml+xml'),
  text('feed.xml', 'text/xml', '<?xml version="1.0"?><x/>'),
  text('other.xml', 'application/xml', '<?xml version="1.0"?><x/>'),
  text('feed.atom', 'application/atom+xml', '<?xml version="1.0"?><x/>'),
  text('drawing.svg', 'image/svg+xml', `<svg xmlns="http://www.w3.org/2000/svg">${script}</svg>`),
  text('formula.mml', 'application/mathml+xml', `<math xmlns="http://www.w3.org/1998/Math/MathML">${script}</math>`),
  html('parts.mhtml', 'multipart/related'),
  html('message.eml', 'message/rfc822'),
  text('code.js', 'text/javascript', 'document.title = "ran"'),
  text('old-code.js', 'application/x-javascript', 'document.title = "ran"'),
  text('style.css', 'text/css', 'body { color: red }'),
  text('module.wasm', 'application/wasm', '\0asm'),
  html('any', '*/*'),
  html('unknown', 'unknown/unknown'),
  html('unknown-application', 'application/unknown'),
  html('garbage', 'no type'),
  html('half-a-type', 'text/'),
  html('two-types', 'text/plain, text/html'),
  html('quoted-parameter', 'text/plain; x="a;b"'),
  html('broken-parameter', 'text/plain; charset="'),
  html('no-extension', ''),
  text('paper.pdf', 'application/pdf', '%PDF-1.4'),
  text('photo.png', 'image/png', 'png'),
  text('photo.jpg', 'image/jpeg', 'jpeg'),
  text('photo.gif', 'image/gif', 'GIF89a'),
  text('photo.webp', 'image/webp', 'webp'),
  text('photo.avif', 'image/avif', 'avif'),
  text('sound.mp3', 'audio/mpeg', 'ID3'),
  text('film.mp4', 'video/mp4', 'mp4'),
  text('data.json', 'application/json', '{}'),
  text('bom.txt', 'text/plain', '\ufefftext'),
] as const satisfies readonly Content[]

export type FileName = (typeof contents)[number]['name']
