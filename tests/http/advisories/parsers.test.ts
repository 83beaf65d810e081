import { expect } from 'vitest'
import { boundary, filePart, form, valuePart } from '../form.js'
import { describeAdvisories } from './run.js'

/** What every object has; a form that is kept in a plain one meets them. */
const inherited = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__']
/** Names that a parser of dots or brackets would follow into the prototype. */
const paths = ['__proto__.#', '__proto__[#]', 'constructor.prototype.#', 'constructor[prototype][#]', '[__proto__][#]']
const poisoned = paths.flatMap((path) => [path.replace('#', 'polluted'), path.replace('#', 'toString')])

function assertClean(): void {
  expect(({} as { polluted?: string }).polluted).toBeUndefined()
  expect({}.toString()).toBe('[object Object]')
}

describeAdvisories('busboy and dicer', [
  {
    id: 'CVE-2022-24434',
    wrong: 'a header field that begins with a blank ended the process',
    attack: (target) => {
      const lines = [`--${boundary}`, ' Content-Disposition: form-data; name="a"', '', '', `--${boundary}--`]
      return target.refused(400, lines.join('\r\n'))
    },
  },
])

describeAdvisories('@fastify/multipart', [
  {
    id: 'CVE-2020-8136',
    wrong: 'a field or a file called __proto__ ended the process',
    attack: async (target) => {
      for (const name of inherited) {
        const { fields } = await target.taken(form(valuePart(name, 'x'), valuePart(name, 'y')))
        // multer's fields are an array where a name comes twice.
        expect(fields).toEqual([[name, target.multer ? ['x', 'y'] : 'y']])
      }
      assertClean()
    },
  },
  {
    id: 'CVE-2021-23597',
    wrong: 'one called constructor still did: only __proto__ had been refused',
    attack: async (target) => {
      const file = (name: string) => filePart(name, 'a.txt', name)
      const { files } = await target.taken(form(...inherited.map(file)))
      expect(files.map(({ content }) => content)).toEqual(inherited)
      assertClean()
    },
  },
  {
    id: 'CVE-2023-25576',
    wrong: 'the number of parts had no limit, and none of the empty ones was counted',
    attack: async (target) => {
      await target.refused(413, form(...Array.from({ length: 10_000 }, (_, i) => valuePart(`f${i}`, ''))))
      await target.refused(413, form(...Array.from({ length: 10_000 }, (_, i) => filePart(`f${i}`, 'a', ''))))
      if (!target.multer) {
        await target.refused(413, form(...Array.from({ length: 10_000 }, () => filePart('file', '', ''))))
      }
    },
  },
  {
    id: 'CVE-2025-24033',
    wrong: 'the temporary files of a request that the client gave up were never removed',
    attack: async (target) => {
      const whole = form(filePart('file', 'a.txt', 'x'.repeat(100_000)), filePart('file', 'b.txt', 'y'.repeat(100_000)))
      for (const bytes of [0, 150, 100_100, 100_400, whole.byteLength - 2]) {
        const socket = await target.begin(whole.subarray(0, bytes), whole.byteLength + 1)
        socket.destroy()
      }
    },
  },
])

describeAdvisories('formidable', [
  {
    id: 'CVE-2022-29622',
    wrong: 'the name that the client gave a file became the name on the disk',
    attack: async (target) => {
      const names = [
        '../../../../tmp/x.sh',
        '/etc/cron.d/x',
        String.raw`C:\Windows\x.exe`,
        '..%2f..%2fx',
        '.htaccess',
        '../..',
      ]
      for (const name of names) {
        const body = form(filePart('file', name, 'x'))
        // busboy finds no name in some of them, and then takes the part for a field.
        const { files } = await target.taken(body)
        if (target.multer && files.length === 0) continue
        const [{ key = '' } = {}] = files
        const rest = key.slice(target.folder.length)
        expect([key.startsWith(target.folder), /^[^./\\][^/\\]*-[0-9a-z]{13}(\.[a-z]+)?$/.test(rest)], key).toEqual([
          true,
          true,
        ])
      }
    },
  },
  {
    id: 'CVE-2025-46653',
    wrong: 'the names of files that were stored could be guessed from one another',
    attack: async (target) => {
      const tokens: string[] = []
      for (let count = 0; count < 3; count++) {
        const { files } = await target.taken(form(...Array.from({ length: 10 }, () => filePart('file', 'a.txt', 'x'))))
        tokens.push(...files.map(({ key }) => /-([0-9a-z]{13})\.txt$/.exec(key)?.[1] ?? key))
      }
      // A counter in it, or a part that is the same for a while, would show at the beginning or at the end.
      expect(new Set(tokens.map((token) => token.slice(0, 7))).size).toBe(tokens.length)
      expect(new Set(tokens.map((token) => token.slice(-7))).size).toBe(tokens.length)
    },
  },
])

describeAdvisories('express-fileupload', [
  {
    id: 'CVE-2020-7699',
    wrong: 'with parseNested, a file called __proto__.toString changed Object.prototype',
    attack: async (target) => {
      const { files } = await target.taken(form(...poisoned.map((name) => filePart(name, 'a.txt', name))))
      expect(files.map(({ content }) => content)).toEqual(poisoned)
      assertClean()
      const values = form(...poisoned.map((name) => valuePart(name, 'yes')))
      // multer takes brackets apart itself, into objects without a prototype.
      if (target.multer) await target.send(values)
      else expect((await target.taken(values)).fields).toEqual(poisoned.map((name) => [name, 'yes']))
      assertClean()
    },
  },
  {
    id: 'CVE-2022-27261',
    // Its author holds that the names are for the application to choose.
    wrong: 'of several files with one name the last took the place of the others',
    attack: async (target) => {
      const { files } = await target.taken(form(filePart('file', 'a.txt', 'one'), filePart('file', 'a.txt', 'two')))
      expect(new Set(files.map(({ key }) => key)).size).toBe(2)
      expect(files.map(({ content }) => content)).toEqual(['one', 'two'])
    },
  },
])
