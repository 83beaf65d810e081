/** A key in a URL path or a copy source: everything but unreserved characters and `/` percent-encoded (RFC 3986). */
export function encodeKey(key: string): string {
  return encodeURIComponent(key)
    .replaceAll('%2F', '/')
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}
