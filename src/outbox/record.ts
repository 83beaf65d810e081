import { createHash } from 'node:crypto'
import { type CheckedAttributes, checkAttributes } from '../driver/index.js'
import { keyProblem } from '../keys/index.js'
import { recordName } from './record-name.js'
import { isToken } from './token.js'
import type { OutboxBase, OutboxRecord } from './types.js'

/** Bodies up to this many bytes live inside their record, so that one fsync makes both durable. */
export const INLINE_BYTES = 64 * 1024

const FORMAT = 'hybrid-store-outbox'
const VERSION = 1
const HEX = { sha256: /^[0-9a-f]{64}$/, md5: /^[0-9a-f]{32}$/ }
const MAX_ETAG_LENGTH = 1024

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

/** One line: the sha256 of the JSON that follows it, a space, the JSON. An inline body comes behind the line's end. */
export function encodeRecord(record: OutboxRecord, inline: boolean): Buffer {
  const json = JSON.stringify({ format: FORMAT, version: VERSION, ...record, inline })
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
  try {
    const inline = facts.inline === true
    const record = validate(facts)
    if (typeof facts.inline !== 'boolean' || (inline && (record.operation !== 'put' || record.size > INLINE_BYTES))) {
      return torn('it says wrongly where its body is')
    }
    return recordName(record) === name ? { record, inline } : torn('its name does not fit what it says')
  } catch (error) {
    if (error instanceof Malformed) return torn(error.message)
    throw error
  }
}

class Malformed extends Error {}

function validate(facts: Record<string, unknown>): OutboxRecord {
  const { key, generation, operation, driver, target, token, size, seen, doubtUntil } = facts
  const problem = keyProblem(key)
  if (problem !== undefined) throw new Malformed(`its key ${problem}`)
  if (!isCount(generation) || generation < 1) throw new Malformed('its generation is no positive whole number')
  if (typeof driver !== 'string' || driver === '') throw new Malformed('its driver is no name')
  if (target !== undefined && typeof target !== 'string') throw new Malformed('its target is no name')
  if (!isToken(token)) throw new Malformed('its token is malformed')
  if (!isCount(size)) throw new Malformed('its size is no whole number')
  const common = {
    key: key as string,
    generation,
    driver,
    token,
    size,
    base: baseOf(facts.base),
    createdAt: time(facts.createdAt),
    ...(target === undefined ? {} : { target }),
    ...(seen === undefined ? {} : { seen: time(seen) }),
    ...(doubtUntil === undefined ? {} : { doubtUntil: time(doubtUntil) }),
  }
  switch (operation) {
    case 'put': {
      const { sha256, md5 } = facts
      if (typeof sha256 !== 'string' || !HEX.sha256.test(sha256)) throw new Malformed('its sha256 is malformed')
      if (typeof md5 !== 'string' || !HEX.md5.test(md5)) throw new Malformed('its md5 is malformed')
      return { ...common, operation, sha256, md5, attributes: checked(common.key, facts.attributes) }
    }
    case 'delete': {
      const after = afterOf(facts.after)
      return { ...common, operation, ...(after === undefined ? {} : { after }) }
    }
    default:
      throw new Malformed('its operation is not known')
  }
}

function baseOf(base: unknown): OutboxBase {
  if (base === 'unknown' || base === 'absent') return base
  const etag: unknown = Object(base).etag
  if (typeof etag === 'string' && etag !== '' && etag.length <= MAX_ETAG_LENGTH) return { etag }
  throw new Malformed('its base is malformed')
}

function afterOf(after: unknown): { key: string; token: string } | undefined {
  if (after === undefined) return undefined
  const { key, token } = Object(after)
  if (keyProblem(key) !== undefined || !isToken(token)) throw new Malformed('what it waits for is malformed')
  return { key, token }
}

function time(value: unknown): Date {
  const date = new Date(typeof value === 'string' ? value : Number.NaN)
  if (Number.isNaN(date.getTime())) throw new Malformed('one of its times is malformed')
  return date
}

function checked(key: string, attributes: unknown): CheckedAttributes {
  const { metadata } = Object(attributes)
  if (typeof metadata === 'object' && metadata !== null) {
    try {
      return checkAttributes(key, attributes as CheckedAttributes)
    } catch {
      // Falls through: whatever it is, it is not what an outbox writes.
    }
  }
  throw new Malformed('its attributes are malformed')
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function torn(problem: string): RecordProblem {
  return { problem, newer: false }
}
