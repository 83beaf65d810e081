import { createHash } from 'node:crypto'
import type { FileFacts, Id, Place, Step } from './recording-disk.js'

/** What a file holds: its bytes and what an fsync makes durable with them. */
export interface Content {
  readonly bytes: Buffer
  readonly facts: FileFacts
}

interface FileNode {
  readonly kind: 'file'
  readonly ino: bigint
  /** What readers see. */
  now: Content
  /** What the last fsync that ended has made durable. */
  durable: Content
}
interface DirectoryNode {
  readonly kind: 'directory'
  readonly mode: number
  /** The entries that are durable. */
  readonly durable: Map<string, Id>
}
interface SymlinkNode {
  readonly kind: 'symlink'
  readonly target: string
}
export type Node = FileNode | DirectoryNode | SymlinkNode

interface Part extends Place {
  /** Undefined: the entry is removed. */
  readonly id: Id | undefined
}

/** A change of entries that is not durable yet. All its parts are kept or dropped, but for {@link Unit.optional}. */
export interface Unit {
  readonly what: string
  parts: readonly Part[]
  /** The old name of a rename into another directory: it may stay although the new one is there. */
  optional: Part | undefined
}

/** Which of what is not durable is there after a crash. */
export interface Choice {
  readonly name: string
  /** For each pending unit; `half`: without its optional part. */
  unit(index: number): 'kept' | 'half' | 'dropped'
  /** Asked for files whose content is not durable. */
  content(file: FileNode, id: Id): Content
}

/** A tree as it is found after a crash. */
export interface CrashState {
  readonly name: string
  readonly nodes: ReadonlyMap<Id, Node>
  readonly entries: ReadonlyMap<Id, ReadonlyMap<string, Id>>
  readonly contents: ReadonlyMap<Id, Content>
  /** The same for states that no program can tell apart. */
  readonly digest: string
}

/**
 * A POSIX file system that knows what of its state is durable. It promises as little as POSIX does: an entry is durable
 * once its directory was synced after it was made, the bytes of a file once the file was; until then each may be there
 * or not, whatever the order. A rename is atomic: the new name is never gone without the old one being back.
 *
 * Not modelled: bytes that were overwritten before they were synced, access and change times, times of directories,
 * owners, hard links across a crash of their own; errors of the disk that are found only later (see fail-nth.test.ts).
 */
export class DiskModel {
  readonly #nodes = new Map<Id, Node>([[0, { kind: 'directory', mode: 0o700, durable: new Map() }]])
  #pending: Unit[] = []
  readonly #syncs = new Map<number, () => void>()

  apply(step: Step): void {
    switch (step.kind) {
      case 'create': {
        const content = { bytes: Buffer.alloc(0), facts: step.facts }
        this.#nodes.set(step.id, { kind: 'file', ino: step.ino, now: content, durable: content })
        this.#enter(`create ${step.at.name}`, step.at, step.id)
        return
      }
      case 'mkdir':
        this.#nodes.set(step.id, { kind: 'directory', mode: step.mode, durable: new Map() })
        this.#enter(`mkdir ${step.at.name}`, step.at, step.id)
        return
      case 'symlink':
        this.#nodes.set(step.id, { kind: 'symlink', target: step.target })
        this.#enter(`symlink ${step.at.name}`, step.at, step.id)
        return
      case 'link':
        this.#enter(`link ${step.at.name}`, step.at, step.id)
        return
      case 'unlink':
      case 'rmdir':
        this.#enter(`${step.kind} ${step.at.name}`, step.at, undefined)
        return
      case 'rename':
        this.#rename(step.id, step.from, step.to)
        return
      case 'write': {
        const file = this.#file(step.id)
        const bytes = Buffer.alloc(Math.max(file.now.bytes.byteLength, step.offset + step.bytes.byteLength))
        bytes.set(file.now.bytes)
        bytes.set(step.bytes, step.offset)
        file.now = { bytes, facts: step.facts }
        return
      }
      case 'truncate': {
        const file = this.#file(step.id)
        const bytes = Buffer.alloc(step.length)
        bytes.set(file.now.bytes.subarray(0, step.length))
        file.now = { bytes, facts: step.facts }
        return
      }
      case 'attributes': {
        const file = this.#file(step.id)
        file.now = { bytes: file.now.bytes, facts: step.facts }
        return
      }
      case 'sync':
        this.#syncs.set(step.sync, this.#beginSync(step.id))
        return
      case 'synced':
        this.#syncs.get(step.sync)?.()
        return
      case 'mark':
    }
  }

  /** Everything becomes durable, as after a quiet while. */
  settle(): void {
    for (const [id, node] of this.#nodes) if (node.kind !== 'symlink') this.#beginSync(id)()
  }

  /** Changes of entries that are not durable. */
  get pending(): readonly Unit[] {
    return this.#pending
  }

  /** Files whose content is not durable. */
  get unsynced(): readonly FileNode[] {
    return [...this.#nodes.values()].filter((node) => node.kind === 'file').filter((file) => file.now !== file.durable)
  }

  crash(choice: Choice): CrashState {
    const entries = new Map<Id, Map<string, Id>>()
    for (const [id, node] of this.#nodes) if (node.kind === 'directory') entries.set(id, new Map(node.durable))
    for (const [index, unit] of this.#pending.entries()) {
      const fate = choice.unit(index)
      if (fate === 'dropped') continue
      for (const part of unit.parts) set(entries, part)
      if (fate === 'kept' && unit.optional) set(entries, unit.optional)
    }
    const contents = new Map<Id, Content>()
    const hash = createHash('sha1')
    const visit = (id: Id) => {
      for (const [name, child] of [...(entries.get(id) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
        const node = this.#nodes.get(child) as Node
        hash.update(`${name}\0${child}\0${node.kind}\0`)
        if (node.kind === 'directory') visit(child)
        if (node.kind !== 'file') continue
        let content = contents.get(child)
        if (content === undefined) {
          content = node.now === node.durable ? node.now : choice.content(node, child)
          contents.set(child, content)
        }
        const { mode, mtimeNs } = content.facts
        hash.update(`${content.bytes.byteLength} ${mode} ${mtimeNs}\0`).update(content.bytes)
      }
      hash.update('\0/')
    }
    visit(0)
    return { name: choice.name, nodes: this.#nodes, entries, contents, digest: hash.digest('hex') }
  }

  #file(id: Id): FileNode {
    const node = this.#nodes.get(id)
    if (node?.kind !== 'file') throw new Error(`${id} is no file.`)
    return node
  }

  #enter(what: string, place: Place, id: Id | undefined): void {
    this.#pending.push({ what, parts: [{ ...place, id }], optional: undefined })
  }

  #rename(id: Id, from: Place, to: Place): void {
    const leave = { ...from, id: undefined }
    const enter = { ...to, id }
    const within = from.directory === to.directory
    this.#pending.push({
      what: `rename ${from.name} to ${to.name}`,
      parts: within ? [enter, leave] : [enter],
      optional: within ? undefined : leave,
    })
  }

  /** Remembers what there is now; the answer makes exactly that durable. */
  #beginSync(id: Id): () => void {
    const node = this.#nodes.get(id)
    if (node?.kind === 'file') {
      const { now } = node
      return () => {
        node.durable = now
      }
    }
    const units = [...this.#pending]
    return () => this.#syncDirectory(id, units)
  }

  #syncDirectory(id: Id, units: readonly Unit[]): void {
    for (const [index, unit] of units.entries()) {
      const whole = unit.optional?.directory === id
      if (!whole && !unit.parts.some(({ directory }) => directory === id)) continue
      // Where the old name is gone for good, so is the new one there.
      const parts = whole && unit.optional ? [...unit.parts, unit.optional] : unit.parts
      unit.parts = []
      if (whole) unit.optional = undefined
      for (const part of parts) this.#makeDurable(part, units.slice(0, index))
    }
    this.#pending = this.#pending.filter(({ parts, optional }) => parts.length > 0 || optional !== undefined)
  }

  #makeDurable(part: Part, before: readonly Unit[]): void {
    const node = this.#nodes.get(part.directory)
    if (node?.kind === 'directory') {
      if (part.id === undefined) node.durable.delete(part.name)
      else node.durable.set(part.name, part.id)
    }
    // What was to happen to the same entry before cannot come back.
    const same = (other: Part) => other.directory === part.directory && other.name === part.name
    for (const unit of before) {
      unit.parts = unit.parts.filter((other) => !same(other))
      if (unit.optional && same(unit.optional)) unit.optional = undefined
    }
  }
}

function set(entries: Map<Id, Map<string, Id>>, { directory, name, id }: Part): void {
  if (id === undefined) entries.get(directory)?.delete(name)
  else entries.get(directory)?.set(name, id)
}
