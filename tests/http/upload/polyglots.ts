import { png } from './types.js'

/** A file of which a browser, or whoever else reads it, could make more than one thing. */
export interface Polyglot {
  readonly name: string
  readonly filename: string
  /** As its sender calls it. */
  readonly declared: string
  readonly bytes: Buffer
  /** What it is stored as where types are corrected; where that is not as declared, a strict check refuses it. */
  readonly stored: string
  /** Whether that is ever shown. */
  readonly shown: boolean
}

const BINARY = 'application/octet-stream'
const code = "fetch('/ran')"
const html = `<!doctype html><title>x</title><script>${code}</script>`
const svg = `<svg xmlns="http://www.w3.org/2000/svg" onload="${code}"><script>${code}</script></svg>`
/** A picture to whoever asks for one, and an assignment followed by code to whoever asks for a script. */
const gifScript = `GIF89a/*${'\0'.repeat(16)}*/=1;${code}`
const gifText = `GIF89a=1;${code}`
const jpegScript = Buffer.concat([Buffer.from('ffd8ffe02f2a4a46494600010101', 'hex'), Buffer.from(`*/=1;${code}`)])
const pdfPage = `%PDF-1.7\n${html}\n%%EOF`
/** An archive of nothing, which is found from its end. */
const emptyZip = Buffer.from('PK\u0005\u0006'.padEnd(22, '\0'), 'latin1')
const pngZip = Buffer.concat([png, emptyZip])
const pngPage = Buffer.concat([png, Buffer.from(html)])

const polyglot = (
  name: string,
  [filename, declared]: readonly [filename: string, declared: string],
  bytes: string | Buffer,
  stored: string,
  shown: boolean,
): Polyglot => ({ name, filename, declared, bytes: Buffer.from(bytes as Buffer), stored, shown })

export const polyglots: readonly Polyglot[] = [
  polyglot('a GIF that is a script', ['a.gif', 'image/gif'], gifScript, 'image/gif', true),
  polyglot('the same as a script', ['a.js', 'text/javascript'], gifScript, 'image/gif', true),
  polyglot('one that is all text, as a script', ['a.js', 'text/javascript'], gifText, 'text/javascript', false),
  polyglot('one as a page', ['a.html', 'text/html'], `GIF89a${html}`, 'text/html', false),
  polyglot('a JPEG that is a script', ['a.jpg', 'image/jpeg'], jpegScript, 'image/jpeg', true),
  polyglot('the same as a script', ['a.mjs', 'application/javascript'], jpegScript, 'image/jpeg', true),
  polyglot('a bitmap that is a script', ['a.js', 'text/javascript'], `BM=1;${code}`, 'text/javascript', false),
  polyglot('a PDF that is a page', ['a.pdf', 'application/pdf'], pdfPage, 'application/pdf', true),
  polyglot('the same as a page', ['a.html', 'text/html'], pdfPage, 'text/html', false),
  polyglot('a PNG that is an archive', ['a.png', 'image/png'], pngZip, 'image/png', true),
  polyglot('the same as an archive', ['a.jar', 'application/java-archive'], pngZip, 'image/png', true),
  polyglot('a PNG with a page behind it', ['a.png', 'image/png'], pngPage, 'image/png', true),
  polyglot('the same as a page', ['a.html', 'text/html'], pngPage, 'image/png', true),
  polyglot('a page as a PNG', ['a.png', 'image/png'], html, BINARY, false),
  polyglot('a page as a PDF', ['a.pdf', 'application/pdf'], html, BINARY, false),
  polyglot('a page as a film', ['a.mp4', 'video/mp4'], html, BINARY, false),
  polyglot('a page as a text', ['a.txt', 'text/plain'], html, 'text/plain', true),
  polyglot('a page as XHTML', ['a.xhtml', 'application/xhtml+xml'], html, 'application/xhtml+xml', false),
  polyglot('a page in UTF-7', ['a.html', 'text/html; charset=utf-7'], html, 'text/html; charset=utf-7', false),
  polyglot('a drawing with a script', ['a.svg', 'image/svg+xml'], svg, 'image/svg+xml', false),
  polyglot('a script as a style sheet', ['a.css', 'text/css'], code, 'text/css', false),
]
