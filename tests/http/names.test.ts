import { parse } from 'content-disposition'
import { describe, expect, test } from 'vitest'
import { createTestStore } from '../../src/testing/index.js'
import { adapters } from './servers.js'
import { serve } from './support.js'

/**
 * File names that an application may hold, and what a client is to save: most of them after the cases of
 * greenbytes.de/tech/tc2231. The third is the name for clients that read `filename` only, where it is another one.
 */
const names: readonly (readonly [given: string, saved: string, ascii?: string])[] = [
  ['foo.html', 'foo.html'],
  ['0000000000111111111122222.html', '0000000000111111111122222.html'],
  ['00000000001111111111222222222233333.html', '00000000001111111111222222222233333.html'],
  ['foo bar.html', 'foo bar.html'],
  ['foo;bar.html', 'foo;bar.html'],
  ['foo,bar=1.html', 'foo,bar=1.html'],
  ["it's (1)!.txt", "it's (1)!.txt"],
  ['"quoting" tested.html', '_quoting_ tested.html'],
  ['f\\oo.html', 'oo.html'],
  ['attachment; filename="x".txt', 'attachment; filename=_x_.txt'],
  ["filename*=UTF-8''evil.html", "filename_=UTF-8''evil.html"],
  ['foo-%41.html', 'foo-%41.html', 'foo-_41.html'],
  ['50%25%.txt', '50%25%.txt', '50_25%.txt'],
  ['100%.txt', '100%.txt'],
  ['foo-ä.html', 'foo-ä.html', 'foo-a.html'],
  ['foo-a\u0308.html', 'foo-ä.html', 'foo-a.html'],
  ['foo-\xe4-\u20ac.html', 'foo-ä-€.html', 'foo-a-_.html'],
  ['Straße.txt', 'Straße.txt', 'Strasse.txt'],
  ['планы.pdf', 'планы.pdf', '_.pdf'],
  ['文件 名.txt', '文件 名.txt', '_ _.txt'],
  ['foo-\u{1f600}.html', 'foo-😀.html', 'foo-_.html'],
  ['a\r\nSet-Cookie: x=1.txt', 'aSet-Cookie_ x=1.txt'],
  ['a\nb\rc.txt', 'abc.txt'],
  ['a\0b.txt', 'ab.txt'],
  ['a\tb\x07\x7f\x85.txt', 'ab.txt'],
  ['a\u2028b\u2029.txt', 'ab.txt'],
  ['\u202egnp.exe', 'gnp.exe'],
  ['a\ud800b.txt', 'ab.txt'],
  ['/foo', 'foo'],
  ['\\foo', 'foo'],
  ['../../etc/passwd', 'passwd'],
  ['..\\..\\boot.ini', 'boot.ini'],
  ['C:\\x\\y.txt', 'y.txt'],
  ['C:x.txt', 'C_x.txt'],
  ['CON', '_CON'],
  ['nul.txt', '_nul.txt'],
  ['a.', 'a'],
  ['a ', 'a'],
  ['.htaccess', 'htaccess'],
  ['...', 'download'],
  ['', 'download'],
  ['x.txt:Zone.Identifier', 'x.txt_Zone.Identifier'],
  [`${'x'.repeat(300)}.pdf`, `${'x'.repeat(251)}.pdf`],
  [`${'ж'.repeat(300)}.pdf`, `${'ж'.repeat(125)}.pdf`, '_.pdf'],
]

describe.each(adapters)('names under which %s lets files be saved', (adapter) => {
  test.each(['inline', 'attachment'] as const)('%s: whatever the name is, it is safe and arrives', async (type) => {
    const { store } = createTestStore()
    const { path } = await store.put('project_7/x.txt', 'text')
    const locate = ({ id }: { readonly id: string }) => ({ path, filename: names[Number(id)]?.[0] })
    const { get } = await serve(adapter, store, { locate, mount: 'middleware' })
    for (const [i, [given, saved, ascii = saved]] of names.entries()) {
      const answer = await get(`/some/files/${i}/${type === 'inline' ? 'content' : 'download'}`)
      const value = answer.headers['content-disposition'] ?? ''
      expect(answer.status, given).toBe(200)
      expect(answer.headers, given).not.toHaveProperty('set-cookie')
      expect(value, given).toMatch(/^[\x20-\x7e]+$/)
      expect(parse(value), given).toMatchObject({ type, parameters: { filename: saved } })
      expect(plainName(value), given).toBe(ascii)
      // RFC 6266 section 4.3: the extended name only where the plain one does not say it all.
      expect(value.includes('filename*='), given).toBe(ascii !== saved)
      if (ascii !== saved) expect(extendedName(value), given).toBe(saved)
    }
  })
})

/** What a client reads that knows no `filename*`: a token or a quoted string (RFC 9110 sections 5.6.2 and 5.6.4). */
function plainName(value: string): string | undefined {
  const [, quoted, token] = /; filename=(?:"((?:[^"\\]|\\.)*)"|([\w!#$%&'*+.^`|~-]+))(?:;|$)/.exec(value) ?? []
  return quoted?.replace(/\\(.)/g, '$1') ?? token
}

/** RFC 8187 section 3.2.1. */
function extendedName(value: string): string | undefined {
  const encoded = /; filename\*=UTF-8''((?:%[0-9A-F]{2}|[\w!#$&+.^`|~-])+)(?:;|$)/.exec(value)?.[1]
  return encoded && decodeURIComponent(encoded)
}
