/** A file that a stranger has uploaded, to have its script run in the name of the site. */
export interface HostileFile {
  readonly name: string
  /** As the stranger gave it; undefined: none. */
  readonly contentType: string | undefined
  readonly body: string
}

/** Says in every way there is that it ran: to the server, in a cookie, in the storage of the origin, to the page around it. */
export function script(name: string): string {
  return `(() => {
    const name = '${name}'
    try { document.cookie = 'ran=' + name } catch {}
    try { localStorage.setItem('ran', name) } catch {}
    try { top.postMessage('ran ' + name, '*') } catch {}
    fetch('/ran/' + name, { keepalive: true })
  })()`
}

const html = (name: string) => `<!doctype html><title>${name}</title><p>Harmless</p><script>${script(name)}</script>`
const xhtml = (name: string) => {
  return `<html xmlns="http://www.w3.org/1999/xhtml"><body><p>Harmless</p><script>${script(name)}</script></body></html>`
}
const xml = (name: string) => {
  return `<?xml version="1.0"?><list xmlns:x="http://www.w3.org/1999/xhtml"><x:script>${script(name)}</x:script></list>`
}
const svg = (name: string) => {
  const code = script(name)
  return `<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20" onload="${code}"><script>${code}</script></svg>`
}

const file = (name: string, contentType: string | undefined, body: (name: string) => string): HostileFile => {
  return { name, contentType, body: body(name) }
}

export const drawing = file('drawing.svg', 'image/svg+xml', svg)

/** Documents that run their script if they are shown as what they say they are, or as what a browser takes them for. */
export const documents: readonly HostileFile[] = [
  file('page.html', 'text/html', html),
  file('shouted.html', 'TEXT/HTML; charset=utf-8', html),
  file('page.xhtml', 'application/xhtml+xml', xhtml),
  drawing,
  file('text.xml', 'text/xml', xml),
  file('application.xml', 'application/xml; charset=utf-8', xml),
  file('feed.atom', 'application/atom+xml', xml),
  file('unheard-of', 'application/x-unheard-of', html),
  file('no-type', undefined, html),
  file('unknown', 'unknown/unknown', html),
  file('replaced', 'multipart/x-mixed-replace; boundary=x', html),
]

/** HTML under types that are shown. */
export const disguised: readonly HostileFile[] = [
  file('note.txt', 'text/plain', html),
  file('picture.png', 'image/png', html),
  file('paper.pdf', 'application/pdf', html),
  file('data.json', 'application/json', html),
  file('clip.mp4', 'video/mp4', html),
  // Right for what looks at the first bytes.
  file('both.gif', 'image/gif', (name) => `GIF89a${html(name)}`),
  file('both.pdf', 'application/pdf', (name) => `%PDF-1.7\n${html(name)}\n%%EOF`),
]

/** Scripts that a page of the site could be made to load. */
export const scripts: readonly HostileFile[] = [
  file('code.txt', 'text/plain', script),
  file('code.bin', 'application/octet-stream', script),
  file('code', undefined, script),
  file('code.js', 'text/javascript', script),
  file('code.mjs', 'application/javascript; charset=utf-8', script),
  file('code.json', 'application/json', script),
  file('code.png', 'image/png', script),
  file('code.html', 'text/html', script),
  file('code.gif', 'image/gif', (name) => `GIF89a=1;${script(name)}`),
  file('code.pdf', 'application/pdf', (name) => `/*%PDF-1.7*/${script(name)}`),
]

export const style = file('style.css', 'text/css', () => 'body { color: rgb(1, 2, 3) }')
