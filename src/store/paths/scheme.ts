/** Where a blob lies: a driver, by the name that the store knows it by, and the blob's key there. */
export interface Location<D extends string = string> {
  readonly driver: D
  readonly key: string
}

/**
 * How a location is written as the one string that an application keeps in its database. Pure: nothing is looked up.
 *
 * `parse(format(x))` equals x for every driver and every legal key. Every scheme reads `name:key`, see {@link uriPaths}.
 * `D` is the set of drivers that the scheme's own rules mention, so that a mistyped one does not compile in a store.
 */
export interface PathScheme<D extends string = string> {
  /** The drivers that the scheme's own rules mention; none by default. */
  readonly drivers?: readonly D[] | undefined
  /** The path to keep. */
  format(location: Location): string
  /** The location that `path` means first of all; undefined where the scheme does not recognise it. Never throws. */
  parse(path: string): Location | undefined
  /**
   * All the locations that an old path may mean, likeliest first; by default what `parse` says. Asked only for paths
   * that the scheme would not write itself: those mean one location.
   */
  candidates?(path: string): readonly Location[]
}
