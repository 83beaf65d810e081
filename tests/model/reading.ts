import { type Alias, DOWN, fates, hostOf, type Id, type Outcome, type Scene, type World } from './world.js'

export interface Found {
  readonly id: Id
  readonly place: 'waiting' | 'far' | 'near'
}

/** What a path reads: the version that waits, then the driver it names, then the other where it is looked up too. */
export function look(world: World, scene: Scene, alias: Alias, key: string, reached: boolean): Found | string {
  const { near, waiting, moved } = hostOf(world, scene)
  const change = waiting[key]
  if (change?.id !== undefined) return { id: change.id, place: 'waiting' }
  const order = alias === 'local' ? (moved ? ['near', 'far'] : ['near']) : ['far', 'near']
  let failure: string | undefined
  for (const place of order) {
    if (place === 'near' && near[key] !== undefined) return { id: near[key], place }
    // A delete that S3 was not told yet is an answer in its place.
    if (place !== 'far' || change !== undefined) continue
    const version = world.far[key]
    if (!reached) failure = DOWN
    else if (version !== undefined) return { id: version.id, place }
  }
  return failure ?? 'NOT_FOUND'
}

/** All that the path may read now. */
export function looks(world: World, scene: Scene, alias: Alias, key: string): (Found | string)[] {
  const found = fates(scene).map((fate) => look(world, scene, alias, key, fate === 'answered'))
  const seen = new Set<string>()
  return found.filter((one) => {
    const text = JSON.stringify(one)
    return !seen.has(text) && seen.add(text)
  })
}

export function read(world: World, scene: Scene, alias: Alias, key: string): Outcome[] {
  return looks(world, scene, alias, key).map((found) => ({
    answer: typeof found === 'string' ? found : `#${found.id}`,
    world,
  }))
}

export interface Listing {
  readonly prefix?: string | undefined
  readonly delimiter?: string | undefined
  readonly startAfter?: string | undefined
  readonly partial?: boolean | undefined
}

/** The names that a list shows, each with its content and whether it waits, in no order. */
export function listed(world: World, scene: Scene, listing: Listing, reached: boolean): string[] | string {
  const { near, waiting } = hostOf(world, scene)
  if (!reached && !listing.partial) return DOWN
  const shown = new Map<string, string>()
  for (const [key, id] of Object.entries(near)) shown.set(key, `${key} #${id}`)
  if (reached) {
    for (const [key, { id }] of Object.entries(world.far)) {
      if (waiting[key]?.op !== 'delete') shown.set(key, `${key} #${id}`)
    }
  }
  for (const [key, { id }] of Object.entries(waiting)) if (id !== undefined) shown.set(key, `${key} #${id} waits`)
  const { prefix = '', delimiter = '', startAfter } = listing
  const entries = new Set<string>()
  for (const [key, entry] of shown) {
    if (!key.startsWith(prefix)) continue
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    const name = end < 0 ? key : key.slice(0, end + delimiter.length)
    if (startAfter !== undefined && Buffer.compare(Buffer.from(name), Buffer.from(startAfter)) <= 0) continue
    entries.add(end < 0 ? entry : name)
  }
  return [...entries]
}

export function list(world: World, scene: Scene, listing: Listing): Outcome[] {
  return fates(scene).map((fate) => {
    const entries = listed(world, scene, listing, fate === 'answered')
    return { answer: typeof entries === 'string' ? entries : entries.sort().join(', '), world }
  })
}

/** What waits, as `pending()` tells it. */
export function pending(world: World, scene: Scene): string {
  const { waiting } = hostOf(world, scene)
  const lines = Object.entries(waiting).map(([key, { op, id }]) => `${op} ${key}${id === undefined ? '' : ` #${id}`}`)
  return lines.sort().join(', ')
}
