export { type Durability, makeDirectories, syncDirectory, writeFully } from './durable.js'
export { diskError, systemCode } from './errors.js'
export { type Disk, type DiskHandle, diskFrom, type FsLike } from './port.js'
export { syncHandle } from './sync.js'
