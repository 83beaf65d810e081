import { StorageError } from '../errors/index.js'
import { keyProblem, quoteKey, segmentProblem } from './rules.js'

type ParameterNames<T extends string> = T extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParameterNames<Rest>
  : never

/** What a template is built with: a value for each `{name}` in it. */
export type KeyParameters<T extends string> = string extends T
  ? Readonly<Record<string, string | number | bigint>>
  : { readonly [Name in ParameterNames<T>]: string | number | bigint }

/** What a template gives back from a key: each value as it stands there. */
export type ParsedParameters<T extends string> = string extends T
  ? Readonly<Record<string, string>>
  : { readonly [Name in ParameterNames<T>]: string }

/** Builds keys of one form, and takes them apart. Made by {@link defineKey}. */
export interface KeyTemplate<T extends string = string> {
  /**
   * The key with these values. A value is one segment or a part of one, never more: INVALID_KEY, with the parameter's
   * name, where it is empty, `.` or `..`, holds a slash, a backslash, a control character or a lone surrogate, or could
   * not be told from the text behind it. Numbers are safe integers. INVALID_ARGUMENT where one is missing or unknown.
   */
  (parameters: KeyParameters<T>): string
  readonly template: T
  /** The values that would build `key`, as strings; undefined where it is not of this form. Never throws. */
  parse(key: string): ParsedParameters<T> | undefined
  /**
   * What all keys with these values start with, for a list: the values of the first parameters, in order, up to the
   * first that is left out. INVALID_ARGUMENT where none is left out, for `user1` is the start of `user10` too.
   */
  prefix(parameters?: Partial<KeyParameters<T>>): string
}

/**
 * A typed form of keys. A parameter that is missing or misspelt does not compile:
 *
 * ```ts
 * const uploadKey = defineKey('project_{projectId}/uploads/{filename}')
 * uploadKey({ projectId: 7, filename: 'scan.pdf' })      // 'project_7/uploads/scan.pdf'
 * uploadKey.parse('project_7/uploads/scan.pdf')          // { projectId: '7', filename: 'scan.pdf' }
 * uploadKey.prefix({ projectId: 7 })                     // 'project_7/uploads/'
 * ```
 *
 * `parse` gives back exactly what the key was built with. INVALID_ARGUMENT where the template itself is malformed: an
 * unbalanced brace, a name that is no identifier or stands twice, two parameters with nothing between them, or text
 * that no key may have.
 */
export function defineKey<const T extends string>(template: T): KeyTemplate<T> {
  const pieces = split(template)
  const names = new Set(pieces.flatMap(({ name }) => name ?? []))

  function build(parameters: KeyParameters<T>): string {
    const values = given(template, names, parameters)
    const missing = [...names].find((name) => !values.has(name))
    if (missing !== undefined) throw misused(template, `the parameter ${missing} is missing`)
    const key = pieces.map((piece) => fill(template, piece, values)).join('')
    const problem = keyProblem(key)
    if (problem !== undefined) throw badKey(template, `the key ${quoteKey(key)} ${problem}`, key)
    return key
  }

  function prefix(parameters: Partial<KeyParameters<T>> = {}): string {
    const values = given(template, names, parameters)
    const end = pieces.findIndex(({ name }) => name !== undefined && !values.has(name))
    if (end < 0) throw misused(template, 'a prefix leaves at least the last parameter out')
    const skipped = pieces.slice(end).find(({ name }) => name !== undefined && values.has(name))
    if (skipped) throw misused(template, `${skipped.name} is given, but ${pieces[end]?.name} in front of it is not`)
    const filled = pieces.slice(0, end).map((piece) => fill(template, piece, values))
    return filled.join('') + (pieces[end]?.before ?? '')
  }

  function parse(key: string): ParsedParameters<T> | undefined {
    const values = keyProblem(key) === undefined ? match(pieces, key) : undefined
    return values && (Object.fromEntries(values) as ParsedParameters<T>)
  }

  return Object.freeze(Object.assign(build, { template, parse, prefix }))
}

/** A parameter with the text on both sides of it. Only the last piece has text behind it, or no parameter at all. */
interface Piece {
  readonly before: string
  readonly name: string | undefined
  /** The text up to the next parameter or the end of the segment; it tells where the value ends. */
  readonly until: string
  readonly endsSegment: boolean
}

function split(template: string): readonly Piece[] {
  if (typeof template !== 'string') throw malformed(String(template), 'it is no string')
  const texts = template.split(/\{[^{}]*\}/)
  const names = [...template.matchAll(/\{([^{}]*)\}/g)].map(([, name = '']) => name)
  const stray = texts.find((text) => /[{}]/.test(text))
  if (stray !== undefined) throw malformed(template, 'a brace is not balanced')
  for (const [index, name] of names.entries()) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw malformed(template, `"${name}" is no name of a parameter`)
    if (names.indexOf(name) !== index) throw malformed(template, `{${name}} stands twice`)
    if (index > 0 && texts[index] === '') {
      throw malformed(template, `nothing stands between {${names[index - 1]}} and {${name}}`)
    }
  }
  const problem = keyProblem(names.reduce((key, name) => key.replace(`{${name}}`, 'x'), template))
  if (problem !== undefined) throw malformed(template, `a key of this form ${problem}`)
  const pieces = names.map((name, index): Piece => {
    const after = texts[index + 1] ?? ''
    const slash = after.indexOf('/')
    const endsSegment = slash >= 0 || index === names.length - 1
    return { before: texts[index] ?? '', name, until: slash < 0 ? after : after.slice(0, slash), endsSegment }
  })
  return [...pieces, { before: texts.at(-1) ?? '', name: undefined, until: '', endsSegment: true }]
}

/** The values, checked one by one. */
function given(template: string, names: ReadonlySet<string>, parameters: object): ReadonlyMap<string, string> {
  if (typeof parameters !== 'object' || parameters === null) throw misused(template, 'the parameters are no object')
  const values = new Map<string, string>()
  for (const [name, value] of Object.entries(parameters) as [string, unknown][]) {
    if (value === undefined) continue
    if (!names.has(name)) throw misused(template, `there is no parameter ${quoteKey(name)}`)
    values.set(name, text(template, name, value))
  }
  return values
}

function text(template: string, name: string, value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return String(value)
    throw misused(template, `the parameter ${name} is ${value}, not a safe integer`)
  }
  if (typeof value !== 'string') {
    throw misused(template, `the parameter ${name} is ${value === null ? 'null' : `of type ${typeof value}`}`)
  }
  const problem = segmentProblem(value)
  if (problem === undefined) return value
  throw badKey(template, `the value ${quoteKey(value)} of the parameter ${name} ${problem}`)
}

function fill(template: string, piece: Piece, values: ReadonlyMap<string, string>): string {
  if (piece.name === undefined) return piece.before
  const value = values.get(piece.name) as string
  // Reading takes the first place where the text behind fits, so it must not fit earlier.
  if (!piece.endsSegment && (value + piece.until).indexOf(piece.until, 1) !== value.length) {
    const problem = `could not be told from the ${quoteKey(piece.until)} behind it`
    throw badKey(template, `the value ${quoteKey(value)} of the parameter ${piece.name} ${problem}`)
  }
  return piece.before + value
}

/** One pass from left to right, without backtracking: keys may come from strangers. */
function match(pieces: readonly Piece[], key: string): [string, string][] | undefined {
  const values: [string, string][] = []
  let at = 0
  for (const { before, name, until, endsSegment } of pieces) {
    if (!key.startsWith(before, at)) return undefined
    at += before.length
    if (name === undefined) return at === key.length ? values : undefined
    const slash = key.indexOf('/', at)
    const segmentEnd = slash < 0 ? key.length : slash
    const end = endsSegment ? segmentEnd - until.length : key.indexOf(until, at + 1)
    const value = key.slice(at, Math.max(at, end))
    if (segmentProblem(value) !== undefined) return undefined
    values.push([name, value])
    at = end
  }
  return undefined
}

function malformed(template: string, problem: string): StorageError {
  return new StorageError('INVALID_ARGUMENT', `The key template ${quoteKey(template)} is refused: ${problem}.`, {
    hint: "Write it as 'project_{projectId}/uploads/{filename}'.",
  })
}

function misused(template: string, problem: string): StorageError {
  const message = `No key can be made of ${quoteKey(template)}: ${problem}.`
  return new StorageError('INVALID_ARGUMENT', message, { outcome: 'unchanged' })
}

function badKey(template: string, problem: string, key?: string): StorageError {
  return new StorageError('INVALID_KEY', `No key can be made of ${quoteKey(template)}: ${problem}.`, {
    key,
    outcome: 'unchanged',
    hint: 'A value is one part of a path segment; pass file names through sanitizeFilename or uniqueName.',
  })
}
