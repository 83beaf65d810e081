import { deflateRawSync } from 'node:zlib'
import { expect } from 'vitest'
import { filePart, form } from '../form.js'
import { describeAdvisories } from './run.js'

/** The head of an ASF file, whose sub-header says that it has no bytes at all. */
const asf = Buffer.concat([
  Buffer.from('3026b2758e66cf11a6d900aa0062ce6c', 'hex'),
  Buffer.alloc(14),
  Buffer.from('0102030405060708090a0b0c0d0e0f10', 'hex'),
  Buffer.alloc(8),
  Buffer.from('x'),
])

/** The beginning of a Matroska file (EBML, RFC 8794), and an element of any length. */
const ebml = Buffer.from('1a45dfa3', 'hex')
const endless = Buffer.from('01ffffffffffffff', 'hex')

/**
 * Malformed Matroska files: a number of which no bit says how long it is, at the two places of one, and elements that are
 * longer than the file or are empty and never end.
 */
const matroska = [
  Buffer.concat([ebml, Buffer.alloc(100)]),
  Buffer.concat([ebml, endless, Buffer.alloc(100)]),
  Buffer.concat([ebml, endless, Buffer.from('428280', 'hex'), Buffer.alloc(3000, Buffer.from('ec80', 'hex'))]),
  Buffer.concat([ebml, endless]),
  ebml,
]

/** A ZIP archive of one entry, `[Content_Types].xml`, that unpacks to 64 MiB. */
function bomb(): Buffer {
  const name = Buffer.from('[Content_Types].xml')
  const packed = deflateRawSync(Buffer.alloc(64 * 1024 * 1024))
  const head = Buffer.alloc(30)
  head.writeUInt32LE(0x04034b50, 0)
  head.writeUInt16LE(20, 4)
  head.writeUInt16LE(8, 8)
  head.writeUInt32LE(packed.byteLength, 18)
  head.writeUInt32LE(64 * 1024 * 1024, 22)
  head.writeUInt16LE(name.byteLength, 26)
  return Buffer.concat([head, name, packed])
}

const stored = (name: string, bytes: Buffer, type = 'application/octet-stream') =>
  form(filePart('file', name, bytes, type))

/** What looks at the first bytes of every file. */
describeAdvisories('file-type', [
  {
    id: 'CVE-2022-36313',
    wrong: 'a Matroska file that is malformed was looked at for ever',
    attack: async (target) => {
      for (const bytes of matroska) {
        const { files } = await target.taken(stored('a.mkv', bytes, 'video/x-matroska'))
        expect(files).toHaveLength(1)
      }
    },
  },
  {
    id: 'CVE-2026-31808',
    wrong: 'an ASF file with a header of no bytes was looked at for ever',
    attack: async (target) => {
      const { files } = await target.taken(stored('a.wmv', asf, 'video/x-ms-asf'))
      expect(files).toHaveLength(1)
    },
  },
  {
    id: 'CVE-2026-32630',
    wrong: 'a ZIP archive was unpacked into memory to see what is in it',
    attack: async (target) => {
      const archive = bomb()
      const before = process.resourceUsage().maxRSS
      for (const type of ['application/octet-stream', 'application/zip']) {
        const { files } = await target.taken(stored('a.docx', archive, type))
        expect(files).toHaveLength(1)
      }
      // In KiB; unpacked once it would be 64 MiB more.
      expect(process.resourceUsage().maxRSS - before).toBeLessThan(48 * 1024)
    },
  },
])
