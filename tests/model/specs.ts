import fc from 'fast-check'
import type { Alias } from './world.js'

export const KEYS = ['a', 'a/b.txt', 'ü'] as const

export type Key = (typeof KEYS)[number]
type Driver = 's3' | 'local'
type When = 'new' | 'right' | 'stale'

/** One failure of S3 while a command runs. */
export interface Trouble {
  readonly verb: '*' | 'put' | 'get' | 'head' | 'delete' | 'deleteMany' | 'copy' | 'move' | 'list'
  readonly code: 'UNAVAILABLE' | 'TIMEOUT' | 'ACCESS_DENIED'
  /** Carried out, and its answer lost. */
  readonly after: boolean
  /** Calls that succeed before it. */
  readonly skip: number
}

/** What a command does; pure data, so that a failing sequence can be read and run again. */
export type Spec = { readonly by: number; readonly trouble?: Trouble | undefined } & (
  | {
      readonly op: 'put'
      readonly key: Key
      readonly to: Driver
      readonly size: number
      readonly as: 'bytes' | 'stream' | 'lazy'
      readonly when?: When | undefined
      readonly early?: true | undefined
      /** S3 fails when it has taken so much of it. */
      readonly diesAt?: number | undefined
      /** The content last put there, once more. */
      readonly again?: true | undefined
    }
  | {
      readonly op: 'bad put'
      readonly key: Key
      readonly to: Driver
      readonly how: 'abort' | 'error'
      readonly at: number
    }
  | { readonly op: 'read'; readonly alias: Alias; readonly key: Key; readonly how: 'get' | 'head' | 'exists' | 'range' }
  | {
      readonly op: 'list'
      readonly prefix?: string | undefined
      readonly delimiter?: string | undefined
      readonly startAfter?: string | undefined
      readonly partial?: boolean | undefined
      readonly page: number
    }
  | { readonly op: 'delete'; readonly alias: Alias; readonly key: Key; readonly when?: When | undefined }
  | { readonly op: 'deleteMany'; readonly paths: readonly (readonly [Alias, Key])[] }
  | {
      readonly op: 'copy' | 'move'
      readonly from: Alias
      readonly source: Key
      readonly target: Key
      readonly to?: Driver | undefined
      readonly createOnly?: boolean | undefined
    }
  | { readonly op: 'relocate'; readonly alias: Alias; readonly key: Key; readonly to: Driver }
  | { readonly op: 'outage' | 'recover' }
  | {
      readonly op: 'reconcile'
      readonly limit?: number | undefined
      readonly twice?: boolean | undefined
      readonly abortAfter?: number | undefined
    }
  | { readonly op: 'crash' | 'close' }
)

const alias = fc.constantFrom<Alias>('s3', 'local', 'bare')
const driver = fc.constantFrom<Driver>('s3', 'local')
const maybe = <T>(arbitrary: fc.Arbitrary<T>, freq = 3) => fc.option(arbitrary, { nil: undefined, freq })
const rarely = <T>(arbitrary: fc.Arbitrary<T>, of = 4) => {
  return fc.oneof({ weight: of, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
}
const as = fc.constantFrom('bytes' as const, 'stream' as const, 'lazy' as const)
const size = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 2 }) },
  { weight: 1, arbitrary: fc.constant(3) },
)

const trouble: fc.Arbitrary<Trouble> = fc.record({
  verb: fc.constantFrom('*', 'put', 'get', 'head', 'delete', 'deleteMany', 'copy', 'move', 'list'),
  code: fc.oneof(
    { weight: 4, arbitrary: fc.constant('UNAVAILABLE' as const) },
    { weight: 1, arbitrary: fc.constantFrom('TIMEOUT' as const, 'ACCESS_DENIED' as const) },
  ),
  after: fc.boolean(),
  skip: fc.nat(3),
})

function op<const O extends string>(name: O): fc.Arbitrary<O> {
  return fc.constant(name)
}

export interface Mix {
  readonly processes: number
  readonly conditions: boolean
  /** Whether blobs are also put and relocated to the disk; they are by default. */
  readonly disk?: boolean | undefined
  /** All of them by default. */
  readonly keys?: readonly [Key, ...Key[]] | undefined
}

/** Any command. What waits, and what becomes of it, is more likely than the rest. */
export function specs({ processes, conditions, disk = true, keys = KEYS }: Mix): fc.Arbitrary<Spec> {
  const key = fc.constantFrom(...keys)
  const when = conditions ? rarely(fc.constantFrom<When>('new', 'right', 'right', 'stale'), 2) : fc.constant(undefined)
  const putFar = fc.record({
    op: op('put'),
    key,
    to: fc.constant<Driver>('s3'),
    size,
    as,
    when,
    early: rarely(fc.constant(true as const), 8),
    diesAt: rarely(fc.constantFrom(0, 0.5, 1), 5),
    again: rarely(fc.constant(true as const), 8),
  })
  const putNear = fc.record({ op: op('put'), key, to: fc.constant<Driver>('local'), size, as, when })
  const badPut = fc.record({
    op: op('bad put'),
    key,
    to: disk ? driver : fc.constant<Driver>('s3'),
    how: fc.constantFrom('abort' as const, 'error' as const),
    at: fc.constantFrom(0, 0.5, 1),
  })
  const read = fc.record({ op: op('read'), alias, key, how: fc.constantFrom('get', 'head', 'exists', 'range') })
  const list = fc.record({
    op: op('list'),
    prefix: maybe(fc.constantFrom('a', 'a/', 'ü', 'b')),
    delimiter: rarely(fc.constant('/')),
    startAfter: rarely(fc.constantFrom('a', 'a/b', 'b')),
    partial: rarely(fc.constant(true)),
    page: fc.integer({ min: 1, max: 3 }),
  })
  const remove = fc.record({ op: op('delete'), alias, key, when })
  const removeMany = fc.record({
    op: op('deleteMany'),
    paths: fc.uniqueArray(fc.tuple(alias, key), { minLength: 1, maxLength: 3, selector: ([, one]) => one }),
  })
  const copying = fc
    .record({
      op: fc.constantFrom('copy' as const, 'move' as const),
      from: alias,
      source: key,
      shift: fc.integer({ min: 1, max: KEYS.length - 1 }),
      to: disk ? rarely(driver) : fc.constant(undefined),
      createOnly: conditions ? rarely(fc.constant(true)) : fc.constant(undefined),
    })
    .map(({ shift, ...rest }) => ({ ...rest, target: KEYS[(KEYS.indexOf(rest.source) + shift) % KEYS.length] as Key }))
  const relocate = fc.record({ op: op('relocate'), alias, key, to: disk ? driver : fc.constant<Driver>('s3') })
  const reconcile = fc.record({
    op: op('reconcile'),
    limit: rarely(fc.integer({ min: 1, max: 2 })),
    twice: rarely(fc.constant(true)),
    abortAfter: rarely(fc.nat(4), 6),
  })
  const what = fc.oneof(
    { weight: 8, arbitrary: putFar },
    { weight: disk ? 3 : 0, arbitrary: putNear },
    { weight: 1, arbitrary: badPut },
    { weight: 2, arbitrary: read },
    { weight: 2, arbitrary: list },
    { weight: 5, arbitrary: remove },
    { weight: 1, arbitrary: removeMany },
    { weight: 4, arbitrary: copying },
    { weight: 3, arbitrary: relocate },
    { weight: 5, arbitrary: fc.record({ op: op('outage') }) },
    { weight: 4, arbitrary: fc.record({ op: op('recover') }) },
    { weight: 5, arbitrary: reconcile },
    { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('crash' as const, 'close' as const) }) },
  )
  const by = fc.nat(processes - 1)
  return fc
    .tuple(by, rarely(trouble, 5), what)
    .map(([who, bad, spec]) => withoutUndefined({ by: who, trouble: bad, ...spec }) as Spec)
}

function withoutUndefined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined))
}
