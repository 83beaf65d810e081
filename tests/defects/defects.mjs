import { direct } from './table/direct.mjs'
import { doubts } from './table/doubts.mjs'
import { durable } from './table/durable.mjs'
import { fallingBack } from './table/falling-back.mjs'
import { hostile } from './table/hostile.mjs'
import { onS3 } from './table/on-s3.mjs'
import { processes } from './table/processes.mjs'
import { reconciling } from './table/reconciling.mjs'
import { signed } from './table/signed.mjs'
import { uploads } from './table/uploads.mjs'
import { versions } from './table/versions.mjs'

// Sabotages of src, and of the examples, that the tests must notice, one at a time. `npm run defects` tries them.

/**
 * @typedef {object} Tests Which tests must turn red.
 * @property {string[]} files
 * @property {string} [only] A part of their names, as for `vitest -t`: a regular expression.
 * @property {Record<string, string>} [env]
 * @property {boolean} [s3] Whether they speak to an S3 server.
 *
 * @typedef {object} Defect
 * @property {string} name What is wrong then.
 * @property {string} file
 * @property {string} find Stands in the file exactly once.
 * @property {string} replace
 * @property {Tests} tests The quickest that notice it.
 * @property {Tests} [long] A suite that must notice it too, if it is given the time: `npm run defects -- --long`.
 */

/** @type {Defect[]} */
export const defects = [
  ...durable,
  ...processes,
  ...versions,
  ...reconciling,
  ...doubts,
  ...fallingBack,
  ...onS3,
  ...direct,
  ...uploads,
  ...hostile,
  ...signed,
]
