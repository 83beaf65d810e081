import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeRecord } from '../../src/outbox/record.ts'
import { recordName } from '../../src/outbox/record-name.ts'
import { makeToken, newId } from '../../src/outbox/token.ts'

/** Writes the outbox of a root with so many small bodies that wait for `s3`, as a process would have left it. */
export function fillOutbox(root, count) {
  const outbox = join(root, '.hybrid-store', 'outbox')
  for (const name of ['records', 'bodies', 'owners', 'locks', 'claims']) {
    mkdirSync(join(outbox, name), { recursive: true, mode: 0o700 })
  }
  const [id, owner] = [newId(), newId()]
  writeFileSync(join(outbox, 'id'), id)
  const body = randomBytes(100)
  const hash = (name) => createHash(name).update(body).digest('hex')
  const [sha256, md5] = [hash('sha256'), hash('md5')]
  const attributes = { contentType: 'application/octet-stream', metadata: {} }
  for (let n = 0; n < count; n++) {
    const key = `waits/${String(n * 7919).padStart(10, '0')}.bin`
    const facts = { key, driver: 's3', base: 'unknown', generation: 1, token: makeToken(id, owner, n + 1) }
    const content = { operation: 'put', size: body.length, sha256, md5, attributes }
    const record = { ...facts, ...content, createdAt: new Date() }
    writeFileSync(join(outbox, 'records', recordName(record)), Buffer.concat([encodeRecord(record, true), body]))
  }
}
