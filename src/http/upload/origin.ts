import { StorageError } from '../../errors/index.js'
import { field, type HttpRequest } from '../message.js'

/** Who may send files from within a browser. */
export type AllowedOrigins = readonly string[] | ((origin: string) => boolean) | false

/**
 * Refuses what another site makes a browser send, with the cookies of whoever is looking at it (403). A form that sends
 * multipart/form-data asks for no leave first, so cors does not stop it. Browsers say where a request comes from:
 * by Sec-Fetch-Site, old ones and those on plain HTTP by Origin alone. Other clients say neither, and have no cookies
 * of anybody else's.
 */
export function checkOrigin({ headers }: HttpRequest, allowed: AllowedOrigins = []): void {
  if (allowed === false) return
  const origin = field(headers, 'origin')
  const site = field(headers, 'sec-fetch-site')
  if (site === 'same-origin' || site === 'same-site' || site === 'none') return
  if (origin === undefined && site === undefined) return
  if (origin !== undefined && isAllowed(origin, allowed)) return
  // A page cannot set these two for a request that asks for no leave, so what a proxy says here can be trusted.
  const hosts = ['host', ':authority', 'x-forwarded-host'].flatMap(
    (name) => field(headers, name)?.split(/\s*,\s*/) ?? [],
  )
  if (site === undefined && origin !== undefined && hosts.includes(hostOf(origin))) return
  throw new StorageError('ACCESS_DENIED', 'The request was sent by a page of another site.', {
    operation: 'upload',
    status: 403,
    hint: 'List the origins of your own pages in the option origins.',
    outcome: 'unchanged',
  })
}

function isAllowed(origin: string, allowed: Exclude<AllowedOrigins, false>): boolean {
  return typeof allowed === 'function' ? allowed(origin) === true : allowed.includes(origin)
}

function hostOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).host : ''
}
