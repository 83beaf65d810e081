import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isStorageError, type StorageError } from '../../../src/errors/index.js'
import { defineKey, keyProblem } from '../../../src/keys/index.js'
import { nastySegment } from './arbitrary.js'

const uploadKey = defineKey('project_{projectId}/uploads/{filename}')

function failure(run: () => unknown): StorageError {
  try {
    run()
  } catch (error) {
    if (isStorageError(error)) return error
    throw error
  }
  throw new Error('It did not throw.')
}

describe('defineKey', () => {
  it('builds and parses', () => {
    expect(uploadKey({ projectId: 7, filename: 'résumé (1).pdf' })).toBe('project_7/uploads/résumé (1).pdf')
    expect(uploadKey.parse('project_7/uploads/résumé (1).pdf')).toEqual({ projectId: '7', filename: 'résumé (1).pdf' })
    expect(uploadKey({ projectId: 12345678901234567890n, filename: '-0' })).toBe(
      'project_12345678901234567890/uploads/-0',
    )
    expect(uploadKey.template).toBe('project_{projectId}/uploads/{filename}')
    expect(defineKey('static/logo.png')({})).toBe('static/logo.png')
    expect(defineKey('static/logo.png').parse('static/logo.png')).toEqual({})
    expect(Object.isFrozen(uploadKey)).toBe(true)
  })

  it.each([
    'project_7/uploads/',
    'project_/uploads/a',
    'project_7/uploads/a/b',
    'project_7/8/uploads/a',
    'xproject_7/uploads/a',
    'project_7/uploads/..',
    'project_7/uploads/a\0',
    '/project_7/uploads/a',
    'project_7/Uploads/a',
    '',
  ])('does not parse %j', (key) => {
    expect(uploadKey.parse(key)).toBeUndefined()
    expect(defineKey('v{x}').parse(key)).toBeUndefined()
  })

  it.each([undefined, null, 7, {}])('does not parse %o, and does not throw', (key) => {
    expect(uploadKey.parse(key as unknown as string)).toBeUndefined()
  })

  const hostile = [
    '',
    '.',
    '..',
    '../',
    '../../etc/passwd',
    '/',
    '/etc/passwd',
    'a/b',
    '..\\..\\x',
    'a\\b',
    '\0',
    'a\u0000.pdf',
    'a\r\nb',
    '\u009f',
    '\ud83d',
    'x'.repeat(1025),
  ]
  it.each(hostile)('refuses the value %j in every parameter, by its name', (value) => {
    const first = failure(() => uploadKey({ projectId: value, filename: 'a' }))
    expect(first).toMatchObject({ code: 'INVALID_KEY', outcome: 'unchanged' })
    expect(first.message).toContain('parameter projectId')
    const second = failure(() => uploadKey({ projectId: 7, filename: value }))
    expect(second.code).toBe('INVALID_KEY')
    expect(second.message).toContain('parameter filename')
    expect(failure(() => uploadKey.prefix({ projectId: value })).code).toBe('INVALID_KEY')
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1.5, 1e21, 2 ** 53, true, null, {}, [], () => 'x', Symbol.iterator])(
    'refuses the value %o as INVALID_ARGUMENT',
    (value) => {
      const error = failure(() => uploadKey({ projectId: value as number, filename: 'a' }))
      expect(error.code).toBe('INVALID_ARGUMENT')
      expect(error.message).toContain('projectId')
    },
  )

  it('refuses missing and unknown parameters, inherited ones included', () => {
    const missing = failure(() => uploadKey({ projectId: 7 } as never))
    expect(missing).toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(missing.message).toContain('filename is missing')
    const unknown = failure(() => uploadKey({ projectId: 7, filename: 'a', fileName: 'b' } as never))
    expect(unknown.message).toContain('fileName')
    expect(failure(() => uploadKey(Object.create({ projectId: 7, filename: 'a' }))).message).toContain('missing')
    expect(failure(() => uploadKey(undefined as never)).code).toBe('INVALID_ARGUMENT')
    const inherited = defineKey('{toString}/{constructor}')
    expect(failure(() => inherited({} as never)).message).toContain('missing')
  })

  it('gives a parameter called __proto__ back as a property like any other', () => {
    const odd = defineKey('{__proto__}/x')
    const parsed = odd.parse('polluted/x')
    expect(Object.entries(parsed ?? {})).toEqual([['__proto__', 'polluted']])
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  it('refuses a key that gets too long as a whole', () => {
    expect(failure(() => uploadKey({ projectId: 'x'.repeat(600), filename: 'y'.repeat(600) })).code).toBe('INVALID_KEY')
  })

  it.each([
    ['{a}{b}', /nothing stands between/],
    ['{a', /brace/],
    ['a}', /brace/],
    ['{{a}}', /brace/],
    ['{}', /no name/],
    ['{a b}', /no name/],
    ['{1}', /no name/],
    ['{a}/{a}', /twice/],
    ['', /empty/],
    ['/{a}', /slash/],
    ['{a}/', /empty segment/],
    ['{a}/../{b}', /"\.\."/],
    ['a\\{a}', /backslash/],
    ['a\n{a}', /control/],
    ['x'.repeat(2000), /bytes/],
    [7, /no string/],
  ])('refuses the template %j', (template, problem) => {
    const error = failure(() => defineKey(template as string))
    expect(error.code).toBe('INVALID_ARGUMENT')
    expect(error.message).toMatch(problem)
  })

  it('reads several parameters in one segment, or refuses the value that would be read as another', () => {
    const page = defineKey('{name}_{page}.png')
    expect(page.parse(page({ name: 'scan', page: '1_2' }))).toEqual({ name: 'scan', page: '1_2' })
    expect(page.parse(page({ name: 'scan', page: '1.png' }))).toEqual({ name: 'scan', page: '1.png' })
    expect(failure(() => page({ name: 'my_scan', page: 1 })).message).toContain('parameter name')
    expect(page.parse(page({ name: '_', page: 1 }))).toEqual({ name: '_', page: '1' })
    const overlapping = defineKey('{a}aa{b}')
    expect(failure(() => overlapping({ a: 'ba', b: 'c' })).message).toContain('parameter a')
    expect(overlapping.parse(overlapping({ a: 'b', b: 'ac' }))).toEqual({ a: 'b', b: 'ac' })
  })

  it('does not look for the end of a value in the next segment', () => {
    const form = defineKey('{a}_{b}/{c}_{d}')
    expect(form.parse('x/y_z')).toBeUndefined()
    expect(form.parse('x/y_z/w_v')).toBeUndefined()
    expect(form.parse('x_y/z_w')).toEqual({ a: 'x', b: 'y', c: 'z', d: 'w' })
  })

  it('reads a hostile key in one pass', () => {
    const many = defineKey('{a}-{b}-{c}-{d}-{e}-{f}.x')
    expect(many.parse('-'.repeat(1024))).toBeUndefined()
  })

  const templates = [
    'project_{projectId}/uploads/{filename}',
    '{a}_{b}',
    '{a}.{b}.{c}',
    'x{a}--{b}y/{c}/z{d}',
    '{a}aba{b}ab',
    '{a}/{b}',
    '.{a}',
    '{a}.',
  ]
  const value = fc.oneof(
    nastySegment,
    fc.integer(),
    fc.array(fc.constantFrom('a', 'b', '_', '.', '-', 'y'), { minLength: 1, maxLength: 5 }).map((s) => s.join('')),
  )

  it.each(templates)('%s gives back exactly what it was built with, or refuses the value', (template) => {
    const key = defineKey(template)
    const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string)
    let built = 0
    fc.assert(
      fc.property(fc.array(value, { minLength: names.length, maxLength: names.length }), (values) => {
        const parameters = Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']))
        let text: string
        try {
          text = key(parameters)
        } catch (error) {
          expect(isStorageError(error)).toBe(true)
          return
        }
        built++
        expect(keyProblem(text)).toBeUndefined()
        expect(text.split('/').length).toBe(template.split('/').length)
        expect(key.parse(text)).toEqual(Object.fromEntries(names.map((name) => [name, String(parameters[name])])))
      }),
      { numRuns: 500 },
    )
    expect(built).toBeGreaterThan(50)
  })

  it.each(templates)('%s builds again every key that it parses', (template) => {
    const key = defineKey(template)
    const text = fc.array(fc.constantFrom('a', 'b', '_', '.', '-', 'y', '/', 'x', 'z', 'project_', '/uploads/'), {
      maxLength: 10,
    })
    fc.assert(
      fc.property(text, (parts) => {
        const parsed = key.parse(parts.join(''))
        if (parsed !== undefined) expect(key(parsed)).toBe(parts.join(''))
      }),
      { numRuns: 1000 },
    )
  })
})

describe('prefix', () => {
  it('goes up to the first parameter that is left out', () => {
    expect(uploadKey.prefix({ projectId: 7 })).toBe('project_7/uploads/')
    expect(uploadKey.prefix()).toBe('project_')
    expect(uploadKey.prefix({ projectId: undefined } as never)).toBe('project_')
  })

  it('refuses what would be no prefix: user1 is the start of user10 too', () => {
    expect(failure(() => uploadKey.prefix({ projectId: 7, filename: 'a' })).code).toBe('INVALID_ARGUMENT')
    expect(failure(() => uploadKey.prefix({ filename: 'a' })).message).toContain('projectId in front of it')
    expect(failure(() => defineKey('a').prefix()).code).toBe('INVALID_ARGUMENT')
  })

  it('is what every such key starts with', () => {
    fc.assert(
      fc.property(fc.nat(), fc.stringMatching(/^[a-z]{1,5}$/), (projectId, filename) => {
        expect(uploadKey({ projectId, filename }).startsWith(uploadKey.prefix({ projectId }))).toBe(true)
      }),
    )
  })
})
