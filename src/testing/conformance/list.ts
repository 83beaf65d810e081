import assert from 'node:assert/strict'
import { compareKeys } from '../../keys/index.js'
import { heldBody, pattern } from './bodies.js'
import { caseGroup } from './case.js'
import type { CaseContext } from './context.js'

async function putAll(t: CaseContext, names: readonly string[]): Promise<void> {
  const queue = [...names]
  const worker = async () => {
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) await t.put(name, name)
  }
  await Promise.all(Array.from({ length: 32 }, worker))
}

/** All names, read in pages of `size` by the name of the last entry. */
async function paged(
  t: CaseContext,
  size: number,
  options: Parameters<CaseContext['names']>[0] = {},
): Promise<string[]> {
  const all: string[] = []
  for (let startAfter = options.startAfter; ; startAfter = all.at(-1)) {
    const page = await t.names({ ...options, limit: size, startAfter })
    assert.ok(page.length <= size, `a page of ${size} has ${page.length} entries`)
    all.push(...page)
    if (page.length < size) return all
    assert.ok(all.length < 10_000, 'the pages do not end')
  }
}

export const list = caseGroup('list', (rule) => {
  rule('nothing', async (t) => {
    assert.deepEqual(await t.names(), [])
    assert.deepEqual(await t.names({ prefix: 'no/such/', delimiter: '/' }), [])
  })

  rule('by prefix, character by character', async (t) => {
    await putAll(t, ['foo', 'foo.bar', 'foo/a', 'foo/b', 'foobar', 'fo', 'bar', 'FOO'])
    assert.deepEqual(await t.names({ prefix: 'foo' }), ['foo', 'foo.bar', 'foo/a', 'foo/b', 'foobar'])
    assert.deepEqual(await t.names({ prefix: 'foo/' }), ['foo/a', 'foo/b'])
    assert.deepEqual(await t.names({ prefix: 'foo.' }), ['foo.bar'])
    assert.deepEqual(await t.names({ prefix: 'foo/a' }), ['foo/a'])
    assert.deepEqual(await t.names({ prefix: 'foo/a/' }), [])
    assert.deepEqual(await t.names({ prefix: 'oo' }), [])
  })

  rule('a key that is a prefix of others', async (t) => {
    await putAll(t, ['a', 'a/b', 'a/b/c', 'a.txt', 'a0'])
    assert.deepEqual(await t.names(), ['a', 'a.txt', 'a/b', 'a/b/c', 'a0'])
    assert.deepEqual(await t.names({ delimiter: '/' }), ['a', 'a.txt', 'a/', 'a0'])
    assert.deepEqual(await t.names({ prefix: 'a/', delimiter: '/' }), ['a/b', 'a/b/'])
  })

  rule('a prefix that means nothing special', async (t) => {
    await putAll(t, ['a*b/1', 'axb/1', '[ab]/1', 'a/1', 'a?/1', 'a.b/1', '{a,b}/1', '%61/1', '$a/1'])
    for (const prefix of ['a*b/', '[ab]/', 'a?/', 'a.b/', '{a,b}/', '%61/', '$a/']) {
      assert.deepEqual(await t.names({ prefix }), [`${prefix}1`])
    }
    assert.deepEqual(await t.names({ prefix: '*' }), [])
  })

  rule('a delimiter rolls up', async (t) => {
    await putAll(t, ['a', 'b/1', 'b/2', 'b/c/1', 'b/c/2', 'd/e/f/g', 'z'])
    assert.deepEqual(await t.names({ delimiter: '/' }), ['a', 'b/', 'd/', 'z'])
    assert.deepEqual(await t.names({ prefix: 'b/', delimiter: '/' }), ['b/1', 'b/2', 'b/c/'])
    assert.deepEqual(await t.names({ prefix: 'b', delimiter: '/' }), ['b/'])
    assert.deepEqual(await t.names({ prefix: 'd/e/', delimiter: '/' }), ['d/e/f/'])
  })

  rule('another delimiter than the slash', async (t) => {
    await putAll(t, ['2024-01-a', '2024-01-b', '2024-02-a', '2025', 'x--y'])
    assert.deepEqual(await t.names({ delimiter: '-' }), ['2024-', '2025', 'x-'])
    assert.deepEqual(await t.names({ prefix: '2024-', delimiter: '-' }), ['2024-01-', '2024-02-'])
    assert.deepEqual(await t.names({ delimiter: '--' }), ['2024-01-a', '2024-01-b', '2024-02-a', '2025', 'x--'])
  })

  rule('in the order of UTF-8 bytes', async (t) => {
    const names = [
      'A',
      'Z',
      'a',
      'a b',
      'a!',
      'a-b',
      'a.b',
      'a/b',
      'a0',
      'z',
      '~',
      'é',
      'ÿ',
      'ā',
      '世',
      '\ue000',
      '\uff5e',
      '😀',
      '𝒳',
    ]
    await putAll(t, names)
    assert.deepEqual(await t.names(), [...names].sort(compareKeys))
    assert.deepEqual(await paged(t, 3), [...names].sort(compareKeys))
  })

  rule('directories in the order of their keys', async (t) => {
    const names = ['a/1', 'a-/1', 'a.b', 'a0/1', 'a/-', 'a!/1', 'a', '\uff5e/1', '😀/1', '😀/\uff5e', '😀/😀']
    await putAll(t, names)
    const sorted = [...names].sort(compareKeys)
    assert.deepEqual(await t.names(), sorted)
    assert.deepEqual(await t.names({ delimiter: '/' }), ['a', 'a!/', 'a-/', 'a.b', 'a/', 'a0/', '\uff5e/', '😀/'])
    for (const name of sorted) {
      const behind = sorted.filter((other) => compareKeys(other, name) > 0)
      assert.deepEqual(await t.names({ startAfter: name }), behind, `behind ${name}`)
    }
  })

  rule('pages of one, two and three', async (t) => {
    const names = ['a', 'b/1', 'b/2', 'c', 'd/e/f', 'd/e/g', 'h']
    await putAll(t, names)
    for (const size of [1, 2, 3]) {
      assert.deepEqual(await paged(t, size), names, `pages of ${size}`)
      assert.deepEqual(
        await paged(t, size, { delimiter: '/' }),
        ['a', 'b/', 'c', 'd/', 'h'],
        `rolled up, pages of ${size}`,
      )
      assert.deepEqual(await paged(t, size, { prefix: 'd/' }), ['d/e/f', 'd/e/g'])
    }
  })

  rule('an exact multiple of the page', async (t) => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    await putAll(t, names)
    assert.deepEqual(await paged(t, 3), names)
    assert.deepEqual(await paged(t, 6), names)
    assert.deepEqual(await t.names({ startAfter: 'f' }), [])
    assert.deepEqual(await t.names({ limit: 0 }), [])
  })

  rule('behind a key that is not there', async (t) => {
    await putAll(t, ['a', 'c', 'e'])
    assert.deepEqual(await t.names({ startAfter: 'b' }), ['c', 'e'])
    assert.deepEqual(await t.names({ startAfter: 'a/deeper/key' }), ['c', 'e'])
    assert.deepEqual(await t.names({ prefix: 'c', startAfter: 'a' }), ['c'])
    assert.deepEqual(await t.names({ prefix: 'c', startAfter: 'd' }), [])
  })

  rule('keys that come and go between pages', async (t) => {
    await putAll(t, ['a', 'b', 'd', 'f', 'h'])
    const first = await t.names({ limit: 2 })
    assert.deepEqual(first, ['a', 'b'])
    await t.subject.delete(t.key('b'))
    await t.subject.delete(t.key('d'))
    await putAll(t, ['aa', 'c', 'g'])
    assert.deepEqual(await t.names({ startAfter: first[1] }), ['c', 'f', 'g', 'h'])
  })

  rule('keys that come and go during a list', async (t) => {
    const stay = Array.from({ length: 50 }, (_, i) => `stay-${String(i).padStart(2, '0')}`)
    const go = stay.map((name) => `${name}-go`)
    await putAll(t, [...stay, ...go])
    const seen: string[] = []
    for await (const entry of t.subject.list({ prefix: t.prefix })) {
      if (entry.type !== 'blob') continue
      const name = entry.key.slice(t.prefix.length)
      seen.push(name)
      if (seen.length % 10 !== 0) continue
      await t.put(`stay-${seen.length}-new`, 'new')
      await t.subject.delete(t.key(go[seen.length % 50] as string))
    }
    assert.deepEqual(seen, [...new Set(seen)].sort(compareKeys), 'out of order or twice')
    for (const name of stay) assert.ok(seen.includes(name), `${name} was there throughout and not listed`)
  })

  rule('a list that is left early', async (t) => {
    await putAll(t, ['a', 'b', 'c'])
    for await (const _ of t.subject.list({ prefix: t.prefix })) break
    assert.deepEqual(await t.leaks(), [])
  })

  rule('options that cannot be meant', async (t) => {
    const bad = [
      { limit: -1 },
      { limit: 1.5 },
      { limit: Number.NaN },
      { startAfter: 42 },
      { prefix: 42 },
      { delimiter: {} },
    ]
    for (const options of bad) {
      const walk = async () => {
        for await (const _ of t.subject.list(options as never));
      }
      await t.rejects('INVALID_ARGUMENT', walk())
    }
  })

  rule('what is not complete is not listed, nor any internals', async (t) => {
    await t.put('a', 'body', { metadata: { has: 'attributes' } })
    const { body, held, finish } = heldBody(pattern(t.partSize * 2))
    const put = t.put('b', body)
    await Promise.race([held, put])
    assert.deepEqual(await t.names(), ['a'])
    assert.deepEqual(await t.names({ delimiter: '/' }), ['a'])
    finish()
    await put
    assert.deepEqual(await t.names(), ['a', 'b'])
  })

  rule('more than 2,500 keys', async (t) => {
    const names = Array.from({ length: 2_600 }, (_, i) => `dir/${String(i).padStart(5, '0')}`)
    await putAll(t, names)
    assert.deepEqual(await t.names(), names)
    assert.deepEqual(await t.names({ delimiter: '/' }), ['dir/'])
    assert.deepEqual(await t.names({ startAfter: names[1_499], limit: 1_050 }), names.slice(1_500, 2_550))
    const results = await t.subject.deleteMany(names.slice(0, 2_500).map((name) => t.key(name)))
    assert.equal(results.length, 2_500)
    assert.ok(results.every(({ key, error }, i) => key === t.key(names[i] as string) && error === undefined))
    assert.deepEqual(await t.names(), names.slice(2_500))
  })
})
