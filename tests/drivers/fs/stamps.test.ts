import { closeSync, fstatSync, futimesSync, openSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  identityOf,
  mayHaveRecord,
  nextStamp,
  stampSeconds,
  statEtag,
  timesOf,
} from '../../../src/drivers/fs/version.js'
import { tempDirectory } from './support.js'

test('a stamped file shows one of the times foreseen, which tell whether it has a record, on every version of Node', () => {
  const fd = openSync(join(tempDirectory(), 'stamped'), 'w+')
  try {
    fc.assert(
      fc.property(fc.boolean(), fc.integer({ min: 0, max: 10 ** 15 }), (withRecord, later) => {
        const stamp = nextStamp(withRecord) + later * 2
        fc.pre(stamp % 1000 !== 0)
        futimesSync(fd, stampSeconds(stamp), stampSeconds(stamp))
        const body = identityOf(fstatSync(fd, { bigint: true }))
        expect(timesOf(stamp)).toContain(body.mtimeNs)
        expect(mayHaveRecord(body)).toBe(withRecord)
        expect(statEtag(body, false, Math.floor(stamp / 1000))).not.toMatch(/^W/)
      }),
      { numRuns: 1000 },
    )
  } finally {
    closeSync(fd)
  }
})
