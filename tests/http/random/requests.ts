import fc, { type Arbitrary } from 'fast-check'
import type { RawFields } from '../client.js'

/** What a generated field goes by: the file as it lies there. */
export interface Facts {
  /** Quoted. */
  readonly etag: string
  /** In whole seconds. */
  readonly modified: Date
  readonly size: number
}

/** Fields to send for a file; the values come from the file's facts, so that they hit as often as they miss. */
export type Ask = (facts: Facts) => RawFields

const pad = (number: number) => String(number).padStart(2, '0')
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** RFC 9110 section 5.6.7: one form to send, two to understand, and some that are none. */
const dateForms: readonly ((date: Date) => string)[] = [
  (date) => date.toUTCString(),
  (date) => {
    const day = `${DAYS[date.getUTCDay()]}, ${pad(date.getUTCDate())}`
    return `${day}-${MONTHS[date.getUTCMonth()]}-${pad(date.getUTCFullYear() % 100)} ${date.toISOString().slice(11, 19)} GMT`
  },
  (date) => {
    const day = `${DAYS[date.getUTCDay()]?.slice(0, 3)} ${MONTHS[date.getUTCMonth()]}`
    const time = date.toISOString().slice(11, 19)
    return `${day} ${String(date.getUTCDate()).padStart(2, ' ')} ${time} ${date.getUTCFullYear()}`
  },
  (date) => date.toISOString(),
  (date) => date.toUTCString().replace('GMT', '+0000'),
  (date) => date.toUTCString().toLowerCase(),
  (date) => `${date.toUTCString()}, ${date.toUTCString()}`,
  (date) => `"${date.toUTCString()}"`,
  (date) => date.toUTCString().replace(/\d\d:/, '25:'),
  (date) => date.toUTCString().replace(/, \d\d/, ', 32'),
  (date) => String(Math.floor(date.getTime() / 1000)),
]

const dateValue: Arbitrary<(facts: Facts) => string> = fc
  .tuple(
    fc.constantFrom(-86_400, -2, -1, 0, 0, 0, 1, 2, 86_400),
    fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...dateForms.slice(0, 3)) }, fc.constantFrom(...dateForms)),
  )
  .map(
    ([away, form]) =>
      ({ modified }) =>
        form(new Date(modified.getTime() + away * 1000)),
  )

const tag: Arbitrary<(facts: Facts) => string> = fc.constantFrom<((facts: Facts) => string)[]>(
  ({ etag }) => etag,
  ({ etag }) => etag,
  ({ etag }) => `W/${etag}`,
  () => '"other"',
  () => 'W/"other"',
  () => '"with, comma"',
  () => '""',
  ({ etag }) => etag.slice(1, -1),
  ({ etag }) => `w/${etag}`,
  ({ etag }) => etag.slice(0, -1),
  () => '*',
  () => '"*"',
  () => 'junk',
  () => '',
)

const space = fc.constantFrom('', '', ' ', '\t', '  ')

const tagList: Arbitrary<(facts: Facts) => string> = fc.oneof(
  fc.constant(() => '*'),
  fc.constant(({ etag }: Facts) => etag),
  fc.array(fc.tuple(space, tag, space), { minLength: 1, maxLength: 4 }).map((tags) => (facts: Facts) => {
    return tags.map(([before, one, after]) => `${before}${one(facts)}${after}`).join(',')
  }),
)

const offset: Arbitrary<(facts: Facts) => string> = fc.oneof(
  fc.nat(14).map((n) => () => String(n)),
  fc.constantFrom<((facts: Facts) => string)[]>(
    ({ size }) => String(size),
    ({ size }) => String(size - 1),
    ({ size }) => String(size + 1),
    () => '',
    () => '00',
    () => '99999999999999999999999',
  ),
  fc.constantFrom('x', '-1', '+1', '1.0', '0x1').map((text) => () => text),
)

/** A range that there may be. */
const validSpec: Arbitrary<(facts: Facts) => string> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(fc.nat(11), fc.nat(4)).map(
      ([start, more]) =>
        () =>
          `${start}-${start + more}`,
    ),
  },
  { weight: 1, arbitrary: fc.nat(11).map((start) => () => `${start}-`) },
  { weight: 1, arbitrary: fc.nat(11).map((suffix) => () => `-${suffix}`) },
  {
    weight: 1,
    arbitrary: fc.nat(9).map(
      (start) =>
        ({ size }: Facts) =>
          `${start}-${Math.max(start, size)}`,
    ),
  },
)

const anySpec: Arbitrary<(facts: Facts) => string> = fc.oneof(
  validSpec,
  fc.tuple(offset, offset).map(
    ([a, b]) =>
      (facts: Facts) =>
        `${a(facts)}-${b(facts)}`,
  ),
  fc.constantFrom('', '-', '5', 'a-b', '1 - 2', '1--2').map((text) => () => text),
)

function rangeOf(unit: Arbitrary<string>, spec: typeof anySpec): Arbitrary<(facts: Facts) => string> {
  const specs = fc.array(fc.tuple(space, spec, space), { minLength: 1, maxLength: 4 })
  return fc.tuple(unit, specs).map(([start, all]) => (facts) => {
    return start + all.map(([before, one, after]) => `${before}${one(facts)}${after}`).join(',')
  })
}

const units = fc.constantFrom('bytes=', 'bytes=', 'BYTES=', 'bytes =', 'items=', 'bytes', '=')
const range = fc.oneof(
  { weight: 3, arbitrary: rangeOf(fc.constant('bytes='), validSpec) },
  { weight: 1, arbitrary: rangeOf(units, anySpec) },
)

const ifRange = fc.oneof(tag, dateValue)

const conditions = {
  'if-match': tagList,
  'if-none-match': tagList,
  'if-modified-since': dateValue,
  'if-unmodified-since': dateValue,
}

type Values = Readonly<Record<string, ((facts: Facts) => string) | undefined>>

/** A request's conditions and range: each field is there or not, and well-formed or not. Every other asks for ranges alone. */
export const conditionalFields: Arbitrary<Ask> = fc
  .oneof<Arbitrary<Values>[]>(
    fc.record({ ...conditions, 'if-range': ifRange, range }, { requiredKeys: [] }),
    fc.record({ 'if-range': ifRange, range }, { requiredKeys: ['range'] }),
  )
  .map((fields) => (facts) => {
    const entries = Object.entries(fields).map(([name, value]) => [name, value?.(facts) ?? ''] as const)
    return Object.fromEntries(entries)
  })
