import { expect } from 'vitest'
import { boundary, filePart, form, partBytes, valuePart } from '../form.js'
import { describeAdvisories } from './run.js'

const MIB = 1024 * 1024
const first = partBytes(filePart('file', 'first.txt', 'the first one'))
/** The beginning of a file that is larger than a part of a multipart upload. */
const large = partBytes(filePart('file', 'large.bin', Buffer.alloc(12 * MIB, 'x'), 'application/octet-stream'))
const unfinished = large.subarray(0, 10 * MIB)

describeAdvisories('multer', [
  {
    id: 'CVE-2025-47935',
    wrong: 'the streams of a request whose connection failed stayed open, and memory ran out',
    attack: async (target) => {
      for (let count = 0; count < 10; count++) {
        const socket = await target.begin(Buffer.concat([first, unfinished.subarray(0, MIB)]))
        socket.resetAndDestroy()
      }
    },
  },
  {
    id: 'CVE-2025-47944',
    wrong: 'a multipart request that is malformed ended the process',
    attack: async (target) => {
      await target.refused(400, form(filePart('file', 'a.txt', 'x')), { 'content-type': 'multipart/form-data' })
      await target.refused(400, form(filePart('file', 'a.txt', 'x')), {
        'content-type': 'multipart/form-data; boundary=',
      })
      await target.refused(400, `--${boundary}`)
    },
  },
  {
    id: 'CVE-2025-48997',
    wrong: 'a file in a field with an empty name ended the process',
    attack: async (target) => {
      await target.refused(400, form(filePart('', 'a.txt', 'x')))
      await target.refused(400, form(filePart('file', 'first.txt', 'x'), filePart('', 'a.txt', 'x')))
    },
  },
  {
    id: 'CVE-2025-7338',
    wrong: 'a part without a name ended the process',
    attack: async (target) => {
      await target.refused(400, form({ disposition: 'filename="a.txt"', type: 'text/plain', body: 'x' }))
      // busboy passes over a part whose disposition it cannot read.
      const unreadable = form({ disposition: 'filename="a.txt"; name', type: 'text/plain', body: 'x' })
      if (target.multer) expect((await target.taken(unreadable)).files).toEqual([])
      else await target.refused(400, unreadable)
    },
  },
  {
    id: 'CVE-2026-2359',
    wrong: 'an upload whose client hung up was never ended, and kept its files and sockets',
    attack: async (target) => {
      const sockets = [await target.begin(unfinished), await target.begin(first), await target.begin(Buffer.alloc(0))]
      for (const socket of sockets) socket.destroy()
    },
  },
  {
    id: 'CVE-2026-3304',
    wrong: 'files stayed when the request failed while the application was still thinking about one',
    attack: async (target) => {
      const { asked, release } = target.hold()
      // Enough to see what it is, and so little that the kernel takes it while nobody reads on.
      const socket = await target.begin(unfinished.subarray(0, 8192))
      await asked
      socket.destroy()
      release()
      const second = target.hold()
      const answer = target.refused(400, Buffer.concat([first, Buffer.from(`--${boundary}\r\nno header\r\n\r\nx`)]))
      await second.asked
      second.release()
      await answer
    },
  },
  {
    id: 'CVE-2026-3520',
    wrong: 'thousands of parts behind an error overflowed the stack',
    attack: async (target) => {
      const files = Array.from({ length: 20_000 }, () => filePart('file', 'a.txt', ''))
      await target.refused(413, form(...files))
      const fields = Array.from({ length: 20_000 }, () => valuePart('a', ''))
      await target.refused(413, form(filePart('file', 'a.txt', 'x'), ...fields))
    },
  },
  {
    id: 'CVE-2026-5038',
    wrong: 'files of uploads that were broken off, and parts of them, stayed on the disk',
    attack: async (target) => {
      const socket = await target.begin(Buffer.concat([first, unfinished]))
      socket.destroy()
      await target.leave()
      await target.refused(400, Buffer.concat([first, unfinished]))
    },
  },
  {
    id: 'CVE-2026-5079',
    wrong: 'brackets in the name of a field made objects as deep as the attacker liked',
    attack: async (target) => {
      const name = `a${'[b]'.repeat(1000)}`
      const body = form(valuePart(name, 'x'), valuePart(`${name}[]`, 'y'))
      const { fields } = target.multer ? await parsed(target.send(body)) : await target.taken(body)
      if (!target.multer) {
        expect(fields).toEqual([
          [name, 'x'],
          [`${name}[]`, 'y'],
        ])
      }
    },
  },
  {
    id: 'CVE-2026-77037',
    wrong: 'a body that ended too early left a file descriptor open each time',
    attack: async (target) => {
      const body = partBytes(filePart('file', 'a.txt', 'x'.repeat(1000)))
      for (let count = 0; count < 10; count++) await target.refused(400, body.subarray(0, 500 + count))
    },
  },
])

/** multer itself decides how deep names may go. */
async function parsed(sent: Promise<{ status: number }>) {
  expect([201, 400]).toContain((await sent).status)
  return { fields: [] }
}
