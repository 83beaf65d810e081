import fs, { type BigIntStats, type Stats } from 'node:fs'
import { join } from 'node:path'
import { makeOwner } from '../../src/disk/index.js'
import { DirectFs, type OpenFile } from './direct-fs.js'
import { Identities } from './identities.js'
import type { Id } from './recording-disk.js'
import type { CrashState } from './replayer.js'

/** The file system after a crash, on a directory of its own. */
export class RestoredDisk extends DirectFs {
  readonly identities: Identities
  /** Milliseconds by which everything looks older than it is. */
  age = 0

  constructor(identities: Identities) {
    super()
    this.identities = identities
  }

  override fstat(file: OpenFile): BigIntStats {
    return this.#asItWas(super.fstat(file))
  }

  override lstat(path: string, options: { bigint: boolean } | undefined): Stats | BigIntStats {
    return this.#asItWas(super.lstat(path, options))
  }

  override stat(path: string, options: { bigint: boolean } | undefined): Stats | BigIntStats {
    return this.#asItWas(super.stat(path, options))
  }

  #asItWas<T extends Stats | BigIntStats>(stat: T): T {
    if ('mtimeNs' in stat) {
      // Leases ask for milliseconds, versions for nanoseconds.
      stat.ctimeMs -= BigInt(this.age)
      stat.mtimeMs -= BigInt(this.age)
    }
    return this.identities.show(stat)
  }
}

/** Makes the tree of a crash state in an empty directory. */
export function restore({ nodes, entries, contents }: CrashState, directory: string): RestoredDisk {
  const identities = new Identities()
  const made = new Map<Id, string>()
  const visit = (id: Id, path: string) => {
    for (const [name, child] of entries.get(id) ?? []) {
      const node = nodes.get(child)
      const place = join(path, buried(name))
      const twin = made.get(child)
      if (node === undefined) throw new Error(`${name} is nothing.`)
      if (node.kind === 'directory') {
        fs.mkdirSync(place, { mode: 0o700 })
        visit(child, place)
      } else if (twin !== undefined) {
        fs.linkSync(twin, place)
      } else if (node.kind === 'symlink') {
        fs.symlinkSync(buried(node.target), place)
      } else {
        const { bytes, facts } = contents.get(child) ?? node.now
        const fd = fs.openSync(place, 'wx', facts.mode)
        fs.writeSync(fd, buriedBytes(bytes))
        const seconds = Number(facts.mtimeNs) / 1e9
        fs.futimesSync(fd, seconds, seconds)
        const stat = fs.fstatSync(fd, { bigint: true })
        fs.closeSync(fd)
        identities.add(stat.ino, { ino: node.ino, mtimeNs: facts.mtimeNs, shown: stat.mtimeNs })
      }
      made.set(child, place)
    }
  }
  visit(0, directory)
  return new RestoredDisk(identities)
}

/** How this process signs, less the part that tells several owners in it apart. */
const living = makeOwner().split('.').slice(0, 4).join('.')
/** A process that had the same pid and has ended: it began at another time. */
const dead = living.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10))

/** The crash ended the process that wrote all this, though the test goes on living. */
function buried(text: string): string {
  return text.replaceAll(living, dead)
}

function buriedBytes(bytes: Buffer): Buffer {
  return bytes.includes(living) ? Buffer.from(buried(bytes.toString('latin1')), 'latin1') : bytes
}

/** Lets the process that wrote what is here be dead; see {@link restore}. */
export function buryIn(directory: string): RestoredDisk {
  for (const entry of fs.readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isSymbolicLink()) {
      const target = fs.readlinkSync(path)
      fs.unlinkSync(path)
      fs.symlinkSync(buried(target), path)
    } else if (entry.isFile()) {
      const bytes = fs.readFileSync(path)
      const without = buriedBytes(bytes)
      if (without !== bytes) fs.writeFileSync(path, without)
    }
    if (buried(entry.name) !== entry.name) fs.renameSync(path, join(entry.parentPath, buried(entry.name)))
  }
  return new RestoredDisk(new Identities())
}
