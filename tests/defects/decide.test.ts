import { expect, test } from 'vitest'
import { decide, type RemoteVersion } from '../../src/outbox/index.js'

const at = (second: number, ms = 0) => new Date(Date.UTC(2026, 0, 1, 0, 0, second, ms))
const remote = (changes: Partial<RemoteVersion> = {}): RemoteVersion => {
  return { etag: 'r', lastModified: at(5), writer: 'foreign', same: false, ...changes }
}
const put = { operation: 'put', base: 'unknown' } as const
const remove = { operation: 'delete', base: 'unknown' } as const
const nothing = { do: 'nothing' }
const replace = { do: 'replace', etag: 'r' }
const conflict = { do: 'conflict', etag: 'r' }

test.each([
  ['a put of a key that is not there', put, undefined, { do: 'create' }],
  ['a put over a version that is gone', { ...put, base: { etag: 'b' } }, undefined, { do: 'create', missed: true }],
  ['a delete of a key that is not there', remove, undefined, nothing],
  ['its own put', put, remote({ writer: 'itself' }), nothing],
  ['the same bytes and attributes', put, remote({ same: true }), nothing],
  ['the same bytes, to be deleted', remove, remote({ same: true }), conflict],
  ['an earlier put of the same host', put, remote({ writer: 'ours' }), replace],
  ['an earlier put of the same host, to be deleted', remove, remote({ writer: 'ours' }), replace],
  ['one of the same host, whatever the clock', { ...put, seen: at(1) }, remote({ writer: 'ours' }), replace],
  ['a foreign version of before', { ...put, seen: at(6) }, remote(), replace],
  ['a foreign version of before, to be deleted', { ...remove, seen: at(6) }, remote(), replace],
  ['a foreign version of the same second', { ...put, seen: at(5, 900) }, remote({ lastModified: at(5, 1) }), conflict],
  ['a foreign version of later', { ...put, seen: at(4) }, remote(), conflict],
  ['a foreign version, the clock never heard', put, remote(), conflict],
  ['a foreign version, to be deleted, the clock never heard', remove, remote(), conflict],
  ['the version that it is based on', { ...put, base: { etag: 'r' } }, remote(), replace],
  ['the one that is to be deleted', { ...remove, base: { etag: 'r' } }, remote(), replace],
  ['another one than that', { ...put, base: { etag: 'b' }, seen: at(9) }, remote(), conflict],
  ['one where none was', { ...put, base: 'absent', seen: at(9) }, remote(), conflict],
] as const)('%s', (_, change, found, decision) => {
  expect(decide(change, found)).toEqual(decision)
})
