import type { Answer, RawFields, RawRequest } from '../client.js'
import type { Mount } from '../servers.js'
import type { ServedFile } from '../world.js'
import type { FileName } from './contents.js'

/** One request for a file, and what RFC 9110 (or the library's own promise) wants for an answer. */
export interface Case {
  /** Says what is asked and what comes; in brackets the section of RFC 9110, unless another document is named. */
  readonly name: string
  /** `digits.txt` by default: ten bytes, `0123456789`. */
  readonly file?: FileName | 'missing.txt' | undefined
  /** `content` by default. */
  readonly route?: 'content' | 'download' | 'view' | undefined
  readonly method?: string | undefined
  /** The fields to send; what they say may depend on the file. */
  readonly send?: RawFields | ((file: ServedFile) => RawFields) | undefined
  readonly requestBody?: string | undefined
  readonly status: number | readonly number[]
  /** The body; by default the whole file with a 200, and whatever comes with others. */
  readonly body?: string | Buffer | undefined
  /** Fields that the answer must have, or (undefined) must not have. */
  readonly fields?:
    | Readonly<Record<string, string | RegExp | undefined>>
    | ((file: ServedFile) => Readonly<Record<string, string | RegExp | undefined>>)
    | undefined
  /** All by default. */
  readonly mounts?: readonly Mount[] | undefined
  /** The answer may be the framework's or its middleware's, before the library is asked: only its status counts. */
  readonly theirs?: boolean | undefined
  /** Whatever else must hold. */
  readonly check?: ((answer: Answer, file: ServedFile) => void) | undefined
}

/** The fields that a case sends for this file. */
export function fieldsOf({ send = {} }: Case, file: ServedFile): RawFields {
  return typeof send === 'function' ? send(file) : send
}

/** The request of a case to the routes behind `base`. */
export function requestOf(one: Case, file: ServedFile, href: (base: string, path: string) => string): RawRequest {
  const { method, route = 'content', requestBody } = one
  return { method, target: href(`/${route}`, file.path), headers: fieldsOf(one, file), body: requestBody }
}

/** A date so many seconds away from the file's. */
export function seconds({ modified }: ServedFile, away: number): Date {
  return new Date(modified.getTime() + away * 1000)
}

/** The same date in the obsolete forms of section 5.6.7. */
export function rfc850(date: Date): string {
  const [, day, month, year, time] = /^\w+, (\d+) (\w+) \d\d(\d\d) (\S+) GMT$/.exec(date.toUTCString()) ?? []
  const weekday = new Intl.DateTimeFormat('en', { weekday: 'long', timeZone: 'UTC' }).format(date)
  return `${weekday}, ${day}-${month}-${year} ${time} GMT`
}

export function asctime(date: Date): string {
  const [, weekday, day, month, year, time] = /^(\w+), (\d+) (\w+) (\d{4}) (\S+) GMT$/.exec(date.toUTCString()) ?? []
  return `${weekday} ${month} ${String(Number(day)).padStart(2, ' ')} ${time} ${year}`
}
