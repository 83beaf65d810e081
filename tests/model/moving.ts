import { isDeepStrictEqual } from 'node:util'
import { arrive, type Condition, claimed, putFar, putNear, remove } from './changing.js'
import { type Found, look, looks } from './reading.js'
import { settle } from './settling.js'
import { type Alias, DOWN, fates, hostOf, nextWaiting, type Outcome, onHost, type Scene, type World } from './world.js'

type Place = 's3' | 'local'

/** Where a blob is at home: one that waits, where it will be. */
function homeOf({ place }: Found): Place {
  return place === 'near' ? 'local' : 's3'
}

export interface Copying {
  readonly from: Alias
  readonly source: string
  readonly target: string
  readonly to?: Place | undefined
  readonly createOnly?: boolean | undefined
}

export function copy(world: World, scene: Scene, { from, source, target, to, createOnly }: Copying): Outcome[] {
  return looks(world, scene, from, source).flatMap((found): Outcome[] => {
    if (typeof found === 'string') return [{ answer: found, world }]
    const condition: Condition | undefined = createOnly ? { createOnly: true } : undefined
    const outcomes = putTo(world, scene, to ?? homeOf(found), target, found, condition)
    if (scene.link === 'up') return outcomes
    // The source may be out of reach by the time it is read, and so may what arrived when it is verified.
    const broken = outcomes.map((outcome): Outcome => ({ ...outcome, answer: DOWN, unknown: true }))
    if (scene.link !== 'down') return [...outcomes, { answer: DOWN, world }, ...broken]
    return outcomes
  })
}

function putTo(world: World, scene: Scene, to: Place, key: string, found: Found, condition?: Condition): Outcome[] {
  return to === 'local'
    ? putNear(world, scene, key, found.id, condition)
    : putFar(world, scene, key, found.id, condition, false)
}

export function move(world: World, scene: Scene, moving: Copying): Outcome[] {
  const copied = copy(world, scene, moving)
  return copied.flatMap((outcome): Outcome[] => {
    const { answer } = outcome
    if (!['s3', 'local', 'waits'].includes(answer)) return [outcome]
    const { source, target } = moving
    // Which version the source had is what the copy has now.
    const id = idAt(outcome.world, scene, target, answer)
    const homes = byItsOwnPath(world, scene, moving)
    const removed = homes.flatMap((alias) => remove(outcome.world, scene, alias, source, undefined))
    const moved = removed.flatMap((one): Outcome[] => {
      if (answer !== 'waits') return [{ ...one, answer }]
      const later = afterArrival(outcome.world, one.world, scene, source, { key: target, id })
      // A path of the disk alone is none of S3's business, and a delete that S3 is to be told of is older than this.
      const waits = hostOf(one.world, scene).waiting[source]
      const told = waits === undefined || isDeepStrictEqual(waits, hostOf(outcome.world, scene).waiting[source])
      return [{ answer, world: later }, ...(told && homes.includes('local') ? [{ answer, world: one.world }] : [])]
    })
    if (scene.link === 'up' || scene.link === 'down') return moved
    // Within S3 a move is one request, which may be carried out and not answered; then nothing else is done.
    const within = scene.link === 'lossy' && answer === 's3' ? [outcome.world] : []
    const lost = within.map((world): Outcome => {
      const done = onHost(world, scene, (_, draft) => {
        delete draft.far[source]
      })
      return { answer: DOWN, world: done, unknown: true }
    })
    return [...moved, ...lost, { ...outcome, answer: DOWN, unknown: true }]
  })
}

/** The source is deleted by the path that was given, or by the one of the driver that had it. */
function byItsOwnPath(world: World, scene: Scene, { from, source }: Copying): Alias[] {
  const near = looks(world, scene, from, source).some((found) => typeof found !== 'string' && found.place === 'near')
  return near && from !== 'local' ? [from, 'local'] : [from]
}

function idAt(world: World, scene: Scene, key: string, answer: string): number {
  const { near, waiting } = hostOf(world, scene)
  if (answer === 'waits') return waiting[key]?.id as number
  return answer === 's3' ? (world.far[key]?.id as number) : (near[key] as number)
}

/** The source's delete waits for the destination, wherever S3 stands. */
function afterArrival(
  copied: World,
  removed: World,
  scene: Scene,
  source: string,
  after: { readonly key: string; readonly id: number },
): World {
  return onHost(removed, scene, (host, draft) => {
    const before = hostOf(copied, scene).waiting[source]
    const tombstone = host.waiting[source] ?? nextWaiting(before, scene, { op: 'delete' })
    host.waiting[source] = { ...tombstone, ours: [...tombstone.ours], after } as never
    const far = copied.far[source]
    if (far !== undefined) draft.far[source] = { ...far }
  })
}

/** To the other driver under the same key. */
export function relocate(world: World, scene: Scene, alias: Alias, key: string, to: Place): Outcome[] {
  const failed: Outcome[] = scene.link === 'up' ? [] : broken(world, scene, key, to)
  const done = fates(scene).flatMap((fate): Outcome[] => {
    const found = look(world, scene, alias, key, fate === 'answered')
    if (typeof found === 'string') return [{ answer: found, world }]
    if (found.place !== 'waiting' && homeOf(found) === to) return [{ answer: 'ok', world }]
    if (fate !== 'answered') {
      const stays = found.place === 'waiting' && to === 's3' ? [{ answer: 'ok', world }] : []
      return [
        ...stays,
        ...(found.place === 'waiting' && to === 'local' ? [comesBack(world, scene, key, found, true)] : []),
      ]
    }
    if (to === 'local') {
      const waited = found.place === 'waiting' || claimed(scene, key)
      const waits = waited ? [comesBack(world, scene, key, found, true)] : []
      return [comesBack(world, scene, key, found, false), ...waits]
    }
    if (found.place === 'waiting') {
      return settle(world, scene, key, 'answered').map((settled) => ({ answer: 'ok', world: settled }))
    }
    const there = onHost(arrive(world, scene, key, found.id), scene, (host) => {
      host.moved = true
    })
    return [{ answer: 'ok', world: there }]
  })
  return [...done, ...failed, ...(to === 'local' ? takenTwice(world, scene, key) : [])]
}

/**
 * Two hosts that take the same blob at the same time may both have it: whoever finds the source gone cannot tell whether
 * it was by a request of its own, of which the answer was lost, and does not give up what may be the only copy.
 */
function takenTwice(world: World, scene: Scene, key: string): Outcome[] {
  if (world.far[key] !== undefined || hostOf(world, scene).waiting[key] !== undefined) return []
  const seen = new Set(scene.way?.map(({ far }) => far[key]?.id))
  const others = world.hosts.filter((_, index) => index !== scene.host).map(({ near }) => near[key])
  return [...new Set(others)].flatMap((id): Outcome[] => {
    if (id === undefined || !seen.has(id)) return []
    const both = onHost(world, scene, (host) => {
      host.near[key] = id
    })
    return [{ answer: 'ok', world: both }]
  })
}

/** The blob lies on the disk now; S3 was told to forget its own, or will be. */
function comesBack(world: World, scene: Scene, key: string, found: Found, waits: boolean): Outcome {
  const before = hostOf(world, scene).waiting[key]
  const done = onHost(world, scene, (host, draft) => {
    host.near[key] = found.id
    if (found.place === 'waiting' || waits) host.moved = true
    if (waits) host.waiting[key] = nextWaiting(before, scene, { op: 'delete' }) as never
    else {
      delete host.waiting[key]
      delete draft.far[key]
    }
  })
  return { answer: 'ok', world: done }
}

/** Blobs may have left the disk for S3, under their keys. */
export function marked(world: World, scene: Scene): World {
  return onHost(world, scene, (host) => {
    host.moved = true
  })
}

/** S3 failed midway: the blob may be on both sides, and is on one. */
function broken(world: World, scene: Scene, key: string, to: Place): Outcome[] {
  const bases = [world, marked(world, scene)]
  const outcomes = bases.map((base): Outcome => ({ answer: DOWN, world: base }))
  if (scene.link === 'down') return outcomes
  const { near, waiting } = hostOf(world, scene)
  // With S3 gone while it is read, its path reads an older copy on the disk, which is not what was to be moved.
  if (near[key] !== undefined && near[key] !== world.far[key]?.id) {
    outcomes.push(...bases.map((base): Outcome => ({ answer: 'PRECONDITION_FAILED', world: base })))
  }
  for (const base of bases) {
    const source = waiting[key]?.id ?? (to === 's3' ? near[key] : base.far[key]?.id)
    if (source === undefined) continue
    for (const gone of scene.link === 'lossy' && to === 'local' ? [false, true] : [false]) {
      const both = onHost(base, scene, (host, draft) => {
        if (to === 's3') draft.far[key] = { id: source, at: scene.now, by: scene.host }
        else host.near[key] = source
        if (gone) delete draft.far[key]
      })
      outcomes.push({ answer: DOWN, world: both, unknown: true })
    }
  }
  return outcomes
}
