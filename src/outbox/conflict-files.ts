import { join } from 'node:path'
import { makeDirectories } from '../disk/index.js'
import { keyProblem } from '../keys/index.js'
import { namesIn, type OutboxFolder, readSmall, unlinkIfThere } from './folder.js'
import { isToken } from './token.js'
import type { OutboxConflict } from './types.js'

const SUFFIX = '.json'

/** The conflicts, a file each: written once and durably, read as untrusted input. */
export class ConflictFiles {
  readonly #folder: OutboxFolder

  constructor(folder: OutboxFolder) {
    this.#folder = folder
  }

  async note(conflict: OutboxConflict): Promise<void> {
    const { disk, conflicts, durability } = this.#folder
    await this.#folder.make()
    await makeDirectories(disk, conflicts, durability, 0o700)
    const name = conflict.id + SUFFIX
    const temporary = `.${conflict.id}.tmp`
    // Left there by a process that died here: it is the same conflict, found again.
    await unlinkIfThere(disk, join(conflicts, temporary))
    await this.#folder.writeFile(conflicts, name, Buffer.from(JSON.stringify(conflict)), temporary)
  }

  /** The oldest first. A file that is no conflict is left alone. */
  async list(): Promise<OutboxConflict[]> {
    const { disk, conflicts } = this.#folder
    const found: OutboxConflict[] = []
    for (const name of await namesIn(disk, conflicts)) {
      const text = name.endsWith(SUFFIX) ? await readSmall(disk, join(conflicts, name)) : undefined
      const conflict = text === undefined ? undefined : parse(text)
      if (conflict) found.push(conflict)
    }
    return found.sort((a, b) => a.found.getTime() - b.found.getTime() || (a.id < b.id ? -1 : 1))
  }

  async dismiss(id: string): Promise<void> {
    const { disk, conflicts } = this.#folder
    if (!isToken(id)) return
    await unlinkIfThere(disk, join(conflicts, id + SUFFIX))
    if ((await namesIn(disk, conflicts)).length > 0) await this.#folder.sync(conflicts)
  }
}

function parse(text: string): OutboxConflict | undefined {
  try {
    const { id, key, driver, operation, keptAs, winner, remote, since, found } = JSON.parse(text)
    const times = [new Date(since), new Date(found)]
    const sound =
      isToken(id) &&
      keyProblem(key) === undefined &&
      typeof driver === 'string' &&
      (operation === 'put' || operation === 'delete') &&
      (keptAs === undefined || keyProblem(keptAs) === undefined) &&
      (winner === 'local' || winner === 'remote') &&
      (remote === undefined || typeof remote === 'string') &&
      times.every((time) => !Number.isNaN(time.getTime()))
    if (!sound) return undefined
    return { id, key, driver, operation, keptAs, winner, remote, since: times[0] as Date, found: times[1] as Date }
  } catch {
    return undefined
  }
}
