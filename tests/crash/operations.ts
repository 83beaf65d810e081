import type { HybridStore } from '../../src/index.js'

export type Store = HybridStore<'s3' | 'local', string>

/** A version that readers must find, whole. */
export interface Value {
  readonly body: Buffer
  readonly metadata: Readonly<Record<string, string>>
  /** Where it belongs once nothing waits any more. */
  readonly driver: 's3' | 'local'
  /** Only this host has it. */
  readonly waits: boolean
}

/** What the store holds; a key that is not here is absent. */
export type State = ReadonlyMap<string, Value>

/** One call, or several at once. */
export interface Operation {
  readonly name: string
  readonly s3: 'up' | 'down'
  run(store: Store): Promise<unknown>
  /**
   * The states that a crash may leave, the last one once it is acknowledged; undefined where it makes no sense. The
   * state before is always one of them.
   */
  effects(state: State): readonly State[] | undefined
  /** Whether the call must reject, with nothing changed. */
  refused?(state: State): boolean
}

/** Bytes that tell whose they are, and zeros nowhere. */
export function bodyOf(label: string, size: number): Buffer {
  const line = `${label} ${'.'.repeat(40)}\n`
  const bytes = Buffer.alloc(size, line)
  for (let at = 256; at + 8 < size; at += 256) bytes.write(at.toString(36).padStart(7, '-'), at)
  return bytes
}

const SMALL = 700
/** More than what fits into a record of the outbox, and no whole number of sectors. */
const LARGE = 70_001

interface PutShape {
  readonly key: string
  readonly label: string
  readonly size?: number
  readonly metadata?: Readonly<Record<string, string>>
  readonly s3: 'up' | 'down'
  readonly driver?: 's3' | 'local'
  readonly createOnly?: boolean
}

const homeOf = (key: string) => (key.startsWith('local/') ? 'local' : 's3')

function put({ key, label, size = SMALL, metadata = {}, s3, driver = homeOf(key), createOnly }: PutShape): Operation {
  const body = bodyOf(label, size)
  const value: Value = { body, metadata, driver, waits: driver === 's3' && s3 === 'down' }
  const how = `${size > SMALL ? 'large' : 'small'}${createOnly ? ', create only' : ''}${driver === homeOf(key) ? '' : ` to ${driver}`}`
  return {
    name: `put ${key} ${label} (${how}, S3 ${s3})`,
    s3,
    run: (store) => store.put(key, body, { metadata, driver, ...(createOnly ? { ifNoneMatch: '*' } : {}) }),
    effects: (state) => [with_(state, { [key]: value })],
    refused: (state) => createOnly === true && state.has(key),
  }
}

function remove(keys: readonly [string, ...string[]], s3: 'up' | 'down'): Operation {
  const [first, ...rest] = keys
  return {
    name: `delete ${keys.join(' and ')} (S3 ${s3})`,
    s3,
    run: (store) => (rest.length > 0 ? store.deleteMany(keys).then(allDeleted) : store.delete(first)),
    effects: (state) => {
      const all = with_(state, Object.fromEntries(keys.map((key) => [key, undefined])))
      return rest.length > 0 ? [...keys.map((key) => with_(state, { [key]: undefined })), all] : [all]
    },
  }
}

function allDeleted(results: readonly { readonly error?: Error | undefined }[]): void {
  for (const { error } of results) if (error) throw error
}

function transfer(method: 'copy' | 'move', from: string, to: string, s3: 'up' | 'down'): Operation {
  return {
    name: `${method} ${from} to ${to} (S3 ${s3})`,
    s3,
    run: (store) => store[method](from, to),
    effects: (state) => {
      const source = state.get(from)
      const needsS3 = source?.driver === 's3' && !source.waits
      if (source === undefined || (s3 === 'down' && needsS3)) return undefined
      const copied = with_(state, { [to]: { ...source, waits: source.driver === 's3' && s3 === 'down' } })
      return method === 'copy' ? [copied] : [copied, with_(copied, { [from]: undefined })]
    },
  }
}

/** What is different, all in one. */
function with_(state: State, changes: Readonly<Record<string, Value | undefined>>): State {
  const next = new Map(state)
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) next.delete(key)
    else next.set(key, value)
  }
  return next
}

/** Several calls that do not wait for each other, on different keys: each of them may be done or not. */
function together(...operations: readonly Operation[]): Operation {
  return {
    name: operations.map(({ name }) => name).join(' + '),
    s3: operations[0]?.s3 ?? 'up',
    run: (store) => Promise.all(operations.map((operation) => operation.run(store))),
    effects: (state) =>
      operations.reduce<readonly State[] | undefined>(
        (before, { effects }) =>
          before?.flatMap((one) => {
            const after = effects(one)
            return after ? [one, ...after] : []
          }),
        [state],
      ),
  }
}

const reconcile: Operation = {
  name: 'reconcile',
  s3: 'up',
  run: async (store) => {
    const { failed } = await store.reconcile()
    for (const { error } of failed) throw error
  },
  effects: (state) => [new Map([...state].map(([key, value]) => [key, { ...value, waits: false }]))],
}

const old = { v: 'old' }
const fresh = { v: 'new', note: 'ä' }

/** What stands before a workload that starts with something: all of it durable. */
export const seeds: readonly Operation[] = [
  put({ key: 'local/a', label: 'seed', metadata: old, s3: 'up' }),
  put({ key: 's3/y', label: 'seed', metadata: old, s3: 'up' }),
]

/** Everything that workloads are made of, by a short name. */
export const operations = {
  putLocal: put({ key: 'local/a', label: 'one', s3: 'up' }),
  putLocalAttributes: put({ key: 'local/a', label: 'two', metadata: fresh, s3: 'up' }),
  putLocalLarge: put({ key: 'local/a', label: 'three', size: LARGE, metadata: fresh, s3: 'up' }),
  createLocal: put({ key: 'local/n', label: 'four', metadata: fresh, s3: 'up', createOnly: true }),
  putLocalDeep: put({ key: 'local/new/deep/k', label: 'five', s3: 'up' }),
  deleteLocal: remove(['local/a'], 'up'),
  copyLocal: transfer('copy', 'local/a', 'local/b', 'up'),
  moveLocal: transfer('move', 'local/a', 'local/c', 'up'),
  moveLocalDeep: transfer('move', 'local/a', 'local/other/d', 'up'),
  keepSmall: put({ key: 's3/x', label: 'six', metadata: fresh, s3: 'down' }),
  keepLarge: put({ key: 's3/x', label: 'seven', size: LARGE, s3: 'down' }),
  keepOther: put({ key: 's3/y', label: 'eight', size: LARGE, metadata: fresh, s3: 'down' }),
  keepBoth: together(
    put({ key: 's3/x', label: 'nine', s3: 'down' }),
    put({ key: 's3/z', label: 'ten', size: LARGE, s3: 'down' }),
  ),
  keepAfter: put({ key: 's3/after', label: 'after', s3: 'down' }),
  bury: remove(['s3/x'], 'down'),
  buryOther: remove(['s3/y'], 'down'),
  buryBoth: remove(['s3/x', 's3/y'], 'down'),
  copyKept: transfer('copy', 's3/x', 's3/z', 'down'),
  moveKept: transfer('move', 's3/x', 's3/z', 'down'),
  divert: put({ key: 's3/x', label: 'eleven', metadata: fresh, s3: 'down', driver: 'local' }),
  keepOver: put({ key: 'local/a', label: 'fourteen', metadata: fresh, s3: 'down', driver: 's3' }),
  sendOver: put({ key: 'local/a', label: 'fifteen', s3: 'up', driver: 's3' }),
  send: put({ key: 's3/x', label: 'twelve', metadata: old, s3: 'up' }),
  sendOther: put({ key: 's3/y', label: 'thirteen', size: LARGE, s3: 'up' }),
  remove: remove(['s3/x'], 'up'),
  removeOther: remove(['s3/y'], 'up'),
  removeBoth: remove(['s3/x', 's3/y'], 'up'),
  moveSent: transfer('move', 's3/x', 's3/z', 'up'),
  reconcile,
} as const satisfies Record<string, Operation>

export type OperationName = keyof typeof operations
