import type { BigIntStats } from 'node:fs'
import { compareKeys, keyProblem } from '../../keys/index.js'
import { type Area, candidates, mayStandRaw } from './area.js'
import type { OpenDirectory } from './confinement.js'
import type { Directories } from './directories.js'
import { isInternal } from './internal-names.js'
import { CLASH_SUFFIX, isPieceDirectory, type NameRules, namesOf, segmentOf } from './names.js'
import { type BodyIdentity, identityOf } from './version.js'

/** A blob as the walk finds it. */
export interface WalkedBlob {
  readonly key: string
  readonly body: BodyIdentity
  /** Names of its directory below the area's base, and its own without the clash suffix. */
  readonly directory: readonly string[]
  readonly name: string
}

/** Which subtrees a walk enters. Each is named by what all of its keys start with, ending in a slash. */
export interface WalkFilter {
  /** Whether keys that start with `start` may be wanted. */
  enters(start: string): boolean
  /** Whether this very key is wanted. */
  takes(key: string): boolean
  /** Whether the subtree is asked for only by name: it is answered as a whole if it holds any blob. */
  rollsUp(start: string): boolean
}

export type Walked = ({ readonly type: 'blob' } & WalkedBlob) | { readonly type: 'prefix'; readonly prefix: string }

/**
 * How the names on the way down relate to the key: `plain` ones are the key itself; `encoded` and `raw` ones differ
 * from it in the driver's way or in another program's. A path never mixes the two.
 */
type Form = 'plain' | 'encoded' | 'raw'

interface Entry {
  /** The segment of the key. */
  readonly segment: string
  readonly kind: 'blob' | 'directory'
  /** Names below the directory that is walked; more than one where a long segment is split. */
  readonly names: readonly string[]
  readonly form: Form
}

const STAT_BATCH = 32

/** Walks an area in UTF-8 byte order of the keys. Holds the names of one directory per level, and no handle while it waits. */
export class Walk {
  readonly #directories: Directories
  readonly #area: Area
  readonly #filter: WalkFilter
  readonly #rules: NameRules

  constructor(directories: Directories, area: Area, rules: NameRules, filter: WalkFilter) {
    this.#directories = directories
    this.#area = area
    this.#rules = rules
    this.#filter = filter
  }

  run(): AsyncGenerator<Walked> {
    return this.#subtree([], this.#area.prefix, 'plain')
  }

  async *#directory(path: readonly string[], start: string, form: Form): AsyncGenerator<Walked> {
    const entries = (await this.#entries(path, form)).filter(({ kind, segment }) =>
      kind === 'blob' ? this.#filter.takes(start + segment) : this.#filter.enters(`${start}${segment}/`),
    )
    entries.sort((a, b) => compareKeys(sortName(a), sortName(b)))
    for (let i = 0; i < entries.length; ) {
      const entry = entries[i] as Entry
      if (entry.kind === 'directory') {
        yield* this.#subtree([...path, ...entry.names], `${start}${entry.segment}/`, entry.form)
        i++
        continue
      }
      const batch: Entry[] = []
      while (batch.length < STAT_BATCH && entries[i]?.kind === 'blob') batch.push(entries[i++] as Entry)
      yield* await this.#blobs(path, start, batch)
    }
  }

  async *#subtree(path: readonly string[], start: string, form: Form): AsyncGenerator<Walked> {
    if (!this.#filter.rollsUp(start)) {
      yield* this.#directory(path, start, form)
      return
    }
    for await (const _ of this.#directory(path, start, form)) {
      yield { type: 'prefix', prefix: start }
      return
    }
  }

  /** What the directory holds, long segments put together; empty where it is gone. */
  async #entries(path: readonly string[], form: Form): Promise<Entry[]> {
    const directory = await this.#directories.open(this.#area, path)
    if (!directory) return []
    let found: Awaited<ReturnType<OpenDirectory['names']>>
    try {
      found = await this.#resolve(directory, await directory.names())
    } finally {
      await directory.close()
    }
    const there = new Set(found.map(({ name }) => name))
    const entries: Entry[] = []
    for (const { name, directory: isDirectory, unknown } of found) {
      if (unknown || isInternal(name)) continue
      if (isDirectory && isPieceDirectory(name)) {
        entries.push(...(await this.#pieces(path, [name])))
        continue
      }
      // The blob moved aside for a directory, unless one of the plain name hides it.
      const moved = !isDirectory && name.endsWith(CLASH_SUFFIX)
      const own = moved ? name.slice(0, -1) : name
      if (moved && found.some((other) => other.name === own && !other.directory)) continue
      const entry = this.#entry(own, isDirectory, form, there)
      if (entry) entries.push(entry)
    }
    return entries
  }

  /** Finds out about symlinks, which are directories where the confinement allows them, and about names of no known type. */
  async #resolve(directory: OpenDirectory, found: Awaited<ReturnType<OpenDirectory['names']>>) {
    return Promise.all(
      found.map(async (entry) => {
        if (!entry.unknown || isInternal(entry.name)) return entry
        const stat = await directory.lstat(entry.name)
        if (stat?.isFile()) return { ...entry, unknown: false }
        const follows = stat?.isSymbolicLink() && (await directory.allowsLink(entry.name))
        return follows ? { ...entry, unknown: false, directory: true } : entry
      }),
    )
  }

  #entry(name: string, directory: boolean, form: Form, there: ReadonlySet<string>): Entry | undefined {
    const kind = directory ? 'directory' : 'blob'
    const segment = form === 'raw' ? undefined : segmentOf([name], this.#rules)
    if (segment !== undefined) {
      const own: Form = segment === name ? form : 'encoded'
      return { segment, kind, names: [name], form: own }
    }
    if (form === 'encoded' || keyProblem(name) !== undefined || !mayStandRaw(name, this.#rules)) return undefined
    // Readers prefer the name that the driver gives.
    const [given = ''] = namesOf(name, this.#rules)
    return given !== name && there.has(given) ? undefined : { segment: name, kind, names: [name], form: 'raw' }
  }

  async #pieces(path: readonly string[], names: readonly string[]): Promise<Entry[]> {
    const directory = await this.#directories.open(this.#area, [...path, ...names])
    if (!directory) return []
    const found = await directory.names().finally(() => directory.close())
    const entries: Entry[] = []
    for (const { name, directory: isDirectory, unknown } of found) {
      if (unknown || isInternal(name)) continue
      if (isDirectory && isPieceDirectory(name)) {
        entries.push(...(await this.#pieces(path, [...names, name])))
        continue
      }
      const moved = !isDirectory && name.endsWith(CLASH_SUFFIX)
      const own = [...names, moved ? name.slice(0, -1) : name]
      if (moved && found.some((other) => other.name === own[own.length - 1] && !other.directory)) continue
      const segment = segmentOf(own, this.#rules)
      if (segment === undefined) continue
      entries.push({ segment, kind: isDirectory ? 'directory' : 'blob', names: own, form: 'encoded' })
    }
    return entries
  }

  async #blobs(path: readonly string[], start: string, entries: readonly Entry[]): Promise<Walked[]> {
    const directory = await this.#directories.open(this.#area, path)
    if (!directory) return []
    try {
      const blobs = await Promise.all(
        entries.map(async (entry): Promise<Walked | undefined> => {
          const key = start + entry.segment
          if (keyProblem(key) !== undefined) return undefined
          const own = entry.names.join('/')
          const stat = await statBlob(directory, own)
          const name = entry.names[entry.names.length - 1] ?? ''
          const below = [...path, ...entry.names.slice(0, -1)]
          return stat && { type: 'blob', key, body: identityOf(stat), directory: below, name }
        }),
      )
      return blobs.filter((blob) => blob !== undefined)
    } finally {
      await directory.close()
    }
  }
}

async function statBlob(directory: OpenDirectory, name: string): Promise<BigIntStats | undefined> {
  const [plain, clash] = candidates({ directory: [], name })
  for (const candidate of [plain, clash, plain]) {
    const stat = await directory.lstat(candidate)
    if (stat?.isFile()) return stat
    if (stat && !stat.isDirectory()) return undefined
  }
  return undefined
}

/** What decides the order among siblings: everything in a directory starts with its name and a slash. */
function sortName({ kind, segment }: Entry): string {
  return kind === 'directory' ? `${segment}/` : segment
}
