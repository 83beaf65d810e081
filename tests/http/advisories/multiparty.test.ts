import { expect } from 'vitest'
import { filePart, form, type Part, valuePart } from '../form.js'
import { describeAdvisories } from './run.js'

/** A part as its head may be at most: 16 KiB. */
const bait = (disposition: string): Part => ({ disposition, body: 'x' })
/** So many that what takes a tenth of a second for one, and is no answer yet, takes longer than the test has. */
const hundred = (make: (index: number) => Part) => form(...Array.from({ length: 100 }, (_, index) => make(index)))
const blanks = ' '.repeat(15_000)

describeAdvisories('multiparty', [
  {
    id: 'CVE-2026-8159',
    wrong: 'a header field of 8 KB made a regular expression try for seconds',
    attack: async (target) => {
      await target.send(form(bait(`name="a"; ${'!filename="1'.repeat(1000)}`)))
      await target.send(form(bait(`name="a"; filename="${'\\"'.repeat(7000)}`)))
      await target.send(form(bait(`name="a"; ${';'.repeat(14_000)}x`)))
      // Forms that are right, so that each of their parts is read.
      const names = (text: string) => hundred((index) => bait(text.replace('#', `n${index}`)))
      for (const text of [
        `${blanks}; name="#"`,
        `name="#"${blanks}; a="b"`,
        `name="#"; a="b"${blanks}`,
        `name="#";${blanks}a="b"`,
        `name="#"; a${blanks}="b"`,
        `name="#"; a="${'\\\\'.repeat(7000)}"`,
      ]) {
        await target.send(names(text))
      }
      const more = (line: string) => hundred((index) => ({ disposition: `name="n${index}"\r\n${line}`, body: 'x' }))
      await target.send(more(`x-a:${blanks}b`))
      await target.send(more(`x-a:${blanks}\nb`))
      await target.send(more(`content-type: text/plain;${blanks}x`))
      await target.send(more(`x-a: b\r\n${' \r\n'.repeat(20)}`))
    },
  },
  {
    id: 'CVE-2026-8161',
    wrong: 'a field called __proto__, constructor or toString ended the process',
    attack: async (target) => {
      const names = ['__proto__', 'constructor', 'toString']
      const { fields } = await target.taken(form(...names.map((name) => valuePart(name, name))))
      expect(fields).toEqual(names.map((name) => [name, name]))
      const { files } = await target.taken(form(...names.map((name) => filePart(name, 'a.txt', name))))
      expect(files.map(({ content }) => content)).toEqual(names)
    },
  },
  {
    id: 'CVE-2026-8162',
    wrong: 'a filename* whose encoding is broken ended the process',
    attack: async (target) => {
      for (const broken of [
        "UTF-8''%",
        "UTF-8''%zz",
        "UTF-8''%ff%fe",
        "''",
        "no-such-charset''a",
        '%%%',
        "utf-16''%d8%00",
      ]) {
        const disposition = `name="file"; filename="a.txt"; filename*=${broken}`
        const body = form({ disposition, type: 'text/plain', body: 'x' })
        // busboy reads filename*, and may refuse the part or take it for a field; for us the name of RFC 7578 counts.
        if (target.multer) {
          const { status } = await target.send(body)
          if (status === 201) await target.clear()
          else expect(status).toBe(400)
          continue
        }
        const { files } = await target.taken(body)
        expect(files).toMatchObject([{ name: 'a.txt', content: 'x' }])
      }
    },
  },
])
