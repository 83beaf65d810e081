import { describe, expect, it } from 'vitest'
import { errorCodes, isStorageError, StorageError, type StorageErrorCode } from '../../../src/errors/index.js'

const codes = Object.keys(errorCodes) as StorageErrorCode[]

describe('StorageError', () => {
  it.each(codes)('%s takes status, retryable and hint from the table', (code) => {
    const error = new StorageError(code, 'It failed.')
    expect(error).toMatchObject({ code, ...errorCodes[code], name: 'StorageError', message: 'It failed.' })
    expect(error.hint.endsWith('.')).toBe(true)
    expect(error).toBeInstanceOf(Error)
  })

  it('lets the options decide where they are given', () => {
    const error = new StorageError('ALREADY_EXISTS', 'There.', { status: 412, retryable: true, hint: 'Look.' })
    expect(error).toMatchObject({ status: 412, retryable: true, hint: 'Look.' })
  })

  it('keeps the cause, undefined included, and has none where none was given', () => {
    const cause = new Error('below')
    expect(new StorageError('INTERNAL', 'm', { cause }).cause).toBe(cause)
    expect('cause' in new StorageError('INTERNAL', 'm')).toBe(false)
    expect('cause' in new StorageError('INTERNAL', 'm', { cause: undefined })).toBe(true)
  })

  it('with() replaces facts and keeps the rest, cause and stack included', () => {
    const error = new StorageError('UNAVAILABLE', 'Down.', {
      operation: 'get',
      key: 'a',
      cause: 'why',
      outcome: 'unknown',
      hint: 'Wait.',
    })
    const copy = error.with({ driver: 's3', key: 'b' })
    expect(copy).toMatchObject({ operation: 'get', driver: 's3', key: 'b', outcome: 'unknown', hint: 'Wait.' })
    expect(copy.cause).toBe('why')
    expect(copy.stack).toBe(error.stack)
    expect(isStorageError(copy)).toBe(true)
    expect(error.driver).toBeUndefined()
  })

  it('shows neither cause nor stack as JSON', () => {
    const error = new StorageError('INTERNAL', 'It failed.', { cause: new Error('secret at /srv/private'), key: 'k' })
    const shown = JSON.stringify(error)
    expect(JSON.parse(shown)).toMatchObject({ name: 'StorageError', code: 'INTERNAL', key: 'k', status: 500 })
    expect(shown).not.toMatch(/secret|srv|storage-error\.test/)
  })
})

describe('isStorageError', () => {
  it('tells the code', () => {
    const error: unknown = new StorageError('NOT_FOUND', 'm')
    expect(isStorageError(error)).toBe(true)
    expect(isStorageError(error, 'NOT_FOUND')).toBe(true)
    expect(isStorageError(error, 'INTERNAL')).toBe(false)
  })

  it("knows another copy's errors by their brand, for which instanceof is false", () => {
    const other = Object.assign(new Error('m'), {
      code: 'NOT_FOUND',
      [Symbol.for('hybrid-store.StorageError')]: true,
    })
    expect(other instanceof StorageError).toBe(false)
    expect(isStorageError(other, 'NOT_FOUND')).toBe(true)
  })

  it.each([
    undefined,
    null,
    0,
    'NOT_FOUND',
    {},
    new Error('x'),
    { code: 'NOT_FOUND', name: 'StorageError' },
    () => {},
    JSON.parse(JSON.stringify(new StorageError('NOT_FOUND', 'm'))),
  ])('is false for %o', (value) => {
    expect(isStorageError(value)).toBe(false)
  })

  it('cannot be forged by what JSON brings in: the brand is a symbol, and does not show', () => {
    const error = new StorageError('NOT_FOUND', 'm')
    expect(isStorageError(JSON.parse('{"hybrid-store.StorageError":true,"code":"NOT_FOUND"}'))).toBe(false)
    expect(Object.keys(error).join()).not.toContain('hybrid-store')
    expect(Object.getOwnPropertyDescriptor(error, Symbol.for('hybrid-store.StorageError'))?.enumerable).toBe(false)
  })
})
