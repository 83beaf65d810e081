import type { ListEntry, ListedBlob, ListOptions } from '../../driver/index.js'
import { compareKeys } from '../../keys/index.js'
import type { Area, Areas } from './area.js'
import type { Confinement } from './confinement.js'
import { type Directories, pathOf } from './directories.js'
import { type Records, versionOf } from './records.js'
import { mayHaveRecord, modifiedAt, statEtag } from './version.js'
import { Walk, type Walked, type WalkedBlob, type WalkFilter } from './walk.js'

export interface ListingParts {
  readonly areas: Areas
  readonly directories: Directories
  readonly confinement: Confinement
  readonly records: Records
  /** Whether etags are made from the content, and so are in the records. */
  readonly contentEtags: boolean
}

/** All areas in one byte-ordered stream, rolled up by any delimiter. The options are checked already. */
export async function* listAreas(parts: ListingParts, options: ListOptions): AsyncGenerator<ListEntry> {
  const { areas, directories } = parts
  const { prefix = '', delimiter, startAfter = '', limit = Number.POSITIVE_INFINITY } = options
  let emitted = 0
  let last: string | undefined
  if (limit === 0) return
  const walks: Source[] = []
  for (const area of areas.all) {
    if (!area.prefix.startsWith(prefix) && !prefix.startsWith(area.prefix)) continue
    const filter = filterOf(areas, area, options)
    walks.push({ area, entries: new Walk(directories, area, await area.rules(), filter).run() })
  }
  for await (const { area, entry } of merged(walks)) {
    const name = rolledUp(nameOf(entry), prefix, delimiter)
    if (name !== undefined) {
      if (name === last || compareKeys(name, startAfter) <= 0) continue
      last = name
      yield { type: 'prefix', prefix: name }
    } else {
      yield await listed(parts, area, entry as WalkedBlob)
    }
    if (++emitted >= limit) return
  }
}

async function listed(parts: ListingParts, area: Area, blob: WalkedBlob): Promise<ListedBlob> {
  const { key, body, directory, name } = blob
  let etag = statEtag(body, false)
  // One stat is all that a blob costs, but for those whose stamp cannot tell.
  if ((parts.contentEtags || etag.startsWith('W/')) && mayHaveRecord(body)) {
    const path = pathOf(await area.real(), directory)
    const version = versionOf(await parts.records.readAt(parts.confinement, path, name), body)
    etag = version?.etag ?? statEtag(body, version !== undefined)
  }
  return { type: 'blob', key, size: Number(body.size), etag, lastModified: modifiedAt(body) }
}

/** The prefix that stands for the key, where it holds the delimiter behind the prefix asked for. */
function rolledUp(key: string, prefix: string, delimiter: string | undefined): string | undefined {
  if (!delimiter) return undefined
  const at = key.indexOf(delimiter, prefix.length)
  return at < 0 ? undefined : key.slice(0, at + delimiter.length)
}

function filterOf(areas: Areas, area: Area, options: ListOptions): WalkFilter {
  const { prefix = '', delimiter, startAfter = '' } = options
  return {
    enters: (start) =>
      (start.startsWith(prefix) || prefix.startsWith(start)) &&
      // Every key in it starts with `start`, so all lie before startAfter unless that starts so too.
      (compareKeys(start, startAfter) > 0 || startAfter.startsWith(start)) &&
      areas.of(start) === area,
    takes: (key) => key.startsWith(prefix) && compareKeys(key, startAfter) > 0 && areas.of(key) === area,
    rollsUp: (start) => delimiter === '/' && start.length > prefix.length && start.startsWith(prefix),
  }
}

interface Source {
  readonly area: Area
  readonly entries: AsyncGenerator<Walked>
}

/** Merges sorted sources. Every source is returned on every way out. */
async function* merged(sources: readonly Source[]): AsyncGenerator<{ readonly area: Area; readonly entry: Walked }> {
  const heads: { readonly source: Source; entry: Walked }[] = []
  try {
    for (const source of sources) {
      const { value } = await source.entries.next()
      if (value) heads.push({ source, entry: value })
    }
    while (heads.length > 0) {
      const head = heads.reduce((a, b) => (compareKeys(nameOf(b.entry), nameOf(a.entry)) < 0 ? b : a))
      yield { area: head.source.area, entry: head.entry }
      const { value } = await head.source.entries.next()
      if (value) head.entry = value
      else heads.splice(heads.indexOf(head), 1)
    }
  } finally {
    for (const { entries } of sources) await entries.return(undefined)
  }
}

function nameOf(entry: Walked): string {
  return entry.type === 'prefix' ? entry.prefix : entry.key
}
