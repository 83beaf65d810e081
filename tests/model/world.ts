/** One content with its attributes. Two puts share one only where a test says so. */
export type Id = number

export type Alias = 's3' | 'local' | 'bare'

/** What S3 holds of a key. */
export interface FarVersion {
  readonly id: Id
  /** The command that wrote it: S3's clock ticks once a command. */
  readonly at: number
  /** The host that wrote it. */
  readonly by: number
}

/** A change that S3 was not told yet. */
export interface Waiting {
  readonly op: 'put' | 'delete'
  /** What a put holds. */
  readonly id?: Id
  /** Up to when the processes that made the first and the last of its generations had heard S3; -1: never. */
  readonly first: number
  readonly last: number
  /** Up to when any process of the host had. */
  readonly ever: number
  /** Contents that older generations of the key may have left on S3. */
  readonly ours: readonly Id[]
  /** S3 may have done it already, and its answer was lost. */
  readonly doubt?: true
  /** The source of a move: S3 is told only when S3 has the destination. */
  readonly after?: { readonly key: string; readonly id: Id }
}

export interface Conflict {
  readonly key: string
  readonly op: 'put' | 'delete'
  /** What the host had, where that was kept beside the key. */
  readonly kept?: Id
}

/** A root directory, and all the processes on it. */
export interface Host {
  readonly near: Readonly<Record<string, Id>>
  readonly waiting: Readonly<Record<string, Waiting>>
  readonly conflicts: readonly Conflict[]
  /** Blobs went from here to S3 under their key, so that paths of the disk are looked up there too. */
  readonly moved: boolean
}

/** Everything there is: one S3, and disks. */
export interface World {
  readonly far: Readonly<Record<string, FarVersion>>
  readonly hosts: readonly Host[]
}

/** How S3 can be reached: `lossy` is one failure that may come after the request was carried out. */
export type Link = 'up' | 'down' | 'flaky' | 'lossy'

/** What happened to a request to S3. */
export type Fate = 'answered' | 'refused' | 'lost'

/** The circumstances of one command. */
export interface Scene {
  readonly now: number
  readonly host: number
  readonly link: Link
  /** Up to when the process that acts had heard S3; -1: never. */
  readonly heard: number
  /** The same for all processes of its host. */
  readonly ever: number
  readonly exclusive: boolean
  readonly conflicts: 'both' | 'local' | 'remote'
  /** Others change the same keys meanwhile. */
  readonly racing?: boolean | undefined
  /** What the race has gone through so far, from its beginning. */
  readonly way?: readonly World[] | undefined
}

/** A way that a command may go. */
export interface Outcome {
  readonly answer: string
  readonly world: World
  /** The error must not say that nothing has changed. */
  readonly unknown?: true
}

export const DOWN = 'DOWN'

export function fates({ link }: Scene): readonly Fate[] {
  if (link === 'up') return ['answered']
  if (link === 'down') return ['refused']
  return link === 'flaky' ? ['answered', 'refused'] : ['answered', 'refused', 'lost']
}

type Mutable<T> = T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T
export type Draft = Mutable<World>

/** The world after a change of a copy of it. */
export function change(world: World, edit: (draft: Draft) => void): World {
  const draft = structuredClone(world) as Draft
  edit(draft)
  return draft
}

/** The same with a look at the host that acts. */
export function onHost(world: World, { host }: Scene, edit: (host: Mutable<Host>, draft: Draft) => void): World {
  return change(world, (draft) => edit(draft.hosts[host] as Mutable<Host>, draft))
}

export function hostOf(world: World, { host }: Scene): Host {
  return world.hosts[host] as Host
}

export function emptyWorld(hosts: number): World {
  const host = (): Host => ({ near: {}, waiting: {}, conflicts: [], moved: false })
  return { far: {}, hosts: Array.from({ length: hosts }, host) }
}

/** The name under which the model knows the copy that a conflict keeps. */
export function copyName(key: string, id: Id): string {
  return `${key}!${id}`
}

/** The next generation of a key's change. */
export function nextWaiting(
  before: Waiting | undefined,
  { heard, ever }: Scene,
  op: { readonly op: 'put'; readonly id: Id } | { readonly op: 'delete' },
): Waiting {
  const ours = before === undefined ? [] : before.id === undefined ? before.ours : [...before.ours, before.id]
  return {
    ...op,
    first: before === undefined ? heard : Math.min(before.first, heard),
    last: heard,
    ever,
    ours: [...new Set(ours)].sort((a, b) => a - b),
    ...(before?.doubt ? { doubt: true } : {}),
  }
}
