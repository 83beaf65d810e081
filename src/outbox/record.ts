import { createHash } from 'node:crypto'
import { type CheckedAttributes, checkAttributes } from '../driver/index.js'
import { keyProblem } from '../keys/index.js'
import type { OutboxRecord } from './types.js'

/** Bodies up to this many bytes live inside their record, so that one fsync makes both durable. */
export const INLINE_BYTES = 64 * 1024

const FORMAT = 'hybrid-store-outbox'
const VERSION = 1
const TOKEN = /^[0-9a-f]{16}-[0-9a-z]{1,11}$/
const HEX = { sha256: /^[0-9a-f]{64}$/, md5: /^[0-9a-f]{32}$/ }

/** What a record file says. */
export interface ParsedRecord {
  readonly record: OutboxRecord
  /** Whether the body follows the header in the same file. */
  readonly inline: boolean
}

/** A header that is no record of this outbox. `newer`: written by a later release, which may still want it. */
export interface RecordProblem {
  readonly problem: string
  readonly newer: boolean
}

/** The file's name. It holds the token, so that the body of a record that cannot be read is still known. */
export function recordName({ key, generation, token }: Pick<OutboxRecord, 'key' | 'generation' | 'token'>): string {
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 32)
  return `${hash}.${String(generation).padStart(12, '0')}.${token}.record`
}

/** The token in a record's file name. */
export function tokenOfName(name: string): string | undefined {
  const token = name.split('.')[2]
  return token !== undefined && TOKEN.test(token) ? token : undefined
}

/** One line: the sha256 of the JSON that follows it, a space, the JSON. An inline body comes behind the line's end. */
export function encodeRecord(record: OutboxRecord, inline: boolean): Buffer {
  const { key, generation, operation, driver, token, size, sha256, md5, createdAt, attributes } = record
  const facts = { key, generation, operation, driver, token, size, sha256, md5, createdAt, attributes }
  const json = JSON.stringify({ format: FORMAT, version: VERSION, ...facts, inline })
  return Buffer.from(`${createHash('sha256').update(json).digest('hex')} ${json}\n`)
}

/** Reads a header line, without its end, as untrusted input. */
export function decodeRecord(line: string, name: string): ParsedRecord | RecordProblem {
  const json = line.slice(65)
  if (line[64] !== ' ' || line.slice(0, 64) !== createHash('sha256').update(json).digest('hex')) {
    return torn('it is torn or was changed: its checksum does not fit')
  }
  let facts: Record<string, unknown>
  try {
    facts = JSON.parse(json)
  } catch {
    return torn('it holds no JSON')
  }
  if (facts?.format !== FORMAT) return torn('it is no record of an outbox')
  if (facts.version !== VERSION) {
    return { problem: `it has format version ${String(facts.version).slice(0, 20)}, not ${VERSION}`, newer: true }
  }
  return validate(facts, name)
}

function validate(facts: Record<string, unknown>, name: string): ParsedRecord | RecordProblem {
  const { key, generation, operation, driver, token, size, inline } = facts
  const problem = keyProblem(key)
  if (problem !== undefined) return torn(`its key ${problem}`)
  if (!isCount(generation) || generation < 1) return torn('its generation is no positive whole number')
  if (operation !== 'put') return torn('its operation is not known')
  if (typeof driver !== 'string' || driver === '') return torn('its driver is no name')
  if (typeof token !== 'string' || !TOKEN.test(token)) return torn('its token is malformed')
  if (!isCount(size)) return torn('its size is no whole number')
  if (typeof inline !== 'boolean' || (inline && size > INLINE_BYTES)) return torn('it says wrongly where its body is')
  const { sha256, md5 } = facts
  if (typeof sha256 !== 'string' || !HEX.sha256.test(sha256)) return torn('its sha256 is malformed')
  if (typeof md5 !== 'string' || !HEX.md5.test(md5)) return torn('its md5 is malformed')
  const createdAt = new Date(typeof facts.createdAt === 'string' ? facts.createdAt : Number.NaN)
  if (Number.isNaN(createdAt.getTime())) return torn('its time is malformed')
  const attributes = checked(key as string, facts.attributes)
  if (attributes === undefined) return torn('its attributes are malformed')
  const record: OutboxRecord = {
    key: key as string,
    generation,
    operation,
    driver,
    token,
    size,
    sha256,
    md5,
    createdAt,
    attributes,
  }
  return recordName(record) === name ? { record, inline } : torn('its name does not fit what it says')
}

function checked(key: string, attributes: unknown): CheckedAttributes | undefined {
  if (typeof attributes !== 'object' || attributes === null) return undefined
  const { metadata } = attributes as { metadata?: unknown }
  if (typeof metadata !== 'object' || metadata === null) return undefined
  try {
    return checkAttributes(key, attributes)
  } catch {
    return undefined
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function torn(problem: string): RecordProblem {
  return { problem, newer: false }
}
