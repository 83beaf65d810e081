import { putFar, putNear, remove } from './changing.js'
import { SIZES } from './contents.js'
import { copy, marked, move, relocate } from './moving.js'
import { answerOf, badPut, conditionOf, listAll, pathOf, placeOf, put, read } from './perform.js'
import { list, read as reading } from './reading.js'
import { reconcile } from './settling.js'
import type { Spec } from './specs.js'
import type { System } from './system.js'
import { DOWN, type Id, type Outcome, type Scene, type World } from './world.js'
import type { Answer, Worlds } from './worlds.js'

/** One command, ready to be done: to the system by `run`, to the model by `step`. */
export interface Act {
  run(): Promise<Answer>
  step(world: World, scene: Scene): Outcome[]
}

type Of<O extends Spec['op']> = Spec & { readonly op: O }

/** Makes ready: contents are made, and a caller looks for the etag of its condition. */
export async function prepare(worlds: Worlds, system: System, spec: Spec): Promise<Act> {
  switch (spec.op) {
    case 'put':
      return preparePut(worlds, system, spec)
    case 'bad put': {
      const answer = spec.how === 'abort' ? 'ABORTED' : 'BODY_FAILED'
      return { run: () => badPut(system, spec), step: (world) => [{ answer, world }] }
    }
    case 'read':
      return { run: () => read(system, spec), step: (world, scene) => readStep(spec, world, scene) }
    case 'list':
      return { run: () => listAll(system, spec), step: (world, scene) => list(world, scene, spec) }
    case 'delete':
      return prepareDelete(system, spec)
    case 'deleteMany':
      return deleteMany(system, spec)
    case 'copy':
    case 'move':
      return copying(system, spec)
    case 'relocate':
      return relocating(system, spec)
    case 'reconcile':
      return reconciling(system, spec)
    case 'outage':
    case 'recover':
      return silent(async () => system.networkOf(spec.by)[spec.op]())
    case 'crash':
    case 'close':
      return silent(() => system.reopen(spec.by, spec.op))
  }
}

async function preparePut(worlds: Worlds, system: System, spec: Of<'put'>): Promise<Act> {
  const { key, to, early = false } = spec
  const { condition, options } = await conditionOf(system, spec, pathOf(to, key))
  const last = worlds.lastPut.get(key)
  const id: Id = spec.again && last !== undefined ? last : system.contents.make(SIZES[spec.size] as number)
  worlds.lastPut.set(key, id)
  return {
    run: () => put(system, spec, { id, condition, options }),
    step: (world, scene) => {
      return to === 's3' ? putFar(world, scene, key, id, condition, early) : putNear(world, scene, key, id, condition)
    },
  }
}

function readStep({ alias, key, how }: Of<'read'>, world: World, scene: Scene): Outcome[] {
  return reading(world, scene, alias, key).map((one) => {
    return how === 'exists' && one.answer.startsWith('#') ? { ...one, answer: 'there' } : one
  })
}

async function prepareDelete(system: System, spec: Of<'delete'>): Promise<Act> {
  const { by, alias, key } = spec
  const path = pathOf(alias, key)
  const {
    condition,
    options: { ifMatch },
  } = await conditionOf(system, spec, path)
  return {
    run: () =>
      answerOf(async () => {
        await system.storeOf(by).delete(path, ifMatch === undefined ? {} : { ifMatch })
        return 'ok'
      }),
    // Create-only is no condition of a delete.
    step: (world, scene) => remove(world, scene, alias, key, ifMatch === undefined ? undefined : condition),
  }
}

function deleteMany(system: System, { by, paths }: Of<'deleteMany'>): Act {
  return {
    run: () =>
      answerOf(async () => {
        const results = await system.storeOf(by).deleteMany(paths.map(([alias, key]) => pathOf(alias, key)))
        for (const { error } of results) if (error) throw error
        return 'ok'
      }),
    step: (world, scene) => {
      let outcomes: Outcome[] = [{ answer: 'ok', world }]
      for (const [alias, key] of paths) {
        outcomes = outcomes.flatMap((one) => remove(one.world, scene, alias, key, undefined))
      }
      return outcomes
    },
  }
}

function copying(system: System, spec: Of<'copy' | 'move'>): Act {
  const { by, from, source, target, to, createOnly, op } = spec
  return {
    run: () =>
      answerOf(async () => {
        const options = { ...(to ? { driver: to } : {}), ...(createOnly ? { ifNoneMatch: '*' as const } : {}) }
        return placeOf(await system.storeOf(by)[op](pathOf(from, source), target, options), target)
      }),
    step: (world, scene) => {
      const outcomes = (op === 'copy' ? copy : move)(world, scene, spec)
      return scene.racing ? [...outcomes, { answer: 'PRECONDITION_FAILED', world }] : outcomes
    },
  }
}

function relocating(system: System, { by, alias, key, to }: Of<'relocate'>): Act {
  return {
    run: () =>
      answerOf(async () => {
        const { newPath } = await system.storeOf(by).relocate(pathOf(alias, key), { to })
        return newPath === `${to}:${key}` ? 'ok' : newPath
      }),
    step: (world, scene) => {
      const outcomes = relocate(world, scene, alias, key, to)
      if (!scene.racing) return outcomes
      // It gives way to whatever else changes the blob, before or after it has noted that blobs leave the disk.
      const unmoved = [world, marked(world, scene)].flatMap((one): Outcome[] => [
        { answer: DOWN, world: one },
        { answer: 'PRECONDITION_FAILED', world: one },
      ])
      return [...outcomes, ...unmoved]
    },
  }
}

function reconciling(system: System, spec: Of<'reconcile'>): Act {
  const { by, limit, twice, abortAfter } = spec
  const { processes } = system.setting
  // The second run is another process's of the host, where there is one.
  const beside = processes.findIndex((host, other) => other !== by && host === system.hostOf(by))
  return {
    run: () =>
      answerOf(async () => {
        const controller = new AbortController()
        if (abortAfter !== undefined) system.networkOf(by).afterCalls(abortAfter, () => controller.abort())
        const first = system.storeOf(by).reconcile({ limit, signal: controller.signal })
        const second = twice ? system.storeOf(beside < 0 ? by : beside).reconcile() : undefined
        const [one, two] = await Promise.allSettled([first, second])
        for (const end of [one, two]) if (end.status === 'rejected') throw end.reason
        const { moved, remaining } = await first
        return twice ? 'twice' : `moved ${moved}, ${remaining} left`
      }),
    step: (world, scene) => {
      const most = twice ? undefined : limit
      const mayStop = abortAfter !== undefined || scene.racing === true
      const others = twice && beside >= 0 ? system.networkOf(beside).down : scene.link === 'down'
      // Two of them get as far as the better way to S3 leads.
      const mixed = others !== (scene.link === 'down') || (twice && scene.link !== 'down' && scene.link !== 'up')
      const both: Scene = mixed ? { ...scene, link: 'lossy' } : scene
      const outcomes = reconcile(world, both, most ?? Number.POSITIVE_INFINITY, mayStop)
      // What is left is counted at the end, when others have changed it.
      const name = scene.racing ? 'reconciled' : twice ? 'twice' : undefined
      const told = name === undefined ? outcomes : outcomes.map((one) => ({ ...one, answer: name }))
      return abortAfter === undefined ? told : [...told, ...outcomes.map((one) => ({ ...one, answer: 'ABORTED' }))]
    },
  }
}

function silent(run: () => Promise<void>): Act {
  return {
    run: async () => {
      await run()
      return { text: 'ok' }
    },
    step: (world) => [{ answer: 'ok', world }],
  }
}
