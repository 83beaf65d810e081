import { isAbsolute, resolve } from 'node:path'
import type { Disk } from '../../disk/index.js'
import { systemCode } from '../../disk/index.js'
import { StorageError } from '../../errors/index.js'
import { INTERNAL_DIRECTORY, looksInternal } from './internal-names.js'
import { CLASH_SUFFIX, isForeignName, type NameRules, namesOf } from './names.js'
import { configuration } from './options.js'

/** Where a blob's file lies below its area's base. */
export interface Place {
  readonly directory: readonly string[]
  /** The file's name; where a directory has that name, `name` with {@link CLASH_SUFFIX} behind it. */
  readonly name: string
}

/** Keys of which the places are kept: a server is asked for the same files over and over. */
const MAX_PLACES = 1024
/** A longer key is worth no memory. */
const MAX_KEPT_KEY = 256

/** The names that a blob at this place may have, the one that readers prefer first. */
export function candidates(place: Place): readonly [string, string] {
  return [place.name, `${place.name}${CLASH_SUFFIX}`]
}

/** One directory tree that holds the keys with a certain prefix: the root, or a mount. */
export class Area {
  /** Start of every key that lives here; empty for the root. */
  readonly prefix: string
  /** As configured, made absolute. */
  readonly base: string
  readonly #disk: Disk
  #real: Promise<string> | undefined
  #rules: Promise<NameRules> | undefined
  /** Known for good once something was written. */
  #settled: NameRules | undefined
  readonly #places = new Map<string, readonly Place[]>()

  constructor(disk: Disk, prefix: string, base: string) {
    this.#disk = disk
    this.prefix = prefix
    this.base = isAbsolute(base) ? base : resolve(base)
  }

  /** The base without symlinks. Rejects with the system's error where there is none, and asks again the next time. */
  real(): Promise<string> {
    this.#real ??= this.#disk.realpath(this.base).catch((error) => {
      this.#real = undefined
      throw error
    })
    return this.#real
  }

  /** Forgets what was learned about the base, because it was not there any more. */
  forget(): void {
    this.#real = undefined
  }

  /** How this disk treats names; learned from the internal directory, which the first write makes. */
  rules(): Promise<NameRules> {
    this.#rules ??= this.#probe().catch((error) => {
      this.#rules = undefined
      throw error
    })
    return this.#rules
  }

  async #probe(): Promise<NameRules> {
    const seen = async (name: string) => {
      try {
        return (await this.#disk.identify(`${this.base}/${name}`))?.ino
      } catch (error) {
        if (systemCode(error) === 'ELOOP') return undefined
        throw error
      }
    }
    const marker = await seen(INTERNAL_DIRECTORY)
    if (marker === undefined) {
      // Nothing was written yet: what is read now must not settle how later writes are named.
      this.#rules = undefined
      return { folding: false }
    }
    this.#settled = { folding: (await seen(INTERNAL_DIRECTORY.toUpperCase())) === marker }
    return this.#settled
  }

  /** Whether anything has this path. */
  identify(path: string) {
    return this.#disk.identify(path)
  }

  /** Where the key's file may lie, the likeliest first: its place, then its {@link rawPlace}. */
  places(key: string): readonly Place[] | Promise<readonly Place[]> {
    return this.#places.get(key) ?? this.#findPlaces(key)
  }

  async #findPlaces(key: string): Promise<readonly Place[]> {
    const place = await this.place(key)
    const raw = await this.rawPlace(key, place)
    const places = raw ? [place, raw] : [place]
    if (this.#settled && key.length <= MAX_KEPT_KEY) {
      if (this.#places.size >= MAX_PLACES) this.#places.clear()
      this.#places.set(key, places)
    }
    return places
  }

  /** Where the key's file lies. */
  async place(key: string): Promise<Place> {
    const rules = this.#settled ?? (await this.rules())
    const names = key
      .slice(this.prefix.length)
      .split('/')
      .flatMap((segment) => namesOf(segment, rules))
    return placeOf(names)
  }

  /**
   * Where another program may have put the key's file: under its own name, though this driver would encode it.
   * Undefined where that is the same place, or one that no key may reach.
   */
  async rawPlace(key: string, place: Place): Promise<Place | undefined> {
    const names = key.slice(this.prefix.length).split('/')
    const raw = placeOf(names)
    if (raw.name === place.name && raw.directory.join('/') === place.directory.join('/')) return undefined
    const rules = await this.rules()
    return names.every((name) => mayStandRaw(name, rules)) ? raw : undefined
  }
}

/**
 * Whether a file of this name, put there by another program, is the blob of that very segment. Where the disk or the
 * system takes different names for one, nobody can tell whose it is.
 */
export function mayStandRaw(segment: string, rules: NameRules): boolean {
  if (rules.folding || process.platform === 'win32') return false
  const [name, ...more] = namesOf(segment, rules)
  if (name === segment && more.length === 0) return true
  // One byte is for the clash suffix.
  return isForeignName(segment, rules) && !looksInternal(segment) && Buffer.byteLength(segment) < 255
}

function placeOf(names: readonly string[]): Place {
  return { directory: names.slice(0, -1), name: names[names.length - 1] ?? '' }
}

/** The root and the mounts; every key belongs to exactly one of them. */
export class Areas {
  readonly all: readonly Area[]

  constructor(disk: Disk, root: string, mounts: Readonly<Record<string, string>>) {
    const areas = [new Area(disk, '', root)]
    for (const [prefix, directory] of Object.entries(mounts)) {
      if (
        !/^[^/].*\/$/.test(prefix) ||
        prefix
          .split('/')
          .slice(0, -1)
          .some((part) => ['', '.', '..'].includes(part))
      ) {
        throw configuration(
          `the mount ${JSON.stringify(prefix)} is no prefix`,
          "A mount's prefix ends in a slash, as 'uploads/'.",
        )
      }
      if (typeof directory !== 'string' || directory === '') {
        throw configuration(`the mount ${JSON.stringify(prefix)} names no directory`, 'Give every mount its directory.')
      }
      areas.push(new Area(disk, prefix, directory))
    }
    // The longest prefix comes first and wins.
    this.all = areas.sort((a, b) => b.prefix.length - a.prefix.length)
  }

  of(key: string): Area {
    const area = this.all.find(({ prefix }) => key.startsWith(prefix))
    if (area === undefined) throw new StorageError('INTERNAL', 'No area takes the key.', { key })
    return area
  }
}
