import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { livenessOf, makeOwner } from '../../../src/disk/index.js'

const linux = process.platform === 'linux'

/** This process's owner with the pid and start time of another one. */
function ownerOf(pid: number): string {
  const [boot, namespace, , , random] = makeOwner().split('.')
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  return [boot, namespace, pid, started, random].join('.')
}

describe.skipIf(!linux)('an owner', () => {
  it('lives as long as its process, and is dead before that is reaped', async () => {
    const child = spawn('sleep', ['60'])
    await once(child, 'spawn')
    const owner = ownerOf(child.pid as number)
    expect(livenessOf(owner)).toBe('alive')
    // The parent is stopped from reaping by not having returned to its event loop.
    process.kill(child.pid as number, 'SIGKILL')
    const until = performance.now() + 5000
    while (livenessOf(owner) === 'alive' && performance.now() < until);
    expect(livenessOf(owner)).toBe('dead')
    await once(child, 'close')
    expect(livenessOf(owner)).toBe('dead')
  })

  it('is told from a later process of the same pid', () => {
    const [boot, namespace, pid, started, random] = makeOwner().split('.')
    expect(livenessOf(makeOwner())).toBe('alive')
    expect(livenessOf([boot, namespace, pid, Number(started) + 1, random].join('.'))).toBe('dead')
  })

  it('of another boot, another container, or cut short cannot be judged', () => {
    const owner = makeOwner()
    const [boot, namespace, pid, started, random] = owner.split('.')
    const other = ['0'.repeat(12), namespace, pid, started, random].join('.')
    expect(livenessOf(other)).toBe('unknown')
    expect(livenessOf([boot, '1', pid, started, random].join('.'))).toBe('unknown')
    for (let length = 0; length < owner.length; length++) expect(livenessOf(owner.slice(0, length))).toBe('unknown')
    expect(livenessOf(`${owner}.7`)).toBe('alive')
  })
})
