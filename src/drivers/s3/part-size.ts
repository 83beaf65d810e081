import { MAX_PART_SIZE, MAX_PARTS } from './settings.js'

const MEBIBYTE = 1024 ** 2

/** Parts are all of one size (R2 insists), and a body of known size fits the 10,000 that S3 allows. */
export function partSizeFor(partSize: number, size: number | undefined): number {
  if (size === undefined || size <= partSize * MAX_PARTS) return partSize
  return Math.min(MAX_PART_SIZE, Math.ceil(size / MAX_PARTS / MEBIBYTE) * MEBIBYTE)
}
