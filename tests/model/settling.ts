import { arrive, origin } from './changing.js'
import {
  change,
  copyName,
  type Fate,
  fates,
  hostOf,
  type Id,
  type Outcome,
  onHost,
  type Scene,
  type Waiting,
  type World,
} from './world.js'

/** What may become of one change that waits when S3 is told. `lost`: S3 does it, and the change still waits. */
export function settle(world: World, scene: Scene, key: string, fate: Fate): World[] {
  const waiting = hostOf(world, scene).waiting[key]
  if (waiting === undefined || fate === 'refused') return [world]
  const settled = decisions(world, scene, key, waiting)
  if (fate === 'answered') {
    // Where an answer was lost, S3 is asked again later: until then the change may go on waiting, already done.
    const later = waiting.doubt ? settled.map((one) => stillWaiting(one, scene, key, waiting)) : []
    return [...settled, ...later]
  }
  return settled.map((one) => stillWaiting(one, scene, key, waiting))
}

function decisions(world: World, scene: Scene, key: string, waiting: Waiting): World[] {
  const far = world.far[key]
  const { op, id } = waiting
  if (far !== undefined && op === 'put' && far.id === id) return [arriveAgain(world, scene, key)]
  const whose = origin(world, scene, key)
  const plain = op === 'put' ? arrive(world, scene, key, id as Id) : forgotten(world, scene, key)
  if (whose === 'none') {
    // The version that the change was made of is gone: worth a note, and nothing stands in the way.
    const noted = note(plain, scene, { key, op })
    return op === 'put' && waiting.ours.length > 0 ? [plain, noted] : [plain]
  }
  if (whose === 'ours') return [plain]
  const conflict = conflicts(world, scene, key, waiting, plain)
  return whose === 'theirs' ? conflict : [plain, ...conflict]
}

/** Both sides changed. */
function conflicts(world: World, scene: Scene, key: string, { op, id }: Waiting, plain: World): World[] {
  if (scene.conflicts === 'local') return [note(plain, scene, { key, op })]
  const done = onHost(world, scene, (host) => {
    delete host.waiting[key]
  })
  if (op === 'delete' || scene.conflicts === 'remote') return withoutNear(note(done, scene, { key, op }), scene, key)
  const kept = change(note(done, scene, { key, op, kept: id as Id }), (draft) => {
    draft.far[copyName(key, id as Id)] = { id: id as Id, at: scene.now, by: scene.host }
  })
  return withoutNear(kept, scene, key)
}

/** What the disk holds below a version on S3 may go or stay. */
function withoutNear(world: World, scene: Scene, key: string): World[] {
  if (hostOf(world, scene).near[key] === undefined) return [world]
  const evicted = onHost(world, scene, (host) => {
    delete host.near[key]
  })
  return [world, evicted]
}

function note(
  world: World,
  scene: Scene,
  conflict: { readonly key: string; readonly op: 'put' | 'delete'; readonly kept?: Id },
): World {
  return onHost(world, scene, (host) => {
    host.conflicts.push(conflict)
  })
}

/** S3 has it already. */
function arriveAgain(world: World, scene: Scene, key: string): World {
  return onHost(world, scene, (host) => {
    delete host.waiting[key]
    delete host.near[key]
  })
}

function forgotten(world: World, scene: Scene, key: string): World {
  return onHost(world, scene, (host, draft) => {
    delete host.waiting[key]
    delete draft.far[key]
  })
}

/** S3 as it is after, the host as it was before. */
function stillWaiting(settled: World, scene: Scene, key: string, waiting: Waiting): World {
  const ours = waiting.id === undefined ? waiting.ours : [...waiting.ours, waiting.id]
  return onHost(settled, scene, (host) => {
    host.waiting[key] = { ...waiting, ours: [...ours], doubt: true } as never
  })
}

interface Run {
  readonly world: World
  readonly moved: number
  readonly tried: number
}

/** One run over what waits: `limit` at most, in any order. */
export function reconcile(world: World, scene: Scene, limit: number, mayStop: boolean): Outcome[] {
  const { waiting } = hostOf(world, scene)
  // Sources of moves come behind their destinations.
  const keys = Object.keys(waiting).sort((a, b) => Number(!!waiting[a]?.after) - Number(!!waiting[b]?.after))
  let runs: Run[] = [{ world, moved: 0, tried: 0 }]
  for (const key of keys) runs = runs.flatMap((run) => steps(run, scene, key, limit, keys.length, mayStop))
  const outcomes = runs.map(({ world: done, moved }) => ({
    answer: `moved ${moved}, ${left(done, scene)} left`,
    world: done,
  }))
  return outcomes
}

function steps(run: Run, scene: Scene, key: string, limit: number, count: number, mayStop: boolean): Run[] {
  const { world, moved, tried } = run
  const waiting = hostOf(world, scene).waiting[key] as Waiting
  const stays: Run = { world, moved, tried: tried + 1 }
  const blocked = waiting.after && hostOf(world, scene).waiting[waiting.after.key]
  if (blocked?.op === 'put' && blocked.id === waiting.after?.id) return [stays]
  // What is broken off may have been carried out.
  const how: readonly Fate[] = mayStop && scene.link !== 'down' ? ['answered', 'refused', 'lost'] : fates(scene)
  const runs = how.flatMap((fate): Run[] => {
    if (fate === 'refused') return [stays]
    return settle(world, scene, key, fate).flatMap((done): Run[] => {
      const settled = hostOf(done, scene).waiting[key] === undefined
      const noted = hostOf(done, scene).conflicts.length > hostOf(world, scene).conflicts.length
      const one = { world: done, tried: tried + 1 }
      if (settled) return [{ ...one, moved: moved + 1 }]
      // One that was handed over and is to be looked at again may count or not. A conflict is noted once it is over.
      const unnoted = noted ? unnote(done, scene, world) : done
      return [
        { ...one, world: unnoted, moved },
        { ...one, world: unnoted, moved: moved + 1 },
      ]
    })
  })
  if (waiting.after !== undefined) runs.push(stays)
  const passed: Run = { world, moved, tried }
  return limit < count ? [...runs.filter((one) => one.tried <= limit), passed] : runs
}

function unnote(done: World, scene: Scene, before: World): World {
  return onHost(done, scene, (host) => {
    host.conflicts = hostOf(before, scene).conflicts.map((one) => ({ ...one }))
  })
}

function left(world: World, scene: Scene): number {
  return Object.keys(hostOf(world, scene).waiting).length
}
