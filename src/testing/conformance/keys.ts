import assert from 'node:assert/strict'
import { compareKeys, MAX_KEY_BYTES } from '../../keys/index.js'
import { caseGroup } from './case.js'
import type { CaseContext } from './context.js'

/** Every name must keep a body of its own, be listed as it is, and go when it is deleted. */
async function keepApart(t: CaseContext, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const info = await t.put(name, `body of ${name}`)
    assert.equal(info.key, t.key(name))
  }
  for (const name of names) {
    const reader = await t.subject.get(t.key(name))
    assert.equal(reader.info.key, t.key(name))
    assert.equal(await reader.text(), `body of ${name}`, `the body at ${JSON.stringify(name)}`)
    assert.equal((await t.head(name)).key, t.key(name))
  }
  const sorted = [...names].sort(compareKeys)
  assert.deepEqual(await t.names(), sorted)
  const middle = sorted[Math.floor(sorted.length / 2) - 1] as string
  assert.deepEqual(await t.names({ startAfter: middle }), sorted.slice(sorted.indexOf(middle) + 1))
  const [first, ...rest] = names as readonly [string, ...string[]]
  await t.subject.delete(t.key(first))
  await t.absent(first)
  for (const name of rest) assert.equal(await t.text(name), `body of ${name}`, `${JSON.stringify(name)} after a delete`)
  for (const { key, error } of await t.subject.deleteMany(rest.map((name) => t.key(name)))) {
    assert.equal(error, undefined, `deleting ${JSON.stringify(key)}`)
  }
  assert.deepEqual(await t.names(), [])
}

/** A name that makes the whole key as long as keys may be, of segments of `segment` bytes. */
function longest(t: CaseContext, segment: number): string {
  let name = 'x'.repeat(MAX_KEY_BYTES - Buffer.byteLength(t.prefix))
  for (let at = segment; at < name.length - 1; at += segment + 1) name = `${name.slice(0, at)}/${name.slice(at + 1)}`
  return name
}

export const keys = caseGroup('keys', (rule) => {
  rule('keys that are none are refused by every method', async (t) => {
    await t.put('a', 'body')
    const bad: readonly unknown[] = [
      '',
      '/',
      `/${t.prefix}a`,
      `${t.prefix}a/`,
      `${t.prefix}/a`,
      `${t.prefix}a//b`,
      `${t.prefix}./a`,
      `${t.prefix}../a`,
      `${t.prefix}a/..`,
      `${t.prefix}a/.`,
      '.',
      '..',
      '../../etc/passwd',
      `${t.prefix}a\\b`,
      '..\\..\\windows',
      `${t.prefix}a\0`,
      `${t.prefix}a\0.txt`,
      `${t.prefix}a\nb`,
      `${t.prefix}a\x7f`,
      `${t.prefix}a\x85`,
      `${t.prefix}\ud800`,
      `${t.prefix}\udc00\ud800`,
      'x'.repeat(MAX_KEY_BYTES + 1),
      'é'.repeat(MAX_KEY_BYTES / 2 + 1),
      undefined,
      null,
      42,
      {},
      ['a'],
    ]
    for (const value of bad) {
      const key = value as string
      await t.rejects('INVALID_KEY', t.subject.put(key, 'body'))
      await t.rejects('INVALID_KEY', t.subject.get(key))
      await t.rejects('INVALID_KEY', t.subject.head(key))
      await t.rejects('INVALID_KEY', t.subject.delete(key))
    }
    assert.deepEqual(await t.names(), ['a'])
  })

  rule('percent escapes are not decoded', (t) =>
    keepApart(t, [
      'a/b',
      'a%2Fb',
      'a%2fb',
      'a b',
      'a%20b',
      'a+b',
      'a%2Bb',
      '%',
      '%%',
      'a%',
      'a%41',
      'aA',
      '%2E%2E',
      '%00',
      'a%zz',
    ]),
  )

  rule('characters that mean something in a URL, a shell or XML', (t) =>
    keepApart(t, [
      'a?b',
      'a#b',
      'a&b=c',
      'a;b',
      'a@2x.png',
      'a$b',
      'a,b',
      "a'b",
      'a"b',
      'a<b>',
      '&amp;',
      'a|b',
      'a*b',
      'a^b',
      'a`b',
      'a~b',
      'a!b',
      'a=b',
      '{a}',
      '[a]',
      '(a)',
      'report (1).pdf',
      '-rf',
      '$(id)',
    ]),
  )

  rule('spaces and dots at the ends of a segment', (t) =>
    keepApart(t, [
      ' ',
      ' a',
      'a ',
      'a  b',
      'a.',
      'a..',
      '...',
      '.a',
      'a./b',
      'a /b',
      ' a/b',
      'a . ',
      '.../a',
      '. ',
      ' .',
    ]),
  )

  rule('letters beyond ASCII', (t) =>
    keepApart(t, [
      'résumé.pdf',
      'Größe',
      '世界.txt',
      'مرحبا',
      '🚀.png',
      '👩‍👩‍👧',
      'ｆｕｌｌ',
      '\u202eevil.txt',
      '\ufeffbom',
      '\u2028line',
      '\u00a0',
      '\ue000',
      '\uffff',
      '\ufffe',
    ]),
  )
  rule('composed and decomposed letters', (t) =>
    keepApart(t, ['é', 'e\u0301', 'dir-é/a', 'dir-e\u0301/a', 'Å', 'A\u030a', '\u212b']),
  )
  rule('upper and lower case', (t) =>
    keepApart(t, ['a', 'A', 'file.TXT', 'file.txt', 'Dir/a', 'dir/a', 'dir/A', 'ß', 'SS', 'İ', 'ı', 'ſ']),
  )

  rule('names that Windows reserves', (t) =>
    keepApart(t, [
      'con',
      'CON',
      'nul',
      'NUL.txt',
      'aux/x',
      'com1',
      'COM1.log',
      'lpt9',
      'prn',
      'com0',
      'console',
      'a:b',
      'C:',
      'c:/x',
      'a:stream',
      'CONIN$',
      'com¹',
    ]),
  )

  rule('a key beside keys below it', async (t) => {
    await keepApart(t, ['a', 'a/b', 'a/b/c', 'a/b/c/d'])
    await keepApart(t, ['a/b/c/d', 'a/b/c', 'a/b', 'a'])
    await keepApart(t, ['a/b', 'a%', 'a', 'a%/b', 'a%25', 'a%25/b'])
  })

  rule('a key that comes back after the keys below it went', async (t) => {
    await t.put('a/b/c', 'below')
    await t.put('a', 'above')
    await t.subject.delete(t.key('a/b/c'))
    assert.equal(await t.text('a'), 'above')
    await t.put('a', 'again')
    assert.deepEqual(await t.names(), ['a'])
    await t.put('a/b', 'below again')
    assert.equal(await t.text('a'), 'again')
    await t.subject.delete(t.key('a'))
    assert.deepEqual(await t.names(), ['a/b'])
    assert.equal(await t.text('a/b'), 'below again')
  })

  rule('look-alikes of internal files', (t) =>
    keepApart(t, [
      '.hybrid-store',
      '.hybrid-store/format',
      '.hybrid-store/locks/a',
      '.HYBRID-STORE/x',
      '.hybrid-store%',
      '.hybrid-store%/a',
      '.hybrid-store-',
      '.hybrid-store.tmp',
      '.ｈybrid-store/x',
      'hybrid-store',
      'HYBRID~1',
      '.hybrid~1/x',
      'a/.hybrid-store/b',
      'a/.hybrid-store',
      'a.tmp',
      '.a.tmp',
      'a%+/b',
      'a%+',
      'a%-',
    ]),
  )

  rule('names of Object.prototype', (t) =>
    keepApart(t, ['__proto__', 'constructor', 'toString', 'hasOwnProperty/__proto__', 'undefined', 'null', 'NaN']),
  )

  rule('segments of 255 and of 300 bytes', (t) =>
    keepApart(t, [
      'x'.repeat(254),
      'x'.repeat(255),
      'x'.repeat(256),
      'x'.repeat(300),
      `${'x'.repeat(300)}/y`,
      `${'x'.repeat(255)}/${'y'.repeat(300)}`,
      '世'.repeat(85),
      '世'.repeat(100),
      `${'x'.repeat(250)}.json`,
      `${'%'.repeat(200)}`,
      `${'x'.repeat(253)}é`,
    ]),
  )

  rule('the longest keys', (t) =>
    keepApart(t, [longest(t, 200), longest(t, 255), longest(t, 2000), longest(t, 1).slice(0, -1), longest(t, 1)]),
  )

  rule('many levels', (t) => keepApart(t, [`${'a/'.repeat(100)}a`, `${'a/'.repeat(100)}b`, `${'a/'.repeat(99)}a`]))

  rule('keys without a directory', async (t) => {
    const name = t.prefix.slice(0, -1)
    assert.equal(name.includes('//'), false)
    await t.subject.put(name, 'beside the prefix of this case')
    await t.put('a', 'below it')
    assert.equal(await (await t.subject.get(name)).text(), 'beside the prefix of this case')
    await t.subject.delete(name)
    assert.equal(await t.text('a'), 'below it')
  })
})
