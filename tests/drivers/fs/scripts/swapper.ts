/** A hostile process: swaps a directory of the root for a symlink to another directory and back, as fast as it can. */
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'

const [directory = '', aside = '', outside = ''] = process.argv.slice(2)
console.log('swapping')

function startOver(): void {
  try {
    rmSync(aside, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true })
  } catch {
    // A put has just written into the directory that was being removed: the next turn tries again.
  }
}

for (;;) {
  try {
    renameSync(directory, aside)
    symlinkSync(outside, directory)
    unlinkSync(directory)
    renameSync(aside, directory)
  } catch {
    // A put has made the directory again meanwhile, or a delete has removed it.
    startOver()
  }
}
