import fc from 'fast-check'

/** Segments that have broken such code before, beside any text. */
export const nastySegment = fc.oneof(
  fc.constantFrom(
    'uploads',
    'storage',
    'project_7',
    'project_',
    's3:',
    'local:x',
    's3:project_1',
    'a:b',
    'C:',
    'http:',
    '...',
    '. .',
    '%2e%2e',
    '__proto__',
    'constructor',
    'CON',
    'résumé (1).pdf',
    'e\u0301',
    '\u202egpj.exe',
    '\ufffd',
    '😀',
    '\uffee',
    ' ',
    '$&',
    '{a}',
    'public',
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
)

/** Mostly legal keys; filter by keyProblem. */
export const maybeKey = fc.array(nastySegment, { minLength: 1, maxLength: 6 }).map((segments) => segments.join('/'))
