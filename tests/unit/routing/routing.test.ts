import { describe, expect, it } from 'vitest'
import { isStorageError, type StorageError } from '../../../src/errors/index.js'
import {
  chooseDriver,
  firstMatch,
  type RoutingPolicy,
  routeByContentType,
  routeByKind,
  routeByPrefix,
  routeBySize,
} from '../../../src/store/routing/index.js'

const key = 'a/b.pdf'
const rules = { s3: ['upload', 'document', 'image'], local: ['pdf', 'invoice', 'temp', 'cache'] } as const

function failure(run: () => unknown): StorageError {
  try {
    run()
  } catch (error) {
    if (isStorageError(error)) return error
    throw error
  }
  throw new Error('It did not throw.')
}

describe('routeByKind', () => {
  const policy = routeByKind(rules, { otherwise: 'local' })

  it('knows each kind', () => {
    for (const kind of rules.s3) expect(policy({ key, kind })).toBe('s3')
    for (const kind of rules.local) expect(policy({ key, kind })).toBe('local')
    expect(policy.kinds).toEqual([...rules.s3, ...rules.local])
  })

  it.each([undefined, 'Document', 'document ', '', '__proto__', 'constructor', 'toString', 7, null])(
    'sends the kind %j to otherwise, and has no opinion without one',
    (kind) => {
      expect(policy({ key, kind: kind as 'pdf' })).toBe('local')
      expect(routeByKind(rules)({ key, kind: kind as 'pdf' })).toBeUndefined()
    },
  )

  it.each([[{ s3: ['a', 'b'], local: ['b'] }], [{ s3: [''] }], [{ s3: [7 as unknown as string] }]])(
    'refuses %j',
    (bad) => {
      expect(failure(() => routeByKind(bad)).code).toBe('CONFIGURATION')
    },
  )

  it('names both drivers of a kind that is listed twice', () => {
    expect(failure(() => routeByKind({ s3: ['pdf'], local: ['pdf'] })).message).toMatch(/"pdf".*s3.*local/)
    expect(routeByKind({ s3: ['pdf', 'pdf'] })({ key, kind: 'pdf' })).toBe('s3')
  })

  it('does not follow a later change of the lists', () => {
    const s3 = ['a']
    const fixed = routeByKind({ s3, local: ['b'] })
    s3.push('b')
    expect(fixed({ key, kind: 'b' })).toBe('local')
  })
})

describe('routeByContentType', () => {
  const policy = routeByContentType({
    s3: ['image/*', 'application/PDF'],
    local: ['image/svg+xml', '*/*'],
    cold: ['video/*'],
  })

  it.each([
    ['image/png', 's3'],
    ['IMAGE/PNG; charset=binary', 's3'],
    ['image/svg+xml', 'local'],
    ['image/svg+xml;x=1', 'local'],
    ['application/pdf', 's3'],
    ['video/mp4', 'cold'],
    ['text/html', 'local'],
    ['nonsense', 'local'],
    [';', 'local'],
    ['imagex/png', 'local'],
  ])('%s goes to %s', (contentType, driver) => {
    expect(policy({ key: 'x', contentType })).toBe(driver)
  })

  it("goes by the key's extension where no type is given", () => {
    expect(policy({ key: 'a/b.PDF' })).toBe('s3')
    expect(policy({ key: 'a/b.png', contentType: '' })).toBe('s3')
    expect(policy({ key: 'a/pdf' })).toBe('local')
  })

  it('has no opinion where nothing fits, or the one asked for', () => {
    expect(routeByContentType({ s3: ['image/*'] })({ key })).toBeUndefined()
    expect(routeByContentType({ s3: ['image/*'] }, { otherwise: 'local' })({ key })).toBe('local')
  })

  it.each([
    [{ s3: ['image'] }],
    [{ s3: ['*'] }],
    [{ s3: ['*/png'] }],
    [{ s3: ['a/b;c'] }],
    [{ s3: ['image/*'], local: ['IMAGE/*'] }],
  ])('refuses %j', (bad) => {
    expect(failure(() => routeByContentType(bad)).code).toBe('CONFIGURATION')
  })
})

describe('routeByPrefix', () => {
  it('lets the longest prefix decide, whatever the order', () => {
    for (const policy of [
      routeByPrefix({ s3: ['project_'], local: ['project_7/tmp/'] }),
      routeByPrefix({ local: ['project_7/tmp/'], s3: ['project_'] }),
    ]) {
      expect(policy({ key: 'project_7/tmp/x' })).toBe('local')
      expect(policy({ key: 'project_7/x' })).toBe('s3')
      expect(policy({ key: 'x/project_7' })).toBeUndefined()
    }
    expect(routeByPrefix({ s3: ['a'] }, { otherwise: 'local' })({ key: 'b' })).toBe('local')
    expect(failure(() => routeByPrefix({ s3: ['a'], local: ['a'] })).code).toBe('CONFIGURATION')
    expect(failure(() => routeByPrefix({ s3: [''] })).code).toBe('CONFIGURATION')
  })
})

describe('routeBySize', () => {
  it('lets the smallest limit that holds decide, the limit itself included', () => {
    const policy = routeBySize({ s3: Number.POSITIVE_INFINITY, local: 100 })
    expect([0, 100, 101, 2 ** 50].map((size) => policy({ key, size }))).toEqual(['local', 'local', 's3', 's3'])
    expect(policy({ key })).toBeUndefined()
    expect(routeBySize({ local: 100 }, { otherwise: 's3' })({ key, size: 101 })).toBe('s3')
    expect(routeBySize({ local: 100 }, { otherwise: 's3' })({ key })).toBe('s3')
  })

  it.each([[{ a: -1 }], [{ a: Number.NaN }], [{ a: '1' as unknown as number }], [{ a: 1, b: 1 }]])(
    'refuses %j',
    (bad) => {
      expect(failure(() => routeBySize(bad)).code).toBe('CONFIGURATION')
    },
  )
})

describe('firstMatch', () => {
  it('asks one after the other, and no further than it must', () => {
    let asked = 0
    const counting: RoutingPolicy<'local'> = () => {
      asked++
      return 'local'
    }
    const policy = firstMatch(routeByPrefix({ cold: ['old/'] }), routeByKind({ s3: ['document'] }), counting)
    expect(policy({ key: 'old/x', kind: 'document' })).toBe('cold')
    expect(policy({ key: 'x', kind: 'document' })).toBe('s3')
    expect(asked).toBe(0)
    expect(policy({ key: 'x' })).toBe('local')
    expect(asked).toBe(1)
    expect(policy.kinds).toEqual(['document'])
    expect(firstMatch()({ key })).toBeUndefined()
  })
})

describe('chooseDriver', () => {
  it('takes the first driver where there is no policy', () => {
    expect(chooseDriver(undefined, { key, kind: 'anything' }, ['s3', 'local'])).toBe('s3')
  })

  it('refuses an unknown kind with the list of those there are', () => {
    const error = failure(() => chooseDriver(routeByKind(rules), { key, kind: 'docment' as 'pdf' }, ['s3', 'local']))
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', operation: 'route', key, outcome: 'unchanged' })
    expect(error.message).toContain('"docment"')
    expect(error.message).toContain('upload, document, image, pdf, invoice, temp, cache')
    expect(failure(() => chooseDriver(routeByKind(rules), { key }, ['s3', 'local'])).message).toContain(
      'without a kind',
    )
  })

  it.each(['s4', '__proto__', '', 7, null, Promise.resolve('s3')])(
    'refuses the answer %o as CONFIGURATION',
    (answer) => {
      const policy = (() => answer) as unknown as RoutingPolicy<'s3' | 'local'>
      const error = failure(() => chooseDriver(policy, { key }, ['s3', 'local']))
      expect(error.code).toBe('CONFIGURATION')
      expect(error.hint).toContain('s3, local')
    },
  )
})
