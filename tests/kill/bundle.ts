import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

export interface ChildBundle {
  readonly script: string
  remove(): Promise<void>
}

/** The child as plain JavaScript with all that it imports, so that hundreds of them start quickly. */
export async function bundleChild(): Promise<ChildBundle> {
  const folder = await mkdtemp(join(tmpdir(), 'hybrid-store-child-'))
  const script = join(folder, 'child.cjs')
  await build({
    entryPoints: [fileURLToPath(new URL('./child.ts', import.meta.url))],
    outfile: script,
    bundle: true,
    minifySyntax: true,
    minifyWhitespace: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
  })
  return { script, remove: () => rm(folder, { recursive: true, force: true }) }
}
