import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isForeignName, namesOf, segmentOf } from '../../../src/drivers/fs/names.js'

const cased = { folding: false }
const folding = { folding: true }

/** Segments made of what the mapping treats specially, mixed with anything else. */
const segments = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...['%', '%2', '%25', '%2E', '%3A', '%+', '%-', '.', '..', ' ', ':', '?', '~1', 'HYBRID~1', '.hybrid-store'],
        ...['.HYBRID-STORE', '\u212a', '\u017f', '\uff0ehybrid-store', '\u200b', 'CON', 'con.', 'aux.txt', 'LPT\u00b9'],
        ...[
          'é',
          'e\u0301',
          'ß',
          'İ',
          'ı',
          'Å',
          '\u{1f600}',
          'a',
          'A',
          'x'.repeat(100),
          'é'.repeat(120),
          '.'.repeat(300),
        ],
      ),
      fc.string({ unit: 'grapheme', maxLength: 5 }),
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((parts) => parts.join(''))
  .filter((text) => /^[^/\\\u0000-\u001f\u007f-\u009f]+$/u.test(text) && text.isWellFormed() && !/^\.\.?$/.test(text))
  .filter((text) => Buffer.byteLength(text) <= 1024)

describe('names of segments', () => {
  for (const rules of [cased, folding]) {
    it(`come back as the segment, folding: ${rules.folding}`, () => {
      fc.assert(
        fc.property(segments, (segment) => segmentOf(namesOf(segment, rules), rules) === segment),
        {
          numRuns: 2000,
        },
      )
    })

    it(`are never shared by two segments, folding: ${rules.folding}`, () => {
      const seen = new Map<string, string>()
      const fold = (path: string) => (rules.folding ? path.normalize('NFKC').toUpperCase().toLowerCase() : path)
      fc.assert(
        fc.property(segments, (segment) => {
          const path = fold(namesOf(segment, rules).join('/'))
          const other = seen.get(path)
          seen.set(path, segment)
          return other === undefined || other === segment
        }),
        { numRuns: 3000 },
      )
    })

    it(`fit every file system and mean nothing to it, folding: ${rules.folding}`, () => {
      fc.assert(
        fc.property(segments, (segment) =>
          namesOf(segment, rules).every(
            (name) =>
              Buffer.byteLength(name) < 255 &&
              !/[<>:"|?*/\\]/.test(name) &&
              !/[. ]$/.test(name) &&
              !/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(name) &&
              !name.normalize('NFKC').toLowerCase().startsWith('.hybrid-store'),
          ),
        ),
        { numRuns: 2000 },
      )
    })
  }

  it('are the segments themselves where nothing speaks against it', () => {
    for (const plain of ['report (1).pdf', 'résumé.pdf', 'a@2x.png', 'A+B & C.txt', '.htaccess', '100%.txt', 'a%20b']) {
      expect(namesOf(plain, cased)).toEqual([plain])
    }
  })

  it('are encoded where they would mean something', () => {
    expect(namesOf('a:b', cased)).toEqual(['a%3Ab'])
    expect(namesOf('con.txt', cased)).toEqual(['%63on.txt'])
    expect(namesOf('end.', cased)).toEqual(['end%2E'])
    expect(namesOf('.hybrid-store', cased)).toEqual(['%2Ehybrid-store'])
    expect(namesOf('a%', cased)).toEqual(['a%25'])
    expect(namesOf('Report.pdf', folding)).toEqual(['%52eport.pdf'])
  })

  it('make way where they are the encoded form of another segment', () => {
    expect(namesOf('a%3Ab', cased)).toEqual(['a%253Ab'])
    expect(segmentOf(['a%253Ab'], cased)).toBe('a%3Ab')
  })

  it('of another program are told from our own', () => {
    expect(isForeignName('a:b', cased)).toBe(true)
    expect(isForeignName('a%3Ab', cased)).toBe(false)
    expect(isForeignName('a%', cased)).toBe(false)
  })
})
