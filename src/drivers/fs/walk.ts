import type { BigIntStats } from 'node:fs'
import { compareKeys, keyProblem } from '../../keys/index.js'
import { type Area, candidates, mayStandRaw } from './area.js'
import type { DirectoryEntry, OpenDirectory } from './confinement.js'
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

interface Found {
  readonly name: string
  readonly directory: boolean
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
    const found = await this.#read(path)
    const there = new Set(found.map(({ name }) => name))
    const entries: Entry[] = []
    for (const { name, directory } of found) {
      if (directory && isPieceDirectory(name)) {
        entries.push(...(await this.#pieces(path, [name])))
        continue
      }
      const entry = this.#entry(name, directory, form, there)
      if (entry) entries.push(entry)
    }
    return entries
  }

  /** Files and directories below `path`, blobs that moved aside for a directory under their own name, each name once. */
  async #read(path: readonly string[]): Promise<Found[]> {
    const directory = await this.#directories.open(this.#area, path)
    if (!directory) return []
    try {
      const names = (await directory.names()).filter(({ name }) => !isInternal(name))
      const found = (await Promise.all(names.map((entry) => this.#resolve(directory, entry)))).flat()
      const files = new Set(found.filter(({ directory }) => !directory).map(({ name }) => name))
      return found.flatMap(({ name, directory }) => {
        if (directory || !name.endsWith(CLASH_SUFFIX)) return [{ name, directory }]
        const own = name.slice(0, -CLASH_SUFFIX.length)
        // A file of the plain name hides it.
        return files.has(own) ? [] : [{ name: own, directory }]
      })
    } finally {
      await directory.close()
    }
  }

  /** Finds out about symlinks, which are directories where the confinement allows them, and about names of no known type. */
  async #resolve(directory: OpenDirectory, entry: DirectoryEntry): Promise<Found[]> {
    const { name, unknown } = entry
    if (!unknown) return [{ name, directory: entry.directory }]
    const stat = await directory.lstat(name)
    if (stat?.isFile() || stat?.isDirectory()) return [{ name, directory: stat.isDirectory() }]
    const follows = stat?.isSymbolicLink() && (await directory.allowsLink(name))
    return follows ? [{ name, directory: true }] : []
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
    const entries: Entry[] = []
    for (const { name, directory } of await this.#read([...path, ...names])) {
      const below = [...names, name]
      if (directory && isPieceDirectory(name)) {
        entries.push(...(await this.#pieces(path, below)))
        continue
      }
      const segment = segmentOf(below, this.#rules)
      const kind = directory ? 'directory' : 'blob'
      if (segment !== undefined) entries.push({ segment, kind, names: below, form: 'encoded' })
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
