import { join, resolve } from 'node:path'
import { type Disk, diskFrom, makeOwner } from '../../disk/index.js'
import { FsOutbox, type Outbox } from '../../outbox/index.js'
import { Areas } from './area.js'
import { Confinement } from './confinement.js'
import { Directories } from './directories.js'
import { INTERNAL_DIRECTORY } from './internal-names.js'
import type { ListingParts } from './list.js'
import { KeyLocks } from './locks.js'
import { Lookup } from './lookup.js'
import { checkOptions, DEFAULT_PART_SIZE, type FsDriverOptions } from './options.js'
import { Publisher } from './publisher.js'
import { Records } from './records.js'
import { Staging } from './staging.js'
import { Transfer } from './transfer.js'
import { Writer } from './writer.js'

/** What a driver is made of. */
export interface FsParts extends ListingParts {
  readonly disk: Disk
  readonly root: string
  readonly outbox: Outbox
  readonly lookup: Lookup
  readonly writer: Writer
  readonly transfer: Transfer
}

/** Puts the parts together; touches no disk. CONFIGURATION where the options cannot be meant. */
export function assemble(options: FsDriverOptions): FsParts {
  checkOptions(options)
  const { durability = 'fsync', mounts = {}, allowRoots = [], publicBaseUrl, fileMode, dirMode } = options
  const disk = diskFrom(options.fs)
  const owner = makeOwner()
  const root = resolve(options.root)
  const contentEtags = options.etag === 'content'
  const etagPartSize = contentEtags ? (options.partSize ?? DEFAULT_PART_SIZE) : undefined
  const areas = new Areas(disk, root, mounts)
  const confinement = new Confinement(disk, allowRoots)
  const directories = new Directories(disk, confinement, durability, dirMode)
  const records = new Records(disk, durability)
  const staging = new Staging(disk, owner, { durability, fileMode, etagPartSize })
  const locks = new KeyLocks(disk, owner)
  const lookup = new Lookup(areas, confinement, directories, records, publicBaseUrl !== undefined)
  const publisher = new Publisher(disk, durability, locks, records, () => staging.freshName())
  const alwaysRecord = contentEtags
  const writer = new Writer({ areas, directories, locks, lookup, publisher, staging, alwaysRecord })
  const transfer = new Transfer(disk, lookup, writer, publisher, durability)
  const outbox = new FsOutbox({ disk, directory: join(root, INTERNAL_DIRECTORY, 'outbox'), durability })
  return { disk, root, areas, confinement, directories, records, contentEtags, lookup, writer, transfer, outbox }
}
