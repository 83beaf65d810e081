import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isStorageError } from '../../../src/errors/index.js'
import { keyProblem } from '../../../src/keys/index.js'
import {
  isDriverName,
  type Location,
  MAX_PATH_BYTES,
  type PathScheme,
  prefixPaths,
  resolvePath,
  uriPaths,
} from '../../../src/store/paths/index.js'
import { maybeKey } from '../keys/arbitrary.js'

const rules = { s3: ['project_'], local: ['uploads/', 'storage/'] } as const
const scheme = prefixPaths(rules)
const drivers = ['s3', 'local'] as const

function resolve(path: string, by: PathScheme<'s3' | 'local'> = scheme) {
  return resolvePath(path, by, drivers, () => 'local')
}

/** `driver key` for each candidate. */
function candidates(path: string, by?: PathScheme<'s3' | 'local'>): string[] {
  return resolve(path, by).candidates.map(({ driver, key }) => `${driver} ${key}`)
}

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (isStorageError(error)) return error.code
    throw error
  }
  return 'nothing thrown'
}

describe('uriPaths', () => {
  it('writes and reads driver:key', () => {
    expect(uriPaths().format({ driver: 's3', key: 'project_7/x.pdf' })).toBe('s3:project_7/x.pdf')
    expect(uriPaths().parse('local:a:b')).toEqual({ driver: 'local', key: 'a:b' })
  })

  it.each([
    '',
    ':',
    's3:',
    ':x',
    's3',
    's3:/x',
    's3:../x',
    's3:a//b',
    's3:a\\b',
    '7:x',
    'C:\\x',
    'C:x',
    's 3:x',
    's3:\0',
    's3://bucket/x',
  ])('does not recognise %j', (path) => {
    expect(uriPaths().parse(path)).toBeUndefined()
  })

  it('knows what a driver may be called', () => {
    for (const name of ['s3', 'local', 'eu-west_1', 'X'.repeat(32)]) expect(isDriverName(name)).toBe(true)
    for (const name of ['', 'c', '1x', 'a:b', 'a/b', 'ä2', 'X'.repeat(33)]) expect(isDriverName(name)).toBe(false)
  })
})

describe('prefixPaths, written', () => {
  it.each([
    ['s3', 'project_7/uploads/x.pdf', 'project_7/uploads/x.pdf'],
    ['s3', 'x.pdf', 's3:x.pdf'],
    ['s3', 'uploads/x.pdf', 's3:uploads/x.pdf'],
    ['s3', 's3:x', 's3:s3:x'],
    ['local', 'uploads/x.pdf', 'uploads/x.pdf'],
    ['local', 'invoices/uploads/x.pdf', 'invoices/uploads/x.pdf'],
    ['local', 'invoice.pdf', 'storage/invoice.pdf'],
    ['local', 'storage/x', 'storage/storage/x'],
    ['local', 'storage/storage/x', 'storage/storage/storage/x'],
    ['local', 'project_7/invoice.pdf', 'storage/project_7/invoice.pdf'],
    ['local', 'project_7/uploads/x', 'storage/project_7/uploads/x'],
    ['local', 's3:project_7/x', 'storage/s3:project_7/x'],
    ['local', 'local:uploads/x', 'storage/local:uploads/x'],
    ['local', 'C:/app/uploads/x', 'storage/C:/app/uploads/x'],
    ['local', 'C:uploads/x', 'C:uploads/x'],
    ['local', 'x'.repeat(1024), `storage/${'x'.repeat(1024)}`],
    ['archive', 'uploads/x', 'archive:uploads/x'],
    ['archive', 'project_7/x', 'archive:project_7/x'],
  ])('%s %s is %s', (driver, key, path) => {
    expect(scheme.format({ driver, key })).toBe(path)
    expect(scheme.parse(path)).toEqual({ driver, key })
  })

  const name = fc.constantFrom('s3', 'local', 'archive', 'gcs')
  const piece = fc.constantFrom(
    'project_',
    'uploads/',
    'storage/',
    'storage',
    'tmp',
    's3:',
    'local:',
    'a/',
    '/var/',
    'project_7/uploads/',
    'x',
  )
  const configuration = fc
    .record({
      s3: fc.uniqueArray(piece, { maxLength: 3 }),
      local: fc.uniqueArray(piece, { maxLength: 4 }),
      archive: fc.uniqueArray(piece, { maxLength: 2 }),
    })
    .map(({ s3, local, archive }) => ({
      s3,
      local: local.filter((one) => !s3.includes(one)),
      archive: archive.filter((one) => !s3.includes(one) && !local.includes(one)),
    }))
  const roots = fc.uniqueArray(fc.constantFrom('public/', '/var/www/app', 'storage/', 'C:\\app', 'a'), { maxLength: 2 })
  const anywhere = fc.constantFrom<('s3' | 'local' | 'archive')[] | undefined>(
    undefined,
    ['local'],
    ['archive', 'local'],
    [],
    ['s3'],
  )

  it('reads back as the same driver and key, whatever the rules and the key', () => {
    let checked = 0
    const location = fc.record({
      driver: name,
      key: fc.oneof(
        maybeKey,
        fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => `${pieces.join('')}x`),
      ),
    })
    fc.assert(
      fc.property(configuration, roots, anywhere, location, (config, rooted, where, { driver, key }) => {
        fc.pre(keyProblem(key) === undefined)
        checked++
        for (const one of [
          scheme,
          uriPaths(),
          prefixPaths(config, { roots: rooted, anywhere: where }),
          prefixPaths(config, { roots: rooted, anywhere: where, envelope: false }),
        ]) {
          const path = one.format({ driver, key })
          expect(one.parse(path)).toEqual({ driver, key })
          expect(one.format(one.parse(path) as Location)).toBe(path)
          const resolved = resolvePath<string>(path, one, ['s3', 'local', 'archive', 'gcs'], () => 'local')
          expect(resolved).toEqual({ candidates: [{ driver, key }], canonical: true, bare: false })
        }
      }),
      { numRuns: 3000 },
    )
    expect(checked).toBeGreaterThan(500)
  })

  it('never gives two locations one path', () => {
    const location = fc.record({ driver: name, key: maybeKey })
    fc.assert(
      fc.property(location, location, (a, b) => {
        fc.pre(keyProblem(a.key) === undefined && keyProblem(b.key) === undefined)
        const same = a.driver === b.driver && a.key === b.key
        expect(scheme.format(a) === scheme.format(b)).toBe(same)
      }),
    )
  })
})

describe('prefixPaths, old paths', () => {
  it.each([
    ['project_7/uploads/x', ['s3 project_7/uploads/x']],
    ['uploads/x', ['local uploads/x']],
    ['my_uploads/x', ['local my_uploads/x']],
    ['./uploads/x', ['local uploads/x']],
    ['.//uploads///x', ['local uploads/x']],
    ['uploads/a/./b/../x', ['local uploads/a/x']],
    ['/uploads/x', ['local uploads/x']],
    ['../storage/x', ['local x', 'local storage/x']],
    ['./public/uploads/x', ['local public/uploads/x', 'local uploads/x']],
    ['uploads\\a\\x.pdf', ['local uploads/a/x.pdf']],
    ['C:\\app\\uploads\\x.pdf', ['local uploads/x.pdf', 'local app/uploads/x.pdf']],
    ['c:/app/uploads/x', ['local uploads/x', 'local app/uploads/x']],
    ['\\\\host\\share\\uploads\\x', ['local uploads/x', 'local host/share/uploads/x']],
    ['/var/www/app/storage/x.pdf', ['local x.pdf', 'local storage/x.pdf', 'local var/www/app/storage/x.pdf']],
    ['storage/uploads/x', ['local uploads/x', 'local storage/uploads/x']],
    ['local:uploads/x', ['local uploads/x']],
    ['s3:project_7/x', ['s3 project_7/x']],
    ['https://host/uploads/x', ['local https:/host/uploads/x', 'local uploads/x']],
  ])('%s may mean %j', (path, expected) => {
    expect(candidates(path)).toEqual(expected)
  })

  it('means one location where it is what the scheme writes, and says which ones those are', () => {
    for (const path of ['project_7/x', 'uploads/x', 'storage/x', 'public/uploads/x', 's3:x']) {
      expect(resolve(path)).toMatchObject({ canonical: true, bare: false })
      expect(candidates(path)).toHaveLength(1)
    }
    for (const path of ['./uploads/x', 'local:uploads/x', 's3:project_7/x', '/uploads/x', 'storage/uploads/x']) {
      expect(resolve(path)).toMatchObject({ canonical: false, bare: false })
    }
  })

  it('takes roots off', () => {
    const rooted = prefixPaths(rules, { roots: ['public', '/var/www/app/', 'D:\\app'] })
    expect(candidates('public/uploads/x', rooted)).toEqual(['local uploads/x', 'local public/uploads/x'])
    expect(rooted.parse('/var/www/app/data/x')).toEqual({ driver: 'local', key: 'data/x' })
    expect(rooted.parse('/var/www/app/storage/x')).toEqual({ driver: 'local', key: 'x' })
    expect(rooted.parse('/var/www/app/project_7/x')).toEqual({ driver: 'local', key: 'project_7/x' })
    expect(rooted.parse('D:\\app\\a\\x')).toEqual({ driver: 'local', key: 'a/x' })
    expect(rooted.parse('/var/www/app/../../etc/passwd')).toBeUndefined()
    expect(rooted.parse('/var/www/application/x')).toBeUndefined()
    expect(rooted.format({ driver: 'local', key: 'public/uploads/x' })).toBe('storage/public/uploads/x')
  })

  it('never leads out of the store: every candidate is a legal key', () => {
    const part = fc.constantFrom(
      '..',
      '.',
      '/',
      '\\',
      'uploads/',
      'storage/',
      'project_',
      'etc/passwd',
      'C:',
      's3:',
      'local:',
      'a',
      '\0',
      '//',
      '../',
      'public/',
    )
    const anyPath = fc.oneof(
      fc.array(part, { maxLength: 12 }).map((parts) => parts.join('')),
      fc.string({ unit: 'binary' }),
    )
    const rooted = prefixPaths(rules, { roots: ['public/', '/a'] })
    fc.assert(
      fc.property(anyPath, (path) => {
        for (const one of [scheme, rooted, uriPaths()]) {
          const all = [one.parse(path), ...(one.candidates?.(path) ?? [])].filter((location) => location !== undefined)
          for (const { key } of all) expect(keyProblem(key)).toBeUndefined()
          try {
            for (const { key } of resolve(path, one).candidates) expect(keyProblem(key)).toBeUndefined()
          } catch (error) {
            expect(isStorageError(error, 'INVALID_KEY')).toBe(true)
          }
        }
      }),
      { numRuns: 3000 },
    )
  })

  it.each([
    'uploads/../../etc/passwd',
    'uploads/..',
    '../../etc/passwd',
    '/etc/passwd',
    'project_7/../../x',
    'project_7\\x',
    'storage/',
    'x\\y',
  ])('refuses %j', (path) => {
    expect(codeOf(() => resolve(path))).toBe('INVALID_KEY')
  })

  it('answers a path of a thousand markers with a handful of candidates', () => {
    const path = `/${'uploads/'.repeat(100)}x`
    expect(candidates(path).length).toBeLessThanOrEqual(8)
    expect(candidates(`/${'a/'.repeat(2000)}uploads/x`)).toEqual(['local uploads/x'])
  })
})

describe('prefixPaths, the rules', () => {
  it('lets another driver count anywhere, and the longest prefix decide', () => {
    const other = prefixPaths({ disk: ['data/'], s3: ['pro'], gcs: ['project_'] }, { anywhere: ['disk'] })
    expect(other.parse('project_7')).toEqual({ driver: 'gcs', key: 'project_7' })
    expect(other.parse('process')).toEqual({ driver: 's3', key: 'process' })
    expect(other.parse('/srv/data/x')).toEqual({ driver: 'disk', key: 'x' })
    expect(other.format({ driver: 'disk', key: 'x' })).toBe('data/x')
  })

  it('takes the envelope that is asked for', () => {
    const first = prefixPaths(rules, { envelope: 'uploads/' })
    expect(first.format({ driver: 'local', key: 'x' })).toBe('uploads/x')
    expect(first.format({ driver: 'local', key: 'uploads/x' })).toBe('uploads/uploads/x')
    const none = prefixPaths(rules, { envelope: false })
    expect(none.format({ driver: 'local', key: 'x' })).toBe('local:x')
    expect(none.format({ driver: 'local', key: 'storage/x' })).toBe('storage/x')
  })

  it.each([
    [{ s3: ['a/'], local: ['a/'] }, {}],
    [{ s3: [''], local: [] }, {}],
    [{ s3: [7 as unknown as string], local: [] }, {}],
    [{ s: ['x'], local: [] }, {}],
    [{ 'a:b': ['x'] }, {}],
    [{ local: ['a/'] }, { envelope: 'b/' }],
    [{ local: ['a'] }, { envelope: 'a' }],
    [{ s3: ['a/'], local: [] }, { envelope: 'a/' }],
    [{ s3: ['a/'] }, { anywhere: ['disk' as 's3'] }],
    [{ local: ['a/'] }, { roots: ['/'] }],
  ])('refuses %j %j', (config, options) => {
    expect(codeOf(() => prefixPaths(config as Record<string, string[]>, options))).toBe('CONFIGURATION')
  })
})

describe('resolvePath', () => {
  it('takes what the scheme does not recognise as a bare key: where it is routed to first, then the others', () => {
    expect(resolve('report.pdf')).toEqual({
      candidates: [
        { driver: 'local', key: 'report.pdf' },
        { driver: 's3', key: 'report.pdf' },
      ],
      canonical: false,
      bare: true,
    })
    const routed: string[] = []
    const { candidates: found } = resolvePath('a/b', uriPaths(), drivers, (key) => {
      routed.push(key)
      return undefined
    })
    expect(routed).toEqual(['a/b'])
    expect(found.map(({ driver }) => driver)).toEqual(['s3', 'local'])
  })

  it('takes a driver that nobody knows as part of a bare key', () => {
    expect(resolve('notes:2024/x', uriPaths())).toMatchObject({ bare: true })
    expect(candidates('notes:2024/x', uriPaths())[0]).toBe('local notes:2024/x')
  })

  it('keeps a path of a driver that only the scheme knows: S3 may be switched off', () => {
    const { candidates: found } = resolvePath<'s3' | 'local'>('project_7/x', scheme, ['local'], () => 'local')
    expect(found).toEqual([{ driver: 's3', key: 'project_7/x' }])
  })

  it.each(['s3:', 's3:/x', 's3:../x', 's3://bucket/x', 'local:a//b'])(
    'refuses %j: a known driver, and no key',
    (path) => {
      expect(codeOf(() => resolve(path, uriPaths()))).toBe('INVALID_KEY')
    },
  )

  it.each([
    ['', 'INVALID_KEY'],
    ['a\0', 'INVALID_KEY'],
    ['uploads/a\nb', 'INVALID_KEY'],
    ['uploads/\ud800', 'INVALID_KEY'],
    ['x'.repeat(1025), 'INVALID_KEY'],
    [`./uploads/${'a/'.repeat(MAX_PATH_BYTES / 2)}x`, 'INVALID_KEY'],
    [undefined, 'INVALID_ARGUMENT'],
    [null, 'INVALID_ARGUMENT'],
    [7, 'INVALID_ARGUMENT'],
    [{ toString: () => 'uploads/x' }, 'INVALID_ARGUMENT'],
    [['uploads/x'], 'INVALID_ARGUMENT'],
  ])('refuses %j with %s', (path, code) => {
    expect(codeOf(() => resolve(path as string))).toBe(code)
  })

  it('shows no more of a bad path than its start', () => {
    try {
      resolve(`./uploads/${'secret/'.repeat(1000)}`)
    } catch (error) {
      expect(String(error).length).toBeLessThan(300)
      return
    }
    throw new Error('It did not throw.')
  })

  it("takes a scheme of one's own", () => {
    const own: PathScheme<'s3' | 'local'> = {
      format: ({ driver, key }) => `/${driver}/${key}`,
      parse: (path) => {
        const [, driver, key] = /^\/(s3|local)\/(.+)$/.exec(path) ?? []
        return driver && key ? { driver, key } : undefined
      },
    }
    expect(resolve('/s3/a/b', own)).toEqual({
      candidates: [{ driver: 's3', key: 'a/b' }],
      canonical: true,
      bare: false,
    })
    expect(codeOf(() => resolve('/s4/a', own))).toBe('INVALID_KEY')
    expect(codeOf(() => resolve('/s3/../a', own))).toBe('INVALID_KEY')
    const careless: PathScheme<'s3' | 'local'> = { ...own, parse: (path) => ({ driver: 'local', key: `../${path}` }) }
    expect(candidates('a', careless)).toEqual(['local a', 's3 a'])
  })
})
