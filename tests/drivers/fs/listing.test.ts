import { promises as nodeFs } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareKeys } from '../../../src/keys/index.js'
import { filesBelow, keysOf, tempDriver, textOf } from './support.js'

/** Few and similar segments, so that keys share prefixes, directories and names. */
const segment = fc.oneof(
  fc.constantFrom('a', 'b', 'a-b', 'a.b', 'ab', 'a%', 'A', 'é', 'e\u0301', '\uffee', '\u{1f600}', 'x:y', 'con', 'z.'),
  fc.constantFrom('.hybrid-store', 'L'.repeat(251), `${'L'.repeat(250)}.`, 'L'.repeat(250), `${'L'.repeat(250)}é`),
)
const key = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'))

/** What a list must answer, from the definition. */
function expected(keys: readonly string[], prefix: string, delimiter: string, startAfter: string, limit: number) {
  const names = keys
    .filter((name) => name.startsWith(prefix))
    .map((name) => {
      const at = delimiter ? name.indexOf(delimiter, prefix.length) : -1
      return at < 0 ? name : name.slice(0, at + delimiter.length)
    })
  return [...new Set(names)]
    .filter((name) => compareKeys(name, startAfter) > 0)
    .sort(compareKeys)
    .slice(0, limit)
}

describe('a list', () => {
  it('is what its definition says, whatever the keys', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { minLength: 1, maxLength: 12 }),
        fc.constantFrom('', 'a', 'a/', 'a/b', 'L', 'L'.repeat(250), 'x:', 'é'),
        fc.constantFrom('', '/', 'b', '/a', 'LL'),
        fc.oneof(fc.constant(''), key, fc.constantFrom('a/', 'a.', 'b/')),
        fc.integer({ min: 0, max: 15 }),
        async (keys, prefix, delimiter, startAfter, limit) => {
          const { driver } = tempDriver({ durability: 'none' })
          for (const name of keys) await driver.put(name, name)
          const listed = await keysOf(driver, { prefix, delimiter, startAfter, limit })
          expect(listed).toEqual(expected(keys, prefix, delimiter, startAfter, limit))
          for (const name of keys) expect(await textOf(driver, name)).toBe(name)
          for (const name of keys) await driver.delete(name)
          expect(await keysOf(driver)).toEqual([])
        },
      ),
      { numRuns: 30 },
    )
  })

  it('holds every key that is there throughout exactly once, while others come and go', async () => {
    const { driver } = tempDriver({ durability: 'none' })
    const lasting = Array.from({ length: 60 }, (_, i) => `dir${i % 3}/${String(i).padStart(3, '0')}`)
    for (const name of lasting) await driver.put(name, 'x', { metadata: { a: 'b' } })
    let churning = true
    const churn = async () => {
      for (let i = 0; churning; i++) {
        await driver.put(`dir${i % 3}/${i % 60}x`, 'x')
        await driver.put(lasting[i % 60] as string, 'again')
        // Makes the blob move aside for a directory, and leaves it there.
        await driver.put(`${lasting[(i * 7) % 60]}/below`, 'x')
        await driver.delete(`${lasting[(i * 7) % 60]}/below`)
        await driver.delete(`dir${i % 3}/${i % 60}x`)
      }
    }
    const churned = churn()
    for (let round = 0; round < 15; round++) {
      const listed = (await keysOf(driver)).filter((name) => lasting.includes(name))
      expect(listed).toEqual([...lasting].sort(compareKeys))
    }
    churning = false
    await churned
  })
})

describe('a disk that folds case', () => {
  it('keeps keys apart that differ in case only', async () => {
    const { root } = tempDriver()
    const fold = (path: unknown) => {
      if (typeof path !== 'string') return path
      const [, base = '', rest = ''] =
        /^(\/proc\/self\/fd\/\d+)(.*)$/s.exec(path) ??
        (path.startsWith(root) ? ['', root, path.slice(root.length)] : [])
      return base === '' ? path : base + rest.toLowerCase()
    }
    const promises = new Proxy(nodeFs, {
      get(target, name) {
        const value = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) =>
          Reflect.apply(value, target, name === 'symlink' ? [args[0], fold(args[1])] : args.map(fold))
      },
    })
    const { driver } = tempDriver({ root, fs: { promises }, durability: 'none' })
    // The stand-in keeps no case, so no name may need one: escapes without the digits A to F.
    const keys = ['READ', 'Read', 'read', 'DIR/a', 'dir/a', 'dir/A', 'dir']
    for (const name of keys) await driver.put(name, name)
    for (const name of keys) expect(await textOf(driver, name)).toBe(name)
    expect(await keysOf(driver)).toEqual([...keys].sort(compareKeys))
    const names = filesBelow(root).map((name) => name.toLowerCase())
    expect(new Set(names).size).toBe(names.length)
  })
})
