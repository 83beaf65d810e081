import { hash } from 'node:crypto'
import { TOKEN } from './token.js'

/** What the name of a record's file tells, so that an outbox is opened without reading its records. */
export interface RecordName {
  readonly name: string
  /** Stands for the key. */
  readonly hash: string
  readonly generation: number
  readonly operation: 'put' | 'delete'
  /** Bytes of the body. */
  readonly size: number
  /** When the record was taken, in milliseconds since 1970. */
  readonly time: number
  readonly token: string
}

const NAME = new RegExp(`^([0-9a-f]{32})\\.(\\d{12})\\.([pd])([0-9a-z]+)\\.([0-9a-z]+)\\.(${TOKEN})\\.record$`)

/** What a key is called in file names: keys may be longer than names may, and hold what names may not. */
export function hashOfKey(key: string): string {
  return hash('sha256', key, 'hex').slice(0, 32)
}

export function recordName(record: {
  readonly key: string
  readonly generation: number
  readonly operation: 'put' | 'delete'
  readonly size: number
  readonly createdAt: Date
  readonly token: string
}): string {
  const { key, generation, operation, size, createdAt, token } = record
  const count = String(generation).padStart(12, '0')
  const kind = operation === 'put' ? 'p' : 'd'
  return `${hashOfKey(key)}.${count}.${kind}${size.toString(36)}.${createdAt.getTime().toString(36)}.${token}.record`
}

/** Undefined for a name that no outbox gives. */
export function parseRecordName(name: string): RecordName | undefined {
  const [, key, generation, kind, size, time, token] = NAME.exec(name) ?? []
  if (key === undefined || token === undefined || size === undefined || time === undefined) return undefined
  return {
    name,
    hash: key,
    generation: Number(generation),
    operation: kind === 'p' ? 'put' : 'delete',
    size: Number.parseInt(size, 36),
    time: Number.parseInt(time, 36),
    token,
  }
}
