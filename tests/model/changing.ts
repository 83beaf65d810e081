import { look } from './reading.js'
import {
  type Alias,
  DOWN,
  fates,
  hostOf,
  type Id,
  nextWaiting,
  type Outcome,
  onHost,
  type Scene,
  type World,
} from './world.js'

/** What a change asks of the version that is there: none, or this content; undefined in `ifMatch` fits nothing. */
export type Condition = { readonly createOnly: true } | { readonly ifMatch: Id | undefined }

export function judge(condition: Condition | undefined, current: Id | undefined): string | undefined {
  if (condition === undefined) return undefined
  if ('createOnly' in condition) return current === undefined ? undefined : 'ALREADY_EXISTS'
  return current !== undefined && condition.ifMatch === current ? undefined : 'PRECONDITION_FAILED'
}

/** Whether a version on S3 was there, or ours, when the change that waits was made. */
export function origin(world: World, scene: Scene, key: string): 'none' | 'ours' | 'theirs' | 'either' {
  const far = world.far[key]
  const waiting = hostOf(world, scene).waiting[key]
  if (far === undefined || waiting === undefined) return 'none'
  if (far.by === scene.host) return 'ours'
  // The same content by somebody else: an etag does not tell it from ours.
  if (waiting.ours.includes(far.id)) return 'either'
  if (far.at <= waiting.first) return 'ours'
  return far.at > Math.max(waiting.last, waiting.ever) ? 'theirs' : 'either'
}

/** A put or a delete that waits for S3 from now on. `landed`: S3 has carried it out, and did not say so. */
export function wait(
  world: World,
  scene: Scene,
  key: string,
  op: { readonly op: 'put'; readonly id: Id } | { readonly op: 'delete' },
  landed: boolean,
): World {
  return onHost(world, scene, (host, draft) => {
    const next = nextWaiting(hostOf(world, scene).waiting[key], scene, op)
    const ours = landed && op.op === 'put' ? [...next.ours, op.id] : next.ours
    // An answer that did not come says nothing: the request may still have been carried out.
    host.waiting[key] = { ...next, ours: [...ours], ...(scene.link === 'lossy' ? { doubt: true } : {}) } as never
    if (op.op === 'delete') delete host.near[key]
    if (landed && op.op === 'put') draft.far[key] = { id: op.id, at: scene.now, by: scene.host }
    if (landed && op.op === 'delete') delete draft.far[key]
  })
}

/** S3 has this version now, and it is the only one. */
export function arrive(world: World, scene: Scene, key: string, id: Id): World {
  return onHost(world, scene, (host, draft) => {
    draft.far[key] = { id, at: scene.now, by: scene.host }
    delete host.waiting[key]
    delete host.near[key]
  })
}

/** A put that is meant for S3. */
export function putFar(
  world: World,
  scene: Scene,
  key: string,
  id: Id,
  condition: Condition | undefined,
  early: boolean,
): Outcome[] {
  const waiting = hostOf(world, scene).waiting[key]
  const fellBack = (landed: boolean): Outcome => {
    return { answer: 'waits', world: wait(world, scene, key, { op: 'put', id }, landed) }
  }
  if (early && condition === undefined) return [fellBack(false)]
  const outcomes: Outcome[] = []
  for (const fate of fates(scene)) {
    if (fate === 'answered') {
      // Only the outbox can judge the condition in the instant in which what waits is superseded.
      if (condition !== undefined && waiting !== undefined) {
        outcomes.push(...againstWaiting(world, scene, key, condition, () => fellBack(false)))
        continue
      }
      const current = look(world, scene, 's3', key, true)
      const refusal = judge(condition, typeof current === 'string' ? undefined : current.id)
      const others = condition !== undefined && origin(world, scene, key)
      if (refusal !== undefined) outcomes.push({ answer: refusal, world })
      // Somebody else's version, which the caller's condition did not know, must not be overwritten under it.
      else if (others === 'theirs') outcomes.push(...refusals(world, condition), fellBack(false))
      else outcomes.push({ answer: 's3', world: arrive(world, scene, key, id) })
      if (refusal === undefined && others === 'either') outcomes.push(...refusals(world, condition))
      if (refusal === undefined && (waiting?.doubt || early || claimed(scene, key))) outcomes.push(fellBack(false))
      continue
    }
    const landed = fate === 'lost'
    if (condition === undefined) outcomes.push(fellBack(landed))
    else if (waiting === undefined) {
      const current = look(world, scene, 's3', key, true)
      const holds = judge(condition, typeof current === 'string' ? undefined : current.id) === undefined
      outcomes.push({ answer: DOWN, world })
      if (landed && holds) {
        const done = onHost(world, scene, (_, draft) => {
          draft.far[key] = { id, at: scene.now, by: scene.host }
        })
        outcomes.push({ answer: DOWN, world: done, unknown: true })
      }
    } else outcomes.push(...againstWaiting(world, scene, key, condition, () => fellBack(landed)))
  }
  return outcomes
}

/** Another process may have been at what waited of the key, and then a change goes behind it. */
export function claimed(scene: Scene, key: string): boolean {
  return scene.way?.some((world) => hostOf(world, scene).waiting[key] !== undefined) ?? false
}

/** S3 does not answer: the change that waits is the current version, and below a delete what a put to the disk left. */
function againstWaiting(world: World, scene: Scene, key: string, condition: Condition, done: () => Outcome): Outcome[] {
  const { near, waiting } = hostOf(world, scene)
  const currents = new Set([waiting[key]?.id, waiting[key]?.id ?? near[key]])
  return [...currents].map((current) => {
    const refusal = judge(condition, current)
    return refusal === undefined ? done() : { answer: refusal, world }
  })
}

function refusals(world: World, condition: Condition | undefined): Outcome[] {
  const answer = condition && 'createOnly' in condition ? 'ALREADY_EXISTS' : 'PRECONDITION_FAILED'
  return [{ answer, world }]
}

/** A put that is meant for the disk. */
export function putNear(world: World, scene: Scene, key: string, id: Id, condition: Condition | undefined): Outcome[] {
  const { near, waiting } = hostOf(world, scene)
  const change = waiting[key]
  const elsewhere = scene.exclusive && change === undefined ? world.far[key]?.id : undefined
  const refusal = judge(condition, change?.id ?? near[key] ?? elsewhere)
  const refused = refusal === undefined ? [] : [{ answer: refusal, world }]
  if (refusal !== undefined && (!scene.exclusive || change !== undefined || scene.link === 'up')) return refused
  const put = (far: 'kept' | 'told' | 'waits'): Outcome => {
    const done = onHost(world, scene, (host, draft) => {
      if (far === 'waits') host.waiting[key] = nextWaiting(change, scene, { op: 'delete' }) as never
      if (far === 'told') delete host.waiting[key]
      if (far === 'told') delete draft.far[key]
      host.near[key] = id
    })
    return { answer: 'local', world: done }
  }
  if (change?.op === 'delete') return [put('kept'), ...(scene.link === 'up' ? [put('told')] : [])]
  return fates(scene).flatMap((fate): Outcome[] => {
    // What waited is older than this; S3 must not hand out a version that is older still.
    if (change !== undefined) return fate === 'answered' ? [put('waits'), put('told')] : [put('waits')]
    // What waited when it began may be handed over by now: nobody can tell while S3 does not answer.
    if (!scene.exclusive)
      return fate !== 'answered' && claimed(scene, key) ? [put('kept'), put('waits')] : [put('kept')]
    if (fate === 'answered') return refusal === undefined ? [put('told')] : refused
    // Whether the condition holds is for S3 to say, unless the disk's own version says it.
    const decided = condition === undefined || near[key] !== undefined
    if (refusal !== undefined || !decided) return [{ answer: DOWN, world }, ...(near[key] === undefined ? [] : refused)]
    const flaky = scene.link === 'down' ? [] : [put('kept'), put('told')]
    return [{ answer: DOWN, world }, put('waits'), ...flaky]
  })
}

/** A delete by one of the key's paths. */
export function remove(
  world: World,
  scene: Scene,
  alias: Alias,
  key: string,
  condition: Condition | undefined,
): Outcome[] {
  const { waiting, moved, near } = hostOf(world, scene)
  const change = waiting[key]
  const gone = (far: 'kept' | 'told'): Outcome => {
    const done = onHost(world, scene, (host, draft) => {
      delete host.near[key]
      if (far === 'kept') return
      delete draft.far[key]
      delete host.waiting[key]
    })
    return { answer: 'ok', world: done }
  }
  const waits = (landed: boolean): Outcome => {
    return { answer: 'ok', world: wait(world, scene, key, { op: 'delete' }, landed) }
  }
  // A path of the disk is looked up on S3 only once blobs moved there, and is deleted where it is looked up.
  const disk = alias === 'local' && !moved && change?.op !== 'put'
  return fates(scene).flatMap((fate): Outcome[] => {
    const found = look(world, scene, alias, key, true)
    const refusal = judge(condition, typeof found === 'string' ? undefined : found.id)
    if (disk) {
      if (refusal !== undefined) return [{ answer: refusal, world }]
      return [gone('kept'), fate === 'answered' ? gone('told') : waits(fate === 'lost')]
    }
    // What S3 has goes with the delete that waits for it; the condition is about what lies on the disk below that.
    if (condition !== undefined && change?.op === 'delete') {
      return refusal === undefined ? [gone('kept')] : [{ answer: refusal, world }]
    }
    if (fate === 'answered') {
      // Only the outbox can judge the condition in the instant in which what waits is superseded.
      if (condition !== undefined && change !== undefined) {
        return againstWaiting(world, scene, key, condition, () => waits(false))
      }
      if (refusal !== undefined) return [{ answer: refusal, world }]
      const foreign = condition !== undefined && ['theirs', 'either'].includes(origin(world, scene, key))
      return [
        gone('told'),
        ...(change?.doubt || foreign || claimed(scene, key) ? [waits(false)] : []),
        ...(foreign ? refusals(world, condition) : []),
      ]
    }
    const landed = fate === 'lost'
    if (condition === undefined) return [waits(landed)]
    if (change !== undefined) return againstWaiting(world, scene, key, condition, () => waits(landed))
    const byDisk = alias === 'local' && near[key] !== undefined
    const unfit = byDisk ? judge(condition, near[key]) : undefined
    return [
      unfit === undefined ? { answer: DOWN, world } : { answer: unfit, world },
      ...(byDisk && unfit === undefined ? [waits(landed)] : []),
      ...(landed && refusal === undefined ? [landedDelete(world, scene, key)] : []),
    ]
  })
}

function landedDelete(world: World, scene: Scene, key: string): Outcome {
  const done = onHost(world, scene, (_, draft) => {
    delete draft.far[key]
  })
  return { answer: DOWN, world: done, unknown: true }
}
