import { describe, expect, it } from 'vitest'
import {
  type BlobInfo,
  bareEtag,
  checkReadConditions,
  checkWriteConditions,
  checkWriteOptions,
  type ReadConditions,
  sameEtag,
  type WriteConditions,
  weaklySameEtag,
} from '../../../src/driver/index.js'
import { isStorageError } from '../../../src/errors/index.js'

function codeOf(run: () => unknown): string | undefined {
  try {
    run()
  } catch (error) {
    if (isStorageError(error)) return error.code
    throw error
  }
  return undefined
}

describe('etags', () => {
  it.each([
    ['"abc"', 'abc'],
    ['abc', 'abc'],
    ['W/"abc"', 'W/abc'],
    ['W/abc', 'W/abc'],
    ['""', ''],
    ['"a"b"', 'a"b'],
  ])('%s without quotes is %s', (etag, bare) => {
    expect(bareEtag(etag)).toBe(bare)
  })

  // RFC 9110 section 8.8.3.2, the table of examples.
  it.each([
    ['W/"1"', 'W/"1"', false, true],
    ['W/"1"', 'W/"2"', false, false],
    ['W/"1"', '"1"', false, true],
    ['"1"', '"1"', true, true],
    ['"1"', '1', true, true],
    ['"1"', '"2"', false, false],
  ])('%s and %s: strong %s, weak %s', (a, b, strong, weak) => {
    expect([sameEtag(a, b), sameEtag(b, a)]).toEqual([strong, strong])
    expect([weaklySameEtag(a, b), weaklySameEtag(b, a)]).toEqual([weak, weak])
  })
})

describe('checkReadConditions', () => {
  const lastModified = new Date('2026-01-02T03:04:05.600Z')
  const info = { key: 'a', size: 1, etag: 'E', lastModified, contentType: 't/t', metadata: {} } satisfies BlobInfo
  const at = (offset: number) => new Date(Date.parse('2026-01-02T03:04:05Z') + offset)
  const before = at(-1000)
  const after = at(1000)

  const cases: [ReadConditions, string | undefined][] = [
    [{}, undefined],
    [{ ifMatch: 'E' }, undefined],
    [{ ifMatch: '"E"' }, undefined],
    [{ ifMatch: ['x', '"E"'] }, undefined],
    [{ ifMatch: '*' }, undefined],
    [{ ifMatch: 'x' }, 'PRECONDITION_FAILED'],
    [{ ifMatch: [] }, 'PRECONDITION_FAILED'],
    [{ ifMatch: 'W/"E"' }, 'PRECONDITION_FAILED'],
    [{ ifNoneMatch: 'E' }, 'NOT_MODIFIED'],
    [{ ifNoneMatch: 'W/"E"' }, 'NOT_MODIFIED'],
    [{ ifNoneMatch: ['x', 'E'] }, 'NOT_MODIFIED'],
    [{ ifNoneMatch: '*' }, 'NOT_MODIFIED'],
    [{ ifNoneMatch: 'x' }, undefined],
    [{ ifModifiedSince: before }, undefined],
    [{ ifModifiedSince: at(0) }, 'NOT_MODIFIED'],
    [{ ifModifiedSince: at(999) }, 'NOT_MODIFIED'],
    [{ ifModifiedSince: after }, 'NOT_MODIFIED'],
    [{ ifUnmodifiedSince: before }, 'PRECONDITION_FAILED'],
    [{ ifUnmodifiedSince: at(0) }, undefined],
    [{ ifUnmodifiedSince: after }, undefined],
    // The order of RFC 9110 section 13.2.2.
    [{ ifMatch: 'E', ifUnmodifiedSince: before }, undefined],
    [{ ifNoneMatch: 'x', ifModifiedSince: after }, undefined],
    [{ ifMatch: 'x', ifNoneMatch: 'E' }, 'PRECONDITION_FAILED'],
    [{ ifMatch: 'E', ifNoneMatch: 'E' }, 'NOT_MODIFIED'],
    [{ ifUnmodifiedSince: before, ifNoneMatch: 'E' }, 'PRECONDITION_FAILED'],
    [{ ifUnmodifiedSince: after, ifModifiedSince: before }, undefined],
    // A date that is none counts as not given.
    [{ ifModifiedSince: new Date(Number.NaN) }, undefined],
    [{ ifUnmodifiedSince: new Date(Number.NaN) }, undefined],
  ]
  it.each(cases)('%j: %s', (conditions, code) => {
    expect(codeOf(() => checkReadConditions(info, conditions, 'get'))).toBe(code)
  })
})

describe('conditions of a change', () => {
  const cases: [WriteConditions, string | undefined, string | undefined][] = [
    [{}, undefined, undefined],
    [{}, 'E', undefined],
    [{ ifNoneMatch: '*' }, undefined, undefined],
    [{ ifNoneMatch: '*' }, 'E', 'ALREADY_EXISTS'],
    [{ ifMatch: 'E' }, 'E', undefined],
    [{ ifMatch: '"E"' }, 'E', undefined],
    [{ ifMatch: 'x' }, 'E', 'PRECONDITION_FAILED'],
    [{ ifMatch: 'E' }, undefined, 'PRECONDITION_FAILED'],
    [{ ifMatch: 'W/"E"' }, 'W/E', 'PRECONDITION_FAILED'],
    [{ ifMatch: '*' }, 'E', undefined],
    [{ ifMatch: '*' }, undefined, 'PRECONDITION_FAILED'],
  ]
  it.each(cases)('%j where there is %s: %s', (conditions, current, code) => {
    expect(codeOf(() => checkWriteConditions('a', current, conditions, 'put'))).toBe(code)
  })

  it('answers a failed create as 412, for the caller gave a condition', () => {
    try {
      checkWriteConditions('a', 'E', { ifNoneMatch: '*' }, 'put')
    } catch (error) {
      expect(error).toMatchObject({ status: 412, outcome: 'unchanged', key: 'a', operation: 'put' })
      return
    }
    throw new Error('It did not throw.')
  })

  it.each([
    [{ ifNoneMatch: 'E' }],
    [{ ifNoneMatch: '*', ifMatch: 'E' }],
    [{ ifMatch: '' }],
    [{ ifMatch: '""' }],
    [{ ifMatch: 7 }],
    [{ ifMatch: ['E'] }],
  ])('refuses %j before anything is done', (conditions) => {
    expect(codeOf(() => checkWriteOptions(conditions as WriteConditions, 'put'))).toBe('INVALID_ARGUMENT')
  })

  it.each([[{}], [{ ifNoneMatch: '*' }], [{ ifMatch: 'E' }], [{ ifMatch: '*' }]])('takes %j', (conditions) => {
    expect(codeOf(() => checkWriteOptions(conditions as WriteConditions, 'put'))).toBeUndefined()
  })
})
