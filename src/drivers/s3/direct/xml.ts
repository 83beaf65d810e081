/** An element of an answer. S3 uses no attributes that matter, and no text beside elements. */
export interface XmlElement {
  readonly name: string
  readonly children: XmlElement[]
  text: string
}

/** What may stand between two elements that says nothing: declarations, instructions and comments. */
const SILENT = /^<(?:\?[^>]*\?|!--[\s\S]*?--)>/

/**
 * The root element of a document of S3, in one pass. Knows what S3 and its look-alikes write and nothing else: a DOCTYPE
 * (with which entities could grow without bound) and anything unbalanced throw a SyntaxError.
 */
export function parseXml(document: string): XmlElement {
  const top: XmlElement = { name: '', children: [], text: '' }
  const open = [top]
  let at = 0
  for (let tag = document.indexOf('<'); tag !== -1; tag = document.indexOf('<', at)) {
    const inside = open.at(-1) as XmlElement
    if (tag > at) inside.text += decode(document.slice(at, tag))
    const next = document.charCodeAt(tag + 1)
    if (next === BANG || next === QUESTION) {
      at = skip(document, tag, inside)
      continue
    }
    const end = document.indexOf('>', tag)
    if (end === -1) throw new SyntaxError('a tag without an end')
    at = end + 1
    if (next === SLASH) {
      if (open.length === 1 || document.slice(tag + 2, end).trimEnd() !== inside.name) {
        throw new SyntaxError(`an unexpected end tag at ${tag}`)
      }
      open.pop()
      continue
    }
    const empty = document.charCodeAt(end - 1) === SLASH
    const name = nameOf(document.slice(tag + 1, empty ? end - 1 : end))
    const element: XmlElement = { name, children: [], text: '' }
    inside.children.push(element)
    if (!empty) open.push(element)
  }
  const [root] = top.children
  if (root === undefined || open.length > 1) throw new SyntaxError('no whole document')
  return root
}

/** The text of the child of that name, or undefined. */
export function textOf(element: XmlElement, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text
}

const BANG = 0x21
const SLASH = 0x2f
const QUESTION = 0x3f

/** Where what begins with `<!` or `<?` ends. A CDATA section is text. */
function skip(document: string, tag: number, inside: XmlElement): number {
  if (document.startsWith('<![CDATA[', tag)) {
    const end = document.indexOf(']]>', tag)
    if (end === -1) throw new SyntaxError('a CDATA section without an end')
    inside.text += document.slice(tag + '<![CDATA['.length, end)
    return end + ']]>'.length
  }
  const silent = SILENT.exec(document.slice(tag))
  if (silent === null) throw new SyntaxError(`neither an element nor a comment at ${tag}`)
  return tag + silent[0].length
}

function nameOf(tag: string): string {
  const space = tag.search(/\s/)
  return space === -1 ? tag : tag.slice(0, space)
}

const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

function decode(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|(lt|gt|amp|quot|apos));/g, (all, hex, decimal, name) => {
    if (name !== undefined) return NAMED[name] as string
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : all
  })
}
