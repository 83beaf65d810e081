import { refused } from './refused.js'

/** Where links begin. */
export interface BaseUrl {
  /** Without a slash at its end. */
  readonly href: string
  /** Its path, decoded, without a slash at its end; empty at the root of a host. */
  readonly prefix: string
}

/** CONFIGURATION unless `baseUrl` is an absolute http(s) URL without user, query and fragment. */
export function checkBaseUrl(baseUrl: string): BaseUrl {
  const url = typeof baseUrl === 'string' && URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw refused('its baseUrl is no absolute http(s) URL')
  if (url.username !== '' || url.password !== '') throw refused('its baseUrl names a user')
  // Also an empty one, which neither `search` nor `hash` shows.
  if (/[?#]/.test(url.href)) throw refused('its baseUrl has a query or a fragment')
  const path = url.pathname.replace(/\/+$/, '')
  const prefix = decoded(path)
  if (prefix === undefined) throw refused('its baseUrl is not percent-encoded UTF-8')
  return { href: url.origin + path, prefix }
}

/** Percent-decoded; undefined where that gives no text. */
export function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
