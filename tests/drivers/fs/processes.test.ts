import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isStorageError } from '../../../src/errors/index.js'
import {
  hookedFs,
  keysOf,
  leftovers,
  lineOf,
  outputOf,
  spawnScript,
  tempDirectory,
  tempDriver,
  textOf,
} from './support.js'

/** Starts the children, and lets them all begin at once. */
async function together(children: readonly ChildProcess[]): Promise<Promise<string>[]> {
  await Promise.all(children.map((child) => once(child.stdout ?? child, 'data')))
  const outputs = children.map(outputOf)
  for (const child of children) child.stdin?.end('go\n')
  return outputs
}

describe('processes on one root', () => {
  it('lose no update by compare-and-swap: five writers, ten rounds', async () => {
    const { driver, root } = tempDriver()
    await driver.put('counter', '0')
    const children = Array.from({ length: 5 }, () => spawnScript('writer.ts', 'increment', root, 'counter', '10'))
    await Promise.all(await together(children))
    expect(await textOf(driver, 'counter')).toBe('50')
    expect((await driver.head('counter')).metadata).toEqual({ value: '50' })
    expect(leftovers(root)).toEqual([])
  })

  it('that create the same keys have one winner each', async () => {
    const { driver, root } = tempDriver()
    const children = Array.from({ length: 4 }, () => spawnScript('writer.ts', 'create', root, 'key-', '40'))
    const outputs = await Promise.all(await together(children))
    const won = outputs.flatMap((output) => JSON.parse(output) as number[])
    expect(won.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i))
    expect(await keysOf(driver)).toHaveLength(40)
    expect(leftovers(root)).toEqual([])
  })

  it('that overwrite one key never show a torn version: body and attributes are of one writer', async () => {
    const { driver, root } = tempDriver({ durability: 'none' })
    await driver.put('key', 'start', { metadata: { value: 'start' } })
    const children = Array.from({ length: 3 }, () => spawnScript('writer.ts', 'overwrite', root, 'key', '150'))
    const outputs = await together(children)
    let running = true
    const done = Promise.all(outputs).finally(() => {
      running = false
    })
    const versions = new Set<string>()
    while (running) {
      const reader = await driver.get('key')
      const text = await reader.text()
      expect(text.replace(/\.+$/, '')).toBe(reader.info.metadata.value)
      expect(text).toHaveLength(reader.info.size)
      versions.add(text)
    }
    await done
    expect(versions.size).toBeGreaterThan(5)
  })

  it('that fill and empty one directory lose nothing to its removal', async () => {
    const { driver, root } = tempDriver({ durability: 'none' })
    const children = Array.from({ length: 3 }, () => spawnScript('writer.ts', 'churn', root, 'dir/deep', '60'))
    await Promise.all(await together(children))
    expect(await keysOf(driver)).toEqual([])
  })
})

describe('a process that is killed', () => {
  it('in the middle of a put leaves the old version, and what the sweep removes', async () => {
    const { driver, root } = tempDriver()
    await driver.put('dir/key', 'old', { metadata: { version: 'old' } })
    const child = spawnScript('writer.ts', 'stall', root, 'dir/key')
    child.stdin?.end('go\n')
    await lineOf(child, 'staged')
    expect(leftovers(root)).toHaveLength(1)
    expect(await driver.sweep(), 'a living process keeps its body').toEqual({ temps: 0, locks: 0, records: 0 })
    child.kill('SIGKILL')
    await once(child, 'close')
    expect(await textOf(driver, 'dir/key')).toBe('old')
    expect((await driver.head('dir/key')).metadata).toEqual({ version: 'old' })
    expect(await keysOf(driver)).toEqual(['dir/key'])
    expect(await driver.sweep()).toEqual({ temps: 1, locks: 0, records: 0 })
    expect(leftovers(root)).toEqual([])
  })

  it('at any moment leaves a whole version, not older than the last one acknowledged', async () => {
    const { driver, root } = tempDriver()
    for (let round = 0; round < 5; round++) {
      const child = spawnScript('writer.ts', 'endless', root, 'key')
      child.stdin?.end('go\n')
      let output = ''
      child.stdout?.on('data', (chunk) => {
        output += String(chunk)
      })
      while (!output.includes(`acknowledged ${round + 2}\n`)) await once(child.stdout ?? child, 'data')
      // Not in step with the child: anywhere within its next puts.
      const until = performance.now() + Math.random() * 20
      while (performance.now() < until);
      child.kill('SIGKILL')
      await once(child, 'close')
      const acknowledged = Math.max(...[...output.matchAll(/acknowledged (\d+)\n/g)].map((match) => Number(match[1])))
      const reader = await driver.get('key')
      const text = await reader.text()
      expect(text).toHaveLength(50_000)
      expect(text.replace(/\.+$/, '')).toBe(reader.info.metadata.value)
      expect(Number(reader.info.metadata.value)).toBeGreaterThanOrEqual(acknowledged)
      // A lock that it held is no obstacle.
      await driver.put('key', 'next', { signal: AbortSignal.timeout(5000) })
      await driver.sweep()
      expect(leftovers(root)).toEqual([])
    }
  })

  it('leaves locks that the next writer breaks, and never one of a living process', async () => {
    const { driver, root } = tempDriver()
    await driver.put('key', 'old')
    const child = spawnScript('writer.ts', 'stall', root, 'other')
    child.stdin?.end('go\n')
    await lineOf(child, 'staged')
    const stage = leftovers(root)[0] ?? ''
    const owner = stage.replace('.hybrid-store.stage.', '').replace(/\.[^.]*$/, '')
    const { lockName } = await import('../../../src/drivers/fs/internal-names.js')
    symlinkSync(`${owner}.1`, join(root, lockName('key')))
    const refused = await driver.put('key', 'new', { signal: AbortSignal.timeout(300) }).catch((error) => error)
    expect(isStorageError(refused, 'ABORTED')).toBe(true)
    expect(await textOf(driver, 'key')).toBe('old')
    child.kill('SIGKILL')
    await once(child, 'close')
    await driver.put('key', 'new', { signal: AbortSignal.timeout(5000) })
    expect(await textOf(driver, 'key')).toBe('new')
  })
})

describe('a directory that another process empties and removes in front of a delete', () => {
  /** The other process is at it when the delete takes the lock of its key, the first time. */
  function emptied(then: (root: string) => void) {
    let done = false
    const root = tempDirectory()
    const fs = hookedFs(({ name }) => {
      if (done || name !== 'symlink') return
      done = true
      rmSync(join(root, 'folder'), { recursive: true })
      then(root)
    })
    return { root, hooked: () => tempDriver({ root, fs }).driver, wasThere: () => done }
  }

  it('leaves nothing to be deleted', async () => {
    const { root, hooked, wasThere } = emptied(() => {})
    await tempDriver({ root }).driver.put('folder/a', 'x')
    await hooked().delete('folder/a')
    expect(wasThere()).toBe(true)
  })

  it('fails a condition', async () => {
    const { root, hooked } = emptied(() => {})
    const { etag } = await tempDriver({ root }).driver.put('folder/a', 'x')
    await expect(hooked().delete('folder/a', { ifMatch: etag })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
  })

  it('may be there again, with the blob', async () => {
    const { root, hooked } = emptied((there) => {
      mkdirSync(join(there, 'folder'))
      writeFileSync(join(there, 'folder/a'), 'new')
    })
    const { driver } = tempDriver({ root })
    await driver.put('folder/a', 'x')
    await hooked().delete('folder/a')
    expect(await keysOf(driver)).toEqual([])
  })
})

describe('a sweep', () => {
  it('removes records without a blob once they are old, and nothing else', async () => {
    const { driver, root } = tempDriver()
    await driver.put('a', 'x', { metadata: { a: 'b' } })
    await driver.put('a/b', 'x', { metadata: { a: 'b' } })
    writeFileSync(join(root, '.hidden'), 'of another program')
    expect(await driver.sweep()).toEqual({ temps: 0, locks: 0, records: 0 })
    expect((await driver.head('a')).metadata).toEqual({ a: 'b' })
    expect(await keysOf(driver)).toEqual(['.hidden', 'a', 'a/b'])
  })
})
