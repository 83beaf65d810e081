/** One entity tag at the start of the text: RFC 9110 section 8.8.3, `W/` in front marks a weak one. */
const TAG = /^(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/
const ANY = '*'

/**
 * The tags of an If-Match or If-None-Match field (RFC 9110 sections 13.1.1 and 13.1.2), as the store takes them; `*` for
 * any. What is no tag is left out, so that a field of nothing else fits no version.
 */
export function parseTags(value: string): '*' | readonly string[] {
  if (value.trim() === ANY) return ANY
  const tags: string[] = []
  for (let rest = value.trimStart(); rest !== ''; ) {
    const match = TAG.exec(rest)
    if (match) tags.push(match[0])
    // What follows a tag up to the next comma is noise too: tags may hold commas, noise may not.
    const comma = rest.indexOf(',', match?.[0].length ?? 0)
    rest = comma < 0 ? '' : rest.slice(comma + 1).trimStart()
  }
  return tags
}

/** The one tag of an If-Range field, or undefined where it holds none. */
export function parseTag(value: string): string | undefined {
  const match = TAG.exec(value)
  return match?.[0].length === value.length ? value : undefined
}

/** The ETag field for a store's etag, or undefined where no header could carry it. */
export function formatTag(etag: string): string | undefined {
  const weak = etag.startsWith('W/')
  const opaque = weak ? etag.slice(2) : etag
  return /^[\x21\x23-\x7e]+$/.test(opaque) ? `${weak ? 'W/' : ''}"${opaque}"` : undefined
}

export function isWeak(tag: string): boolean {
  return tag.startsWith('W/')
}
