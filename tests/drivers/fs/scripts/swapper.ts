/** A hostile process: swaps a directory of the root for a symlink to another directory and back, as fast as it can. */
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'

const [directory = '', aside = '', outside = ''] = process.argv.slice(2)
console.log('swapping')
for (;;) {
  try {
    renameSync(directory, aside)
    symlinkSync(outside, directory)
    unlinkSync(directory)
    renameSync(aside, directory)
  } catch {
    // A put has made the directory again meanwhile, or a delete has removed it.
    rmSync(aside, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true })
  }
}
