import { expect } from 'vitest'
import type { BlobDriver } from '../../src/driver/index.js'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { answerOf, describe, nameFor, pathOf, readPath } from './perform.js'
import { list, pending, read } from './reading.js'
import { sceneOf } from './scene.js'
import { reconcile } from './settling.js'
import { KEYS, type Spec } from './specs.js'
import type { System } from './system.js'
import { type Alias, copyName, hostOf, type Scene, type World } from './world.js'
import type { Worlds } from './worlds.js'

const ROUNDS = 20

const ALIASES: readonly Alias[] = ['s3', 'local', 'bare']

/** Looks at everything that a command may have touched, by every path and from every process. */
export async function look(worlds: Worlds, system: System, spec: Spec): Promise<void> {
  const keys = keysOf(spec)
  for (const [by] of system.stores.entries()) await lookFrom(worlds, system, by, keys)
}

function keysOf(spec: Spec): readonly string[] {
  if ('key' in spec) return [spec.key]
  if ('source' in spec) return [spec.source, spec.target]
  if ('paths' in spec) return spec.paths.map(([, key]) => key)
  return spec.op === 'list' ? [] : KEYS
}

async function lookFrom(worlds: Worlds, system: System, by: number, keys: readonly string[]): Promise<void> {
  const store = system.storeOf(by)
  const at = `${system.now} process ${by}`
  const waiting = await store.pending()
  const lines = waiting.map(({ key, pendingFor, path, operation }) => {
    expect([pendingFor, path]).toEqual(['s3', `s3:${key}`])
    return [operation, key] as const
  })
  const scene = await sceneOf(system, { by })
  // The content of what waits is told by reading it.
  const told: string[] = []
  for (const [operation, key] of lines) {
    told.push(
      operation === 'delete' ? `delete ${key}` : `put ${key} ${await readPath(system, store, `s3:${key}`, 'head')}`,
    )
  }
  worlds.observe(`${at} pending()`, told.sort().join(', '), (world) => [pending(world, scene)])
  for (const [index, alias] of ALIASES.entries()) {
    for (const key of keys) {
      const how = (system.now + index) % 2 === 0 ? 'get' : 'head'
      const path = pathOf(alias, key)
      const scene = await sceneOf(system, { by })
      const answer = await answerOf(() => readPath(system, store, path, how))
      worlds.advance(`${at} ${how} ${path} [${scene.link}]`, answer, (world) => read(world, scene, alias, key))
    }
  }
  const again = await sceneOf(system, { by })
  const answer = await answerOf(async () => {
    const entries = []
    for await (const entry of store.list()) entries.push(entry)
    return describe(system, store, entries)
  })
  worlds.advance(`${at} list [${again.link}]`, answer, (world) => list(world, again, {}))
  await lookAtConflicts(worlds, system, by, at)
  if (!system.networkOf(by).down && !(await system.tripped(by))) system.hears(by)
}

async function lookAtConflicts(worlds: Worlds, system: System, by: number, at: string): Promise<void> {
  const scene = await sceneOf(system, { by })
  const told: string[] = []
  for (const { key, operation, keptAs } of await system.storeOf(by).conflicts()) {
    let kept = ''
    if (keptAs !== undefined && scene.link === 'up') kept = ` kept as ${await keptContent(system, by, keptAs.path)}`
    told.push(`${operation} ${key}${kept}`)
  }
  worlds.observe(`${at} conflicts()`, told.sort().join(', '), (world) => [conflictsOf(world, scene)])
}

async function keptContent(system: System, by: number, path: string): Promise<string> {
  const id = await readPath(system, system.storeOf(by), path, 'get')
  return nameFor(path.replace(/^s3:/, ''), Number(id.slice(1)))
}

function conflictsOf(world: World, scene: Scene): string {
  const lines = hostOf(world, scene).conflicts.map(({ key, op, kept }) => {
    const told = kept !== undefined && scene.link === 'up'
    return `${op} ${key}${told ? ` kept as ${copyName(key, kept)}` : ''}`
  })
  return lines.sort().join(', ')
}

/** At the end S3 is back, everything is handed over, and S3 and the disks are compared with the model. */
export async function finish(worlds: Worlds, system: System): Promise<void> {
  for (const network of system.networks) network.recover()
  await drain(worlds, system)
  for (const [by] of system.stores.entries()) await lookFrom(worlds, system, by, KEYS)
  const far = await contentsOf(system, system.s3)
  worlds.observe('S3 itself', far, (world) => {
    const versions = Object.entries(world.far).map(([key, { id }]) => `${key} #${id}`)
    return [versions.sort().join(', ')]
  })
  for (const [host, root] of system.roots.entries()) {
    const disk = new FsDriver({ root, durability: 'none' })
    const near = await contentsOf(system, disk)
    await disk.close()
    worlds.observe(`disk ${host} itself`, near, (world) => {
      const versions = Object.entries(world.hosts[host]?.near ?? {}).map(([key, id]) => `${key} #${id}`)
      return [versions.sort().join(', ')]
    })
    expect(await system.remains(host), 'left in the outbox').toEqual([])
  }
}

/** What a driver really has, past the store. */
async function contentsOf(system: System, driver: BlobDriver): Promise<string> {
  const lines: string[] = []
  for await (const entry of driver.list()) {
    if (entry.type !== 'blob') continue
    const id = system.contents.idOfInfo(await driver.head(entry.key))
    lines.push(`${nameFor(entry.key, id)} #${id}`)
  }
  return lines.sort().join(', ')
}

/** Reconciles as often as it takes; that it ends is part of the promise. */
async function drain(worlds: Worlds, system: System): Promise<void> {
  for (let round = 1; round <= ROUNDS; round++) {
    let remaining = 0
    for (const [by, store] of system.stores.entries()) {
      system.tick('command')
      const scene = await sceneOf(system, { by })
      const result = await store.reconcile()
      const text = `moved ${result.moved}, ${result.remaining} left`
      worlds.advance(`${system.now} process ${by} reconciles at the end [${scene.link}]`, { text }, (world) => {
        return reconcile(world, scene, Number.POSITIVE_INFINITY, false)
      })
      system.tick('look')
      remaining += result.remaining
    }
    if (remaining === 0) return
    // A circuit closes by a probe, and doubts end, some milliseconds later.
    await new Promise((resolve) => setTimeout(resolve, round))
  }
  throw new Error(`Something still waits after ${ROUNDS} rounds of reconcile.`)
}
