import { file, s3 } from './tests.mjs'

const signing = (only) => file('unit/signing/upload', only)
const upload = (only) => s3('http/signed-uploads', `on node.*${only}`)
const multer = (only, suite = 'multer') => s3(`http/${suite}`, `express5, files to local.*${only}`)
const failing = (only) => multer(only, 'multer-failures')

/** Uploads by a signature, and those that multer takes in. */
export const signed = [
  {
    name: 'signed: a link for a form is good for a PUT',
    file: 'src/signing/link-form.ts',
    find: "method: 'POST', parameters: uploadParameters",
    replace: "method: 'PUT', parameters: uploadParameters",
    tests: signing('its own method'),
  },
  {
    name: 'signed: a link that reads is good for writing',
    file: 'src/signing/signature.ts',
    find: 'const fields = [form.purpose, key.id, audience, form.method, path, expires, ...values]',
    replace:
      "const fields = ['hybrid-store/link/1', key.id, audience, 'GET', path, expires, ...values.filter(Boolean)]",
    tests: signing('does not read'),
  },
  {
    name: 'signed: parameters of another sort of link pass',
    file: 'src/signing/parameters.ts',
    find: 'names.includes(name) || ALWAYS.includes(name)',
    replace: 'names.length > 0 || ALWAYS.includes(name)',
    tests: signing('hs-cd'),
  },
  {
    name: 'signed: any type may be put',
    file: 'src/http/signed-upload.ts',
    find: "if (field(headers, 'content-type') !== contentType) throw otherType()",
    replace: "if (field(headers, 'content-type') === contentType.repeat(2)) throw otherType()",
    tests: upload('another length'),
  },
  {
    name: 'signed: a link that creates replaces as well',
    file: 'src/http/signed-upload.ts',
    find: 'if (asked.ifMatch === undefined) return { ifNoneMatch }',
    replace: 'if (asked.ifMatch === undefined) return {}',
    tests: upload('create-only'),
  },
  {
    name: 'signed: a form is stored before its end is here',
    file: 'src/http/upload/file-of-form.ts',
    find: '  while (await parts.next());\n',
    replace: '  parts.valueOf()\n',
    tests: upload('a form'),
  },
  {
    name: 'signed: a link leads to a driver that is known to be away',
    file: 'src/store/links.ts',
    find: 'if (own && (waits || !drivers.isReachable(driver))) return own()',
    replace: 'if (own && waits) return own()',
    tests: s3('store/signed-uploads', 'leads to S3'),
  },
  {
    name: 'multer: a file that a limit cut off is whole',
    file: 'src/adapters/multer/whole-file.ts',
    find: 'if (!stream.truncated) return',
    replace: 'if (stream !== undefined) return',
    tests: failing('cut off by a limit'),
  },
  {
    name: 'multer: a file that is given up stays open',
    file: 'src/adapters/multer/hybrid-storage.ts',
    find: '    file.stream.destroy()\n',
    replace: '',
    tests: failing('let go of'),
  },
  {
    name: 'multer: names are decoded twice',
    file: 'src/adapters/multer/file-name.ts',
    find: "charset === 'utf8' || ",
    replace: '',
    tests: multer('utf8 by multer'),
  },
]
