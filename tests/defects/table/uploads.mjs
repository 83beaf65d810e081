import { file } from './tests.mjs'

/** The table, which is sent to S3 and to the disk at once. */
const form = (only) => file('http/upload.node', only, { s3: true })
const leaving = (only) => file('http/upload/leaving', only, { s3: true })
/** 64 MiB to servers in processes of their own. */
const large = (only) => file('http/large-uploads', only, { s3: true })
const upload = (name, only) => file(`http/upload/${name}`, only)

/** Uploads over HTTP. */
export const uploads = [
  {
    name: 'upload: a form without its last boundary is whole',
    file: 'src/http/upload/multipart/reader.ts',
    find: "if (chunk === undefined) throw brokeOff('the last boundary is missing')",
    replace:
      'if (chunk === undefined) return void (this.#buffer = Buffer.concat([this.#buffer, this.#delimiter, DASHES]))',
    tests: form('to local.*no final boundary'),
  },
  {
    name: 'upload: the beginning of a boundary at the end of a chunk is content',
    file: 'src/http/upload/multipart/reader.ts',
    find: 'this.#buffer.byteLength - begun(this.#buffer, this.#delimiter)',
    replace: 'this.#buffer.byteLength - 0 * begun(this.#buffer, this.#delimiter)',
    tests: upload('random', 'what is sent'),
  },
  {
    name: 'upload: filename* counts',
    file: 'src/http/upload/multipart/form-data.ts',
    find: "filename: parameters.get('filename') }",
    replace: "filename: parameters.get('filename*') ?? parameters.get('filename') }",
    tests: form('to local.*127'),
  },
  {
    name: 'upload: what was stored before a failure stays',
    file: 'src/http/upload/receive.ts',
    find: 'const left = await undo(this.#store, this.#blobs)',
    replace: 'const left = await undo(this.#store, [])',
    tests: form('to local.*115'),
  },
  {
    name: 'upload: undoing removes whatever is there',
    file: 'src/store/remove-version.ts',
    find: 'await store.delete(path, { ifMatch: etag, signal })',
    replace: 'await store.delete(path, { signal })',
    tests: upload('together', 'somebody else'),
  },
  {
    name: 'upload: undoing fails where there are no conditional deletes',
    file: 'src/store/remove-version.ts',
    find: "if (!isStorageError(error, 'NOT_SUPPORTED')) throw error",
    replace: 'if (isStorageError(error)) throw error',
    tests: form('to s3.*115'),
  },
  {
    name: 'upload: the end of a file does not wait for the scanner',
    file: 'src/http/upload/scan.ts',
    find: '    await within(timeout, verdict)\n  } finally {',
    replace: '    if (timeout < 0) await within(timeout, verdict)\n  } finally {',
    tests: upload('scan', 'nothing can be read'),
  },
  {
    name: 'upload: digests are not verified',
    file: 'src/http/upload/received-body.ts',
    find: '      this.#digests.verify()\n',
    replace: '',
    tests: form('to local.*138'),
  },
  {
    name: 'upload: a put is given up with its request',
    file: 'src/http/upload/store-file.ts',
    find: '      idleTimeout: 0,\n',
    replace: '      idleTimeout: 0,\n      signal: request.signal,\n',
    tests: leaving('may take effect'),
  },
  {
    name: 'upload: what the client still sends is not read',
    file: 'src/http/upload/receive.ts',
    find: '      body.discard()\n',
    replace: '',
    tests: upload('early', 'on node.*sent all'),
  },
  {
    name: 'upload: a silent client is waited for',
    file: 'src/http/upload/received-body.ts',
    find: 'idle > 0 ? setTimeout(silence',
    replace: 'idle < 0 ? setTimeout(silence',
    tests: leaving('on node clients that fall silent'),
  },
  {
    name: 'upload: pages of other sites may send',
    file: 'src/http/upload/origin.ts',
    find: 'if (allowed === false) return',
    replace: 'if (allowed !== undefined) return',
    tests: upload('origin', 'on node'),
  },
  {
    name: 'upload: a field is cut at its limit',
    file: 'src/http/upload/form.ts',
    find: "if (size > this.#limits.fieldSize) throw tooMuch('bytes in a field', this.#limits.fieldSize)",
    replace: 'if (size > this.#limits.fieldSize) continue',
    tests: form('to local.*117'),
  },
  {
    name: 'upload: authorize is not asked',
    file: 'src/http/routes.ts',
    find: 'if (status !== undefined) throw refused(status)',
    replace: 'if (status === 402) throw refused(403)',
    tests: upload('together', 'on node.*authorize'),
  },
  {
    name: 'upload: a file is gathered before it is stored',
    file: 'src/http/upload/store-file.ts',
    find: 'await peek(incoming.body, SNIFFED_BYTES)',
    replace: 'await peek(incoming.body, Number.POSITIVE_INFINITY)',
    tests: large('on express are held back'),
  },
  {
    name: 'upload: a copy that was kept for the fallback stays on the disk',
    file: 'src/body/spool-tee.ts',
    find: '    await this.#spool?.release()\n',
    replace: '',
    tests: large('on express leave nothing'),
  },
  {
    name: 'upload: a limit of Infinity is handed to the store',
    file: 'src/http/upload/store-file.ts',
    find: 'Number.isFinite(limits.fileSize) ? limits.fileSize : undefined',
    replace: 'limits.fileSize',
    tests: upload('together', 'on node.*as large as'),
  },
  {
    name: 'upload: a scanner holds the very bytes that are stored',
    file: 'src/http/upload/scan.ts',
    find: 'copy.write(Buffer.from(chunk))',
    replace: 'copy.write(chunk)',
    tests: upload('scan', 'whatever it likes'),
  },
]
