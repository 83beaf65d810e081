import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/** A project of somebody who installed the packed tarball: outside this folder, with nothing that is not listed. */
export class Consumer {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'hybrid-store-consumer-')))
  readonly tarball: string
  /** Paths of the packed files, relative to the package. */
  readonly packed: readonly string[]

  private constructor(tarball: string, packed: readonly string[]) {
    this.tarball = tarball
    this.packed = packed
    writeFileSync(join(this.folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true }))
  }

  /** Packs what is built, unpacks it as npm would, and adds the runtime dependencies. */
  static async create(): Promise<Consumer> {
    const folder = mkdtempSync(join(tmpdir(), 'hybrid-store-pack-'))
    const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
    const { stdout } = await exec('npm', args)
    const [pack] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }]
    const consumer = new Consumer(
      join(folder, pack.filename),
      pack.files.map(({ path }) => path),
    )
    const target = join(consumer.folder, 'node_modules/hybrid-store')
    mkdirSync(target, { recursive: true })
    await exec('tar', ['-xzf', consumer.tarball, '-C', target, '--strip-components=1'])
    for (const name of ['cockatiel', 'mime-types', 'mime-db']) {
      cpSync(`node_modules/${name}`, join(consumer.folder, 'node_modules', name), {
        recursive: true,
        dereference: true,
      })
    }
    return consumer
  }

  get packageFolder(): string {
    return join(this.folder, 'node_modules/hybrid-store')
  }

  /** Makes packages of this project's own node_modules visible to the consumer; `@scope` stands for the whole scope. */
  link(...names: readonly string[]): void {
    for (const name of names) {
      const target = join(this.folder, 'node_modules', name)
      mkdirSync(dirname(target), { recursive: true })
      symlinkSync(realpathSync(join('node_modules', name)), target)
    }
  }

  write(name: string, text: string): string {
    const path = join(this.folder, name)
    writeFileSync(path, text)
    return path
  }

  /** Runs a module and gives back the JSON that it printed. `name` ends in .mjs or .cjs. */
  async run(name: string, text: string): Promise<unknown> {
    const { stdout } = await exec(process.execPath, [this.write(name, text)], { cwd: this.folder })
    return JSON.parse(stdout)
  }

  installed(): string[] {
    return readdirSync(join(this.folder, 'node_modules')).sort()
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
    rmSync(dirname(this.tarball), { recursive: true, force: true })
  }
}
