import { StorageError } from '../../errors/index.js'
import { keyProblem } from '../../keys/index.js'
import { hasDrive, legacyKeys, normalizeSlashes } from './legacy.js'
import type { Location, PathScheme } from './scheme.js'
import { formatUri, isDriverName, parseUri } from './uri.js'

export interface PrefixPathsOptions<D extends string = string> {
  /**
   * The drivers whose strings count anywhere in a path and not only at its start, as old paths of a local disk need it
   * (`/var/www/app/uploads/x.pdf`). `local` by default. A path that starts with another driver's prefix is that one's.
   */
  readonly anywhere?: readonly D[] | undefined
  /**
   * The one of these strings that is written in front of a key which would not be recognised by itself, and taken off
   * when it is read: `storage/` makes `storage/report.pdf` of the key `report.pdf`. By default the last one listed that
   * ends in a slash; `false` for none, such keys are then written as `local:report.pdf`.
   */
  readonly envelope?: string | false | undefined
  /**
   * Folders that old local paths start with, such as `public/` or `/var/www/app/`. What begins with one is the key that
   * remains behind it, of the first driver in `anywhere`. None by default.
   */
  readonly roots?: readonly string[] | undefined
}

/**
 * Paths that tell their driver by what they start with or hold, as they may stand in a database already:
 *
 * ```ts
 * prefixPaths({ s3: ['project_'], local: ['uploads/', 'storage/'] })
 * ```
 *
 * A path that starts with `project_` is on S3; else one that holds `uploads/` or `storage/` is local. A location is
 * written plain (`project_7/x.pdf`, `uploads/x.pdf`) where that reads back as the same driver and key; else behind the
 * envelope (`storage/x.pdf`) where that does; else as `s3:x.pdf` or `local:x.pdf`, which is always read.
 * CONFIGURATION where the rules contradict each other.
 */
export function prefixPaths<const D extends string>(
  rules: { readonly [Driver in D]: readonly string[] },
  options: PrefixPathsOptions<NoInfer<D>> = {},
): PathScheme<D> {
  return new PrefixPaths<D>(rules, options)
}

interface Marked {
  readonly driver: string
  readonly marker: string
}

class PrefixPaths<D extends string> implements PathScheme<D> {
  readonly drivers: readonly D[]
  /** Longest first, so that the most specific prefix decides. */
  readonly #prefixes: readonly Marked[]
  readonly #markers: readonly Marked[]
  readonly #envelopes = new Map<string, string>()
  readonly #roots: readonly string[]

  constructor(rules: Readonly<Record<D, readonly string[]>>, options: PrefixPathsOptions<D>) {
    this.drivers = Object.keys(rules) as D[]
    const anywhere: readonly string[] = options.anywhere ?? ['local']
    const marked = this.drivers.flatMap((driver) => rules[driver].map((marker) => ({ driver, marker })))
    checkRules(this.drivers, marked, options)
    this.#prefixes = marked
      .filter(({ driver }) => !anywhere.includes(driver))
      .sort((a, b) => b.marker.length - a.marker.length)
    this.#markers = marked.filter(({ driver }) => anywhere.includes(driver))
    for (const driver of anywhere) {
      const own = this.#markers.filter((rule) => rule.driver === driver).map(({ marker }) => marker)
      const envelope = own.findLast((marker) => {
        return options.envelope === undefined ? marker.endsWith('/') : marker === options.envelope
      })
      if (envelope !== undefined) this.#envelopes.set(driver, envelope)
    }
    this.#roots = (options.roots ?? [])
      .map((root) => normalizeSlashes(root).replace(/\/*$/, '/'))
      .sort((a, b) => b.length - a.length)
  }

  format(location: Location): string {
    const envelope = this.#envelopes.get(location.driver)
    const forms = envelope === undefined ? [location.key] : [location.key, envelope + location.key]
    return forms.find((form) => this.#readsAs(form, location)) ?? formatUri(location)
  }

  parse(path: string): Location | undefined {
    return this.#exact(path) ?? this.candidates(path)[0]
  }

  candidates(path: string): readonly Location[] {
    if (parseUri(path)) return [parseUri(path) as Location]
    const exact = this.#exact(path)
    if (this.#prefixOf(path)) return exact ? [exact] : []
    const markers = this.#markers.map(({ marker }) => marker)
    const guesses = legacyKeys(path, markers).flatMap((key): Location[] => {
      const { driver } = this.#markers.find(({ marker }) => key.includes(marker)) ?? {}
      if (driver === undefined) return []
      const inner = this.#unwrap(driver, key)
      return inner === undefined
        ? [{ driver, key }]
        : [
            { driver, key: inner },
            { driver, key },
          ]
    })
    return distinct(exact ? [exact, ...guesses] : guesses).slice(0, MAX_CANDIDATES)
  }

  /** What the rules say without any guess. */
  #exact(path: string): Location | undefined {
    const uri = parseUri(path)
    if (uri) return uri
    const rooted = this.#rooted(path)
    if (rooted) return rooted
    const prefix = this.#prefixOf(path)
    if (prefix) return keyProblem(path) === undefined ? { driver: prefix.driver, key: path } : undefined
    const holder = this.#markers.find(({ marker }) => path.includes(marker))
    if (!holder) return undefined
    const { driver } = holder
    const inner = this.#unwrap(driver, path)
    if (inner !== undefined) return { driver, key: inner }
    if (hasDrive(path)) return undefined
    return keyProblem(path) === undefined ? { driver, key: path } : undefined
  }

  #prefixOf(path: string): Marked | undefined {
    return this.#prefixes.find(({ marker }) => path.startsWith(marker))
  }

  #unwrap(driver: string, path: string): string | undefined {
    const envelope = this.#envelopes.get(driver)
    if (envelope === undefined || !path.startsWith(envelope)) return undefined
    const key = path.slice(envelope.length)
    return keyProblem(key) === undefined ? key : undefined
  }

  #rooted(path: string): Location | undefined {
    const driver = this.#markers[0]?.driver
    if (driver === undefined || this.#roots.length === 0) return undefined
    const slashed = normalizeSlashes(path)
    const root = this.#roots.find((start) => slashed.startsWith(start))
    if (root === undefined) return undefined
    const rest = slashed.slice(root.length)
    const key = this.#unwrap(driver, rest) ?? rest
    return keyProblem(key) === undefined ? { driver, key } : undefined
  }

  #readsAs(path: string, { driver, key }: Location): boolean {
    const read = this.#exact(path)
    return read !== undefined && read.driver === driver && read.key === key
  }
}

/** An old path is a guess; a path made to hold hundreds of markers must not cost hundreds of look-ups. */
const MAX_CANDIDATES = 8

function distinct(locations: readonly Location[]): Location[] {
  const seen = new Map(locations.map((location) => [formatUri(location), location]))
  return [...seen.values()]
}

function checkRules(drivers: readonly string[], marked: readonly Marked[], options: PrefixPathsOptions): void {
  const owners = new Map<string, string>()
  for (const driver of drivers) {
    if (!isDriverName(driver)) throw refused(`"${driver}" cannot be the name of a driver`)
  }
  for (const { driver, marker } of marked) {
    if (typeof marker !== 'string' || marker === '') throw refused(`an empty string is listed for ${driver}`)
    if (owners.has(marker)) throw refused(`"${marker}" is listed for ${owners.get(marker)} and for ${driver}`)
    owners.set(marker, driver)
  }
  const { anywhere = [], envelope, roots = [] } = options
  for (const driver of anywhere) {
    if (!drivers.includes(driver)) throw refused(`anywhere names ${driver}, for which nothing is listed`)
  }
  if (typeof envelope === 'string') {
    const owner = owners.get(envelope)
    if (owner === undefined || !(options.anywhere ?? ['local']).includes(owner) || !envelope.endsWith('/')) {
      throw refused(`the envelope "${envelope}" is no listed folder of a driver that counts anywhere`)
    }
  }
  if (roots.some((root) => normalizeSlashes(root).replace(/\/+$/, '') === '')) {
    throw refused('an empty root is listed')
  }
}

function refused(problem: string): StorageError {
  return new StorageError('CONFIGURATION', `These path rules are refused: ${problem}.`, {
    hint: 'List each prefix once, for one driver, as a string that is not empty.',
  })
}
