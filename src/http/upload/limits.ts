import { StorageError } from '../../errors/index.js'

const KIB = 1024
const MIB = 1024 * KIB

/** What one request may send. Whatever goes beyond is refused, never cut short. `Infinity` is no limit. */
export interface UploadLimits {
  /** Bytes of one file; 100 MiB by default. Beyond: 413. */
  readonly fileSize?: number | undefined
  /** Files; 10 by default. Beyond: 413. */
  readonly files?: number | undefined
  /** Fields that are no files; 100 by default. Beyond: 413. */
  readonly fields?: number | undefined
  /** Bytes of the value of one field; 64 KiB by default. Beyond: 413. */
  readonly fieldSize?: number | undefined
  /** Parts of all sorts, empty file inputs included; `files` and `fields` together by default. Beyond: 413. */
  readonly parts?: number | undefined
  /** Bytes of the whole body; by default `files` times `fileSize` and 16 MiB for the rest. Beyond: 413. */
  readonly totalSize?: number | undefined
  /** Bytes of the header fields of one part; 16 KiB by default. Beyond: 400. */
  readonly headerSize?: number | undefined
  /** Header fields of one part; 32 by default. Beyond: 400. */
  readonly headerFields?: number | undefined
  /** Milliseconds that the client may send nothing while it is waited for; 30,000 by default, 0 for ever. Beyond: 408. */
  readonly idle?: number | undefined
  /** Milliseconds that `scan` may neither take bytes nor answer; 60,000 by default, 0 for ever. Beyond: 504. */
  readonly scan?: number | undefined
}

/** All of them settled. */
export type SettledLimits = { readonly [Name in keyof UploadLimits]-?: number }

/** Limits with their defaults. CONFIGURATION where one is neither a whole number from 0 nor Infinity. */
export function settleLimits(given: UploadLimits = {}): SettledLimits {
  const { fileSize = 100 * MIB, files = 10, fields = 100 } = given
  const limits = {
    fileSize,
    files,
    fields,
    fieldSize: given.fieldSize ?? 64 * KIB,
    parts: given.parts ?? files + fields,
    totalSize: given.totalSize ?? files * fileSize + 16 * MIB,
    headerSize: given.headerSize ?? 16 * KIB,
    headerFields: given.headerFields ?? 32,
    idle: given.idle ?? 30_000,
    scan: given.scan ?? 60_000,
  }
  for (const [name, value] of Object.entries(limits)) {
    if (value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && value >= 0)) continue
    throw new StorageError('CONFIGURATION', `The limit ${name} is ${value}, not a whole number from 0.`, {
      operation: 'upload',
    })
  }
  return limits
}
