import type { S3Features } from '../../src/drivers/s3/index.js'

/** How a child's store is opened; the parent's own is opened in the same way. */
export interface StoreSetup {
  readonly root: string
  readonly bucket: string
  readonly endpoint: string
  readonly region: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** A folder of the bucket, where several runs share one. */
  readonly prefix?: string | undefined
  /** What the endpoint is known to do, so that not every child asks. */
  readonly features?: Partial<S3Features> | undefined
  readonly maxAttempts?: number | undefined
  readonly within?: number | undefined
  readonly grace?: number | undefined
  readonly circuit?: false | { readonly probeAfter: number; readonly probeAtMost: number } | undefined
  readonly reconcile?: false | { readonly interval: number } | undefined
}

/** Where a process is to end by its own hand: at its nth call of the file system, counted from the command that says so. */
export interface FatalCall {
  readonly at: number
  readonly when: 'before' | 'after'
  /** Whether calls that change nothing are counted too. */
  readonly reads: boolean
}

export type Alias = 's3' | 'local' | 'bare'

/** One operation, as the load generator or the parent asks for it. */
export type Operation =
  | {
      readonly op: 'put'
      readonly key: string
      readonly size: number
      readonly stream?: boolean | undefined
      readonly driver?: 's3' | 'local' | undefined
      readonly kind?: Kind | undefined
    }
  | { readonly op: 'delete'; readonly key: string; readonly alias: Alias }
  | { readonly op: 'move'; readonly key: string; readonly to: string }
  | { readonly op: 'read'; readonly key: string; readonly alias: Alias; readonly head?: boolean | undefined }
  | { readonly op: 'list' }
  | { readonly op: 'reconcile' }

export type Kind = 'document' | 'cache'

/** What the parent writes to a child, one JSON a line; each is answered by `done` with the same name. */
export type Command =
  | {
      readonly do: 'open'
      readonly setup: StoreSetup
      readonly firstSeq: number
      /** The first of the slots that it has to itself; 0 by default. */
      readonly slots?: number | undefined
      readonly fatal?: FatalCall | undefined
      readonly count?: boolean | undefined
    }
  | { readonly do: 'run'; readonly operations: readonly Operation[] }
  /** Runs lanes of random operations until `stop`, which this one does not wait for. */
  | { readonly do: 'load'; readonly seed: number; readonly lanes: number; readonly big: boolean }
  | { readonly do: 'stop' }
  | { readonly do: 'close' }

/** What a child says, one JSON a line. Times are milliseconds of the clock that all processes of the machine share. */
export type Said =
  | { readonly say: 'ready' }
  | { readonly say: 'done'; readonly do: Command['do']; readonly calls?: number | undefined }
  | Begun
  | Ended
  | { readonly say: 'violation'; readonly text: string }

export interface Begun {
  readonly say: 'begin'
  readonly id: number
  readonly t: number
  readonly op: Operation['op']
  readonly key?: string | undefined
  readonly to?: string | undefined
  readonly alias?: Alias | undefined
  /** Where a put is to go, if it says so. */
  readonly driver?: string | undefined
  /** What a put writes. */
  readonly seq?: number | undefined
}

export interface Ended {
  readonly say: 'end'
  readonly id: number
  readonly t: number
  /** What a read found; null for nothing. */
  readonly seq?: number | null | undefined
  readonly pendingFor?: string | undefined
  /** How many records a reconcile settled. */
  readonly moved?: number | undefined
  readonly error?: string | undefined
  readonly outcome?: string | undefined
  readonly message?: string | undefined
}

/** Milliseconds of the clock that all processes of the machine share, and that never goes back. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
