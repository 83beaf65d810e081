import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { BlobBody, BlobInfo, DriverCapabilities, GetOptions, ListOptions, PutOptions } from '../../driver/index.js'
import { isStorageError, type StorageError, type StorageErrorCode } from '../../errors/index.js'
import type { ConformanceHarness } from './harness.js'
import type { ConformanceSubject } from './subject.js'

/** How long something may still be seen after it was released, in milliseconds. */
export const DEFAULT_GRACE = 5_000

/** What the steps of one case work with. Names are relative to the case's own prefix. */
export class CaseContext {
  readonly harness: ConformanceHarness
  readonly subject: ConformanceSubject
  readonly capabilities: DriverCapabilities
  /** Where all keys of this case begin; ends in a slash. */
  readonly prefix: string
  readonly partSize: number
  readonly idleTimeout: number
  readonly clockSkew: number
  readonly grace: number
  readonly #opened: ConformanceSubject[] = []

  constructor(harness: ConformanceHarness) {
    this.harness = harness
    this.subject = harness.subject
    this.capabilities = harness.capabilities
    this.prefix = `${harness.prefix ?? ''}c${randomBytes(5).toString('hex')}/`
    this.partSize = harness.partSize ?? 64 * 1024
    this.idleTimeout = harness.idleTimeout ?? 100
    this.clockSkew = harness.clockSkew ?? 5_000
    this.grace = harness.grace ?? DEFAULT_GRACE
  }

  key(name: string): string {
    return this.prefix + name
  }

  put(name: string, body: BlobBody, options?: PutOptions): Promise<BlobInfo> {
    return this.subject.put(this.key(name), body, options)
  }

  head(name: string): Promise<BlobInfo> {
    return this.subject.head(this.key(name))
  }

  async bytes(name: string, options?: GetOptions): Promise<Uint8Array> {
    return (await this.subject.get(this.key(name), options)).bytes()
  }

  async text(name: string, options?: GetOptions): Promise<string> {
    return (await this.subject.get(this.key(name), options)).text()
  }

  /** Names of the entries, prefixes included, in the order listed. */
  async names(options: Omit<ListOptions, 'prefix'> & { readonly prefix?: string } = {}): Promise<string[]> {
    const { prefix = '', startAfter, ...rest } = options
    const names: string[] = []
    const after = startAfter === undefined ? undefined : this.key(startAfter)
    for await (const entry of this.subject.list({ ...rest, prefix: this.key(prefix), startAfter: after })) {
      const name = entry.type === 'blob' ? entry.key : entry.prefix
      assert.ok(name.startsWith(this.prefix), `listed outside its prefix: ${name}`)
      names.push(name.slice(this.prefix.length))
    }
    return names
  }

  /** The subject opened again, closed when the case ends. */
  async open(how: 'reopen' | 'refused' | 'unavailable'): Promise<ConformanceSubject> {
    const subject = await this.harness[how]?.()
    assert.ok(subject, `the harness has no ${how}`)
    if (subject !== this.subject) this.#opened.push(subject)
    return subject
  }

  /** The promise must reject with a well-formed StorageError of one of these codes. */
  async rejects(codes: StorageErrorCode | readonly StorageErrorCode[], work: Promise<unknown>): Promise<StorageError> {
    const expected = typeof codes === 'string' ? [codes] : codes
    const outcome = await work.then(
      () => ({ error: undefined }),
      (error: unknown) => ({ error: error ?? 'nothing' }),
    )
    const { error } = outcome
    assert.ok(error !== undefined, `resolved, expected ${expected.join(' or ')}`)
    assert.ok(isStorageError(error), `rejected with no StorageError but ${describe(error)}`)
    assert.ok(expected.includes(error.code), `rejected with ${describe(error)}, expected ${expected.join(' or ')}`)
    assert.ok(error.hint.length > 0, 'the error has no hint')
    const shown = `${error.message} ${JSON.stringify(error)}`
    for (const secret of this.harness.secrets ?? []) {
      assert.ok(!shown.includes(secret), `the error shows what it must not: ${error.code}`)
    }
    return error
  }

  /** There must be nothing at `name`, whichever way one looks. */
  async absent(name: string): Promise<void> {
    await this.rejects('NOT_FOUND', this.head(name))
    await this.rejects('NOT_FOUND', this.subject.get(this.key(name)))
  }

  /** Removes what the case wrote, closes what it opened and looks for what was left behind. */
  async end(): Promise<void> {
    for (const subject of this.#opened) await subject.close?.()
    const keys: string[] = []
    for await (const entry of this.subject.list({ prefix: this.prefix })) {
      if (entry.type === 'blob') keys.push(entry.key)
    }
    for (const result of await this.subject.deleteMany(keys)) {
      if (result.error !== undefined) throw result.error
    }
    const leaks = await this.leaks()
    assert.deepEqual(leaks, [], `left behind: ${leaks.join(', ')}`)
  }

  /** What is still left behind once things had time to settle. */
  async leaks(): Promise<readonly string[]> {
    const { harness, prefix, grace } = this
    return settledLeaks(async () => (await harness.leaks?.(prefix)) ?? [], grace)
  }
}

/** Asks until nothing is found any more, or the time for that is over. */
export async function settledLeaks(
  find: () => Promise<readonly string[]>,
  grace = DEFAULT_GRACE,
): Promise<readonly string[]> {
  const deadline = Date.now() + grace
  for (let pause = 5; ; pause = Math.min(200, pause * 2)) {
    const leaks = await find()
    if (leaks.length === 0 || Date.now() > deadline) return leaks
    await wait(pause)
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error ? ` (cause: ${error.cause.name}: ${error.cause.message})` : ''
  return `${'code' in error ? error.code : error.name}: ${error.message}${cause}`
}
