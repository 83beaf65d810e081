import { Readable } from 'node:stream'
import { openReader } from '../../../src/body/index.js'
import type { BlobInfo, BlobReader, GetOptions } from '../../../src/driver/index.js'
import { StorageError } from '../../../src/errors/index.js'
import { HybridStore } from '../../../src/index.js'
import { mockDriver } from '../../../src/testing/index.js'
import { pattern } from '../../store/pattern.js'

const CHUNK = 64 * 1024

/** How the bytes of a blob come out of a driver of somebody else's. */
export interface Source {
  /** Bytes that are announced. */
  readonly size: number
  /** Bytes that come. */
  readonly sends: number
  /** How it ends then; as it should by default. */
  readonly ends?: 'failing' | 'closing' | 'failing at once' | undefined
  /** Whether it says that it is closed, as streams of Node do by default. */
  readonly emitClose?: boolean | undefined
}

export const failure = () => new StorageError('UNAVAILABLE', 'The source of "secret/key" broke.', { operation: 'get' })

/** A store over such a driver: the blob is at `third:<any key>`, and whoever has read it has closed it. */
export function brokenStore(source: Source, type = 'text/plain') {
  const open = new Set<Readable>()
  const get = async (key: string, { range }: GetOptions = {}): Promise<BlobReader> => {
    const info: BlobInfo = {
      key,
      size: source.size,
      etag: 'e1',
      lastModified: new Date(0),
      contentType: type,
      metadata: {},
    }
    const body = stream(source)
    open.add(body)
    const looked = body._destroy.bind(body)
    body._destroy = (error, callback) => {
      open.delete(body)
      looked(error, callback)
    }
    const size = source.size
    return openReader(info, body, range && { start: 0, end: size - 1, size })
  }
  const driver = mockDriver({ get })
  return { store: new HybridStore<string, string>({ drivers: { third: driver }, logger: false }), open }
}

function stream({ sends, ends, emitClose = true }: Source): Readable {
  let sent = 0
  return new Readable({
    emitClose,
    read() {
      // As a socket or a disk does: later, and not while it is asked.
      setImmediate(() => {
        const length = Math.min(CHUNK, sends - sent)
        if (this.destroyed) return
        if (length > 0) this.push(pattern(sent, length))
        sent += length
        if (length > 0 && ends !== 'failing at once') return
        if (ends === undefined) this.push(null)
        else this.destroy(ends === 'closing' ? undefined : failure())
      })
    },
  })
}
