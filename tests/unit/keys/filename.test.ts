import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyProblem, sanitizeFilename, uniqueName } from '../../../src/keys/index.js'

const RESERVED = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])$/i

/** What every common file system and every driver takes as one name, and a person can read. */
function expectSafe(name: string, maxBytes = 255): void {
  expect(keyProblem(name)).toBeUndefined()
  expect(name).not.toMatch(/[/\\<>:"|?*]/)
  expect(name).not.toMatch(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/u)
  expect(name).not.toMatch(/^[. ]|[. ]$/)
  expect(name.split('.')[0]?.trimEnd()).not.toMatch(RESERVED)
  expect(Buffer.byteLength(name)).toBeLessThanOrEqual(maxBytes)
  expect(name.normalize('NFC')).toBe(name)
}

describe('sanitizeFilename', () => {
  it.each([
    'résumé (1).pdf',
    'scan.pdf',
    'Rechnung Nr. 7 – März.pdf',
    'a@2x.png',
    "it's & more #1 [x] {y} 50%.txt",
    '日本語.docx',
    'مستند.pdf',
    '😀.png',
    'archive.tar.gz',
    'console.log',
    'null.txt',
    'COM10',
    'no extension',
    'a..b',
  ])('leaves %j as it is', (name) => {
    expect(sanitizeFilename(name)).toBe(name)
    expectSafe(name)
  })

  it.each([
    ['../../etc/passwd', 'passwd'],
    ['..\\..\\windows\\win.ini', 'win.ini'],
    ['C:\\fakepath\\scan.pdf', 'scan.pdf'],
    ['a/b\\c.txt', 'c.txt'],
    ['folder/', 'folder'],
    ['x/..', 'x'],
    ['..', 'file'],
    ['.', 'file'],
    ['', 'file'],
    [undefined, 'file'],
    [null, 'file'],
    ['/', 'file'],
    [' . . ', 'file'],
    ['\u202e\u200b', 'file'],
    ['invoice\u202egpj.exe', 'invoicegpj.exe'],
    ['a\u2066b\u2069\u200e\u200f\u061c.txt', 'ab.txt'],
    ['a\u200b\u200c\u200d\u2060\ufeff\u00adb.txt', 'ab.txt'],
    ['a\0b\r\nc\u0085.pdf', 'abc.pdf'],
    ['.\u0000./x', 'x'],
    ['..\u200b', 'file'],
    ['a\ud800b.txt', 'ab.txt'],
    ['\udc00', 'file'],
    ['CON', '_CON'],
    ['nul.txt', '_nul.txt'],
    ['NUL .tar.gz', '_NUL .tar.gz'],
    ['COM1', '_COM1'],
    ['com¹.log', '_com¹.log'],
    ['LPT³', '_LPT³'],
    ['con\u200b.txt', '_con.txt'],
    ['CONIN$', '_CONIN$'],
    ['.CON', '_CON'],
    ['file.', 'file'],
    ['file. . .', 'file'],
    ['file ', 'file'],
    ['.htaccess', 'htaccess'],
    ['...hidden.txt', 'hidden.txt'],
    ['a<b>c:d"e|f?g*h.txt', 'a_b_c_d_e_f_g_h.txt'],
    ['x.txt:stream', 'x.txt_stream'],
    ['e\u0301.txt', 'é.txt'],
    ['e\u200d\u0301.txt', 'é.txt'],
    ['a\u00a0\u3000\u2003b.txt', 'a b.txt'],
  ])('makes %j %j', (name, expected) => {
    expect(sanitizeFilename(name)).toBe(expected)
    expectSafe(expected)
  })

  it('cuts a long name and keeps its extension', () => {
    expect(sanitizeFilename(`${'x'.repeat(400)}.pdf`)).toBe(`${'x'.repeat(251)}.pdf`)
    expect(sanitizeFilename(`${'x'.repeat(400)}.tar.gz`)).toBe(`${'x'.repeat(248)}.tar.gz`)
    expect(sanitizeFilename('x'.repeat(400))).toBe('x'.repeat(255))
    expect(sanitizeFilename(`${'é'.repeat(400)}.pdf`)).toBe(`${'é'.repeat(125)}.pdf`)
    expect(sanitizeFilename(`a.${'x'.repeat(400)}`)).toBe(`a.${'x'.repeat(253)}`)
    expect(sanitizeFilename(`${'x'.repeat(29)} . y.pdf`, { maxBytes: 34 })).toBe(`${'x'.repeat(29)}.pdf`)
  })

  it('cuts between graphemes, and a monstrous one between code points', () => {
    const flag = '🇩🇪'
    const cut = sanitizeFilename(`${flag.repeat(100)}.png`)
    expect(cut).toBe(`${flag.repeat(31)}.png`)
    const zalgo = sanitizeFilename(`Z${'\u0300'.repeat(500)}.txt`)
    expect(zalgo).toMatch(/^Z\u0300{100,}\.txt$/)
    expectSafe(zalgo)
  })

  it.each([
    ['accents', `a${'\u0301'.repeat(100_000)}${'\u0323'.repeat(100_000)}.pdf`],
    ['slashes', 'a/'.repeat(500_000)],
    ['dots', '.'.repeat(1_000_000)],
    ['surrogates', `${'😀'.repeat(5000)}x${'😀'.repeat(5000)}`],
  ])('is not held up by a million %s', { timeout: 10_000 }, (_what, name) => {
    expectSafe(sanitizeFilename(name))
  })

  it('takes the fallback through the same rules', () => {
    expect(sanitizeFilename('..', { fallback: 'upload' })).toBe('upload')
    expect(sanitizeFilename('..', { fallback: '../CON' })).toBe('_CON')
    expect(sanitizeFilename('..', { fallback: '/' })).toBe('file')
  })

  it.each([0, 31, 256, 40.5, Number.NaN])('refuses maxBytes %d', (maxBytes) => {
    expect(() => sanitizeFilename('a', { maxBytes })).toThrow(/maxBytes/)
    expect(() => uniqueName('a', { maxBytes })).toThrow(/maxBytes/)
  })

  it.each([
    `CON.tarnul.${'x'.repeat(120)}`,
    `a.tar.${'é'.repeat(100)}`,
    `😀.tar.${'é'.repeat(20)}`,
    `a.${'😀'.repeat(20)}`,
  ])('an extension that leaves no room for the name: %j', (name) => {
    for (let maxBytes = 32; maxBytes <= 255; maxBytes++) {
      expectSafe(sanitizeFilename(name, { maxBytes }), maxBytes)
      expectSafe(uniqueName(name, { maxBytes }), maxBytes)
    }
  })

  const anyName = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 400 }),
    fc.string({ unit: 'grapheme', maxLength: 200 }),
    fc
      .array(
        fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
        { maxLength: 300 },
      )
      .map((s) => s.join('')),
    fc
      .array(
        fc.constantFrom(
          '.',
          '..',
          ' ',
          '/',
          '\\',
          'CON',
          'nul',
          'com¹',
          '\u202e',
          '\u200b',
          '\ud800',
          '\u0301',
          'e',
          '😀',
          ':',
          '.tar',
          '.gz',
          'x'.repeat(120),
        ),
        { maxLength: 12 },
      )
      .map((s) => s.join('')),
  )

  it('is a safe name whatever comes in, and stays as it is the second time', () => {
    fc.assert(
      fc.property(anyName, fc.integer({ min: 32, max: 255 }), (name, maxBytes) => {
        const safe = sanitizeFilename(name, { maxBytes })
        expectSafe(safe, maxBytes)
        expect(sanitizeFilename(safe, { maxBytes })).toBe(safe)
      }),
      { numRuns: 3000 },
    )
  })

  it('is a unique name whatever comes in', () => {
    fc.assert(
      fc.property(anyName, fc.integer({ min: 32, max: 255 }), (name, maxBytes) => {
        expectSafe(uniqueName(name, { maxBytes }), maxBytes)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('uniqueName', () => {
  it('keeps the name readable and its extension in place', () => {
    expect(uniqueName('scan.pdf')).toMatch(/^scan-[0-9a-hjkmnp-tv-z]{13}\.pdf$/)
    expect(uniqueName('backup.tar.gz')).toMatch(/^backup-[0-9a-hjkmnp-tv-z]{13}\.tar\.gz$/)
    expect(uniqueName('../../CON')).toMatch(/^_CON-[0-9a-z]{13}$/)
    expect(uniqueName('')).toMatch(/^file-[0-9a-z]{13}$/)
    expect(Buffer.byteLength(uniqueName(`${'é'.repeat(400)}.pdf`))).toBeLessThanOrEqual(255)
    expect(uniqueName(`${'x'.repeat(400)}.pdf`)).toMatch(/^x{237}-[0-9a-z]{13}\.pdf$/)
  })

  it('never says the same twice, not even where case does not count', () => {
    const names = new Set(Array.from({ length: 20_000 }, () => uniqueName('scan.pdf').toLowerCase()))
    expect(names.size).toBe(20_000)
  })

  it('uses all 32 characters in every place', () => {
    const tokens = Array.from({ length: 2000 }, () => uniqueName('a').slice(2))
    for (let place = 0; place < 13; place++) expect(new Set(tokens.map((token) => token[place])).size).toBe(32)
  })
})
