import type { Trouble } from './specs.js'
import type { System } from './system.js'
import type { Link, Scene } from './world.js'

interface Acting {
  readonly by: number
  readonly trouble?: Trouble | undefined
  readonly diesAt?: number | undefined
}

/** The circumstances of a command, before anything of it has happened. */
export async function sceneOf(system: System, spec: Acting): Promise<Scene> {
  const { by } = spec
  const { exclusive, conflicts } = system.setting
  const link = await linkOf(system, spec)
  return { now: system.now, host: system.hostOf(by), link, ...system.heard(by), exclusive, conflicts }
}

async function linkOf(system: System, { by, trouble, diesAt }: Acting): Promise<Link> {
  if (system.networkOf(by).down) return 'down'
  if (diesAt !== undefined || trouble?.after) return 'lossy'
  return trouble !== undefined || (await system.tripped(by)) ? 'flaky' : 'up'
}

/** Lets S3 fail once while the next command runs; in an outage it fails anyway. */
export function planTrouble(system: System, { by, trouble }: Acting): void {
  const network = system.networkOf(by)
  if (trouble === undefined || network.down) return
  const { verb, code, after, skip } = trouble
  const fail = () => network.driver.fail(verb, code, 1, { after })
  if (skip === 0) fail()
  else network.afterCalls(skip, fail)
}
