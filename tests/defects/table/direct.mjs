/** The direct transport: signatures, attempts, and answers that are not what they announce. */

/** @type {(only: string) => import('../defects.mjs').Defect['tests']} */
const transport = (only) => ({ files: ['tests/drivers/s3/direct/transport.test.ts'], only })
/** @type {import('../defects.mjs').Defect['tests']} */
const signer = { files: ['tests/drivers/s3/direct/sigv4.test.ts'] }
/** @type {import('../defects.mjs').Defect['tests']} */
const target = { files: ['tests/drivers/s3/direct/target.test.ts'] }

/** @type {import('../defects.mjs').Defect[]} */
export const direct = [
  {
    name: 'a signing key outlives its day',
    file: 'src/drivers/s3/direct/sigv4.ts',
    find: ' || this.#day !== day',
    replace: '',
    tests: signer,
  },
  {
    name: 'a session token is sent unsigned',
    file: 'src/drivers/s3/direct/sigv4.ts',
    find: "new Set(['cache-control'])",
    replace: "new Set(['cache-control', 'x-amz-security-token'])",
    tests: signer,
  },
  {
    name: 'a short answer passes for a whole one',
    file: 'src/drivers/s3/direct/answer-body.ts',
    find: 'if (this.#failure) throw this.#failure\n    const chunks',
    replace: 'const chunks',
    tests: transport('cut off'),
  },
  {
    name: 'a checksum that does not match is not noticed',
    file: 'src/drivers/s3/direct/answer-body.ts',
    find: '!this.#check.matches()',
    replace: 'false',
    tests: transport('checksum that S3 keeps'),
  },
  {
    name: 'what nobody reads is taken from the connection all the same',
    file: 'src/drivers/s3/direct/answer-body.ts',
    find: 'this.#buffered > AHEAD && !this.#whole',
    replace: 'false',
    tests: transport('waits in the connection'),
  },
  {
    name: 'a stream that nobody reads does not hear of an abort',
    file: 'src/drivers/s3/direct/answer-body.ts',
    find: 'if (this.#failure) this.#stream?.destroy(this.#failure)',
    replace: '',
    tests: transport('aborted while nobody reads'),
  },
  {
    name: 'retries have no quota',
    file: 'src/drivers/s3/direct/retries.ts',
    find: 'this.#quota -= cost',
    replace: '',
    tests: transport('retries stop'),
  },
  {
    name: 'what S3 refuses is asked again',
    file: 'src/drivers/s3/direct/retries.ts',
    find: 'new Set([429, 500',
    replace: 'new Set([403, 429, 500',
    tests: transport('is not asked again'),
  },
  {
    name: 'expired credentials are used again',
    file: 'src/drivers/s3/direct/transport.ts',
    find: 'const found = await credentials(fresh)',
    replace: 'const found = await credentials(false)',
    tests: transport('credentials that expire'),
  },
  {
    name: "S3's clock is not taken over",
    file: 'src/drivers/s3/direct/transport.ts',
    find: 'this.#skew = skew',
    replace: '',
    tests: transport('a clock that is off'),
  },
  {
    name: 'a list of any length is taken into memory',
    file: 'src/drivers/s3/direct/exchange.ts',
    find: 'this.#bytes > LONGEST',
    replace: 'false',
    tests: transport('a list without end'),
  },
  {
    name: "the process's fetch is taken over",
    file: 'src/drivers/s3/direct/load-undici.ts',
    find: 'void globalThis.Response',
    replace: '',
    tests: transport('fetch stays'),
  },
  {
    name: 'S3 Express is signed for like any bucket',
    file: 'src/drivers/s3/direct/target.ts',
    find: " || bucket.endsWith('--x-s3')",
    replace: '',
    tests: target,
  },
]
