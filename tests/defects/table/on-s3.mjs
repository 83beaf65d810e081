import { s3 } from './tests.mjs'

/**
 * What the S3 driver does for it.
 *
 * @type {import('../defects.mjs').Defect[]}
 */
export const onS3 = [
  {
    name: 'S3 is sent no If-None-Match',
    file: 'src/drivers/s3/put.ts',
    find: "return { IfNoneMatch: '*' }",
    replace: 'return {}',
    tests: s3('drivers/s3/conditions', 'creates, and refuses to create again'),
  },
  {
    name: 'S3 is sent no If-Match',
    file: 'src/drivers/s3/put.ts',
    find: 'return { IfMatch: features',
    replace: 'return {}\n  return { IfMatch: features',
    tests: s3('drivers/s3/conditions', 'updates the version it saw'),
  },
  {
    name: 'S3 is given no token to keep',
    file: 'src/drivers/s3/metadata.ts',
    find: 'addIfRoom(TOKEN, own.token)',
    replace: '',
    tests: s3('drivers/s3/conditions', 'a lost answer'),
  },
  {
    name: 'whether an unanswered request has taken effect is not told',
    file: 'src/drivers/s3/errors.ts',
    find: "call.change ? (ambiguous ? 'unknown' : 'unchanged') : undefined",
    replace: "call.change ? 'unchanged' : undefined",
    tests: s3('drivers/s3/conditions', 'that never comes again is unknown'),
  },
  {
    name: 'the time that S3 tells is not taken from its answers',
    file: 'src/drivers/s3/connection.ts',
    find: 'if (trace.date) this.#storageTime = trace.date',
    replace: '',
    tests: s3('defects/storage-time'),
  },
]
