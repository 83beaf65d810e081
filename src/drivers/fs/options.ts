import type { Durability, FsLike } from '../../disk/index.js'
import { StorageError } from '../../errors/index.js'

export interface FsDriverOptions {
  /** Directory that holds the blobs. Made on the first write, with the ancestors it lacks. May be a symlink. */
  readonly root: string
  /**
   * `fsync` (default): a resolved change survives power loss. `none`: it survives the end of the process only; for
   * caches and whatever can be made again.
   */
  readonly durability?: Durability | undefined
  /**
   * Directories that hold the keys with a certain prefix instead of the root, such as `{ 'uploads/': './uploads' }`. A
   * prefix ends in a slash; the longest one wins; the key without it is the path below the directory.
   */
  readonly mounts?: Readonly<Record<string, string>> | undefined
  /**
   * Directories that symlinks in the root may lead into. Any other symlink is refused with ACCESS_DENIED and never
   * listed. None by default. Symlinks to files are always refused.
   */
  readonly allowRoots?: readonly string[] | undefined
  /**
   * Start of the URL under which a web server serves the root; the encoded key is appended. Switches `publicUrl` and
   * `visibility` on. It is the web server's part to keep private blobs private, and `.hybrid-store*` names hidden.
   */
  readonly publicBaseUrl?: string | undefined
  /** Exact permissions of files, such as 0o640. By default 0o666 less the umask. */
  readonly fileMode?: number | undefined
  /** Permissions of new directories, less the umask; 0o777 by default. */
  readonly dirMode?: number | undefined
  /**
   * `stat` (default): etags from inode, size and time, which cost nothing. `content`: the MD5 that S3 would give, so
   * that etags survive a migration; costs an attribute record per blob, which a list then reads too.
   */
  readonly etag?: 'stat' | 'content' | undefined
  /** With `etag: 'content'`: bytes of a part, as configured for S3; larger bodies get an etag of parts. 8 MiB by default. */
  readonly partSize?: number | undefined
  /** A module like `node:fs` to use instead, such as memfs. */
  readonly fs?: FsLike | undefined
}

export const DEFAULT_PART_SIZE = 8 * 1024 * 1024

/** Refuses what the compiler would have refused, and a mistyped durability above all: CONFIGURATION. */
export function checkOptions(options: FsDriverOptions): void {
  const { root, durability = 'fsync', etag = 'stat', partSize = DEFAULT_PART_SIZE, publicBaseUrl } = options
  if (typeof root !== 'string' || root === '') throw configuration('root is empty', 'Name the directory to store in.')
  if (durability !== 'fsync' && durability !== 'none') {
    throw configuration('durability is unknown', "Durability is 'fsync' or 'none'.")
  }
  if (etag !== 'stat' && etag !== 'content') throw configuration('etag is unknown', "Etag is 'stat' or 'content'.")
  if (!Number.isSafeInteger(partSize) || partSize < 1) {
    throw configuration('partSize is no number of bytes', 'Give the part size that S3 uploads use, in bytes.')
  }
  for (const name of ['fileMode', 'dirMode'] as const) {
    const mode = options[name]
    if (mode === undefined || (Number.isInteger(mode) && mode >= 0 && mode <= 0o7777)) continue
    throw configuration(`${name} is no set of permissions`, 'Give permissions as an octal number, such as 0o640.')
  }
  if (publicBaseUrl !== undefined && !URL.canParse(publicBaseUrl)) {
    throw configuration('publicBaseUrl is no URL', "Give an absolute URL, such as 'https://files.example.com/'.")
  }
}

export function configuration(problem: string, hint: string): StorageError {
  return new StorageError('CONFIGURATION', `FsDriver: ${problem}.`, { driver: 'fs', hint })
}
