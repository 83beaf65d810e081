import { isAbsolute, relative, sep } from 'node:path'
import type { SignalOptions } from '../driver/index.js'
import type { StoreContext } from './context.js'
import { findBlob } from './read.js'

/** A plain file that holds a blob, for programs on this machine that send files. */
export interface LocalFile<D extends string = string> {
  readonly driver: D
  readonly key: string
  /** Absolute. Holds this very version until the blob is changed, moved or deleted. */
  readonly file: string
  /**
   * The same below the driver's root, with forward slashes and not encoded, for a web server that maps a URL to the
   * root. Undefined where it is not below the root, as in a mount.
   */
  readonly relative?: string | undefined
}

/** Where a blob lies as a plain file: what `get` would open, else undefined. Drivers that keep no files are not asked. */
export function localFile(context: StoreContext, path: string, options: SignalOptions): Promise<LocalFile | undefined> {
  return findBlob<LocalFile | undefined>(context, path, 'localFile', options, {
    pending: async () => undefined,
    stored: async ({ driver, key }) => {
      // It may have the blob, and then what others have is not what a read would see.
      const { localPath, localRoot } = context.drivers.need(driver, 'localFile')
      if (localPath === undefined) return undefined
      const file = await context.drivers.ask(driver, 'localFile', key, (asked) => localPath.call(asked, key, options))
      const below = localRoot === undefined ? undefined : belowRoot(localRoot, file)
      return { driver, key, file, ...(below === undefined ? {} : { relative: below }) }
    },
  })
}

function belowRoot(root: string, file: string): string | undefined {
  const path = relative(root, file)
  return path.startsWith(`..${sep}`) || isAbsolute(path) ? undefined : path.replaceAll(sep, '/')
}
