export { compareKeys } from './order.js'
export { assertKey, keyProblem, MAX_KEY_BYTES, quoteKey } from './rules.js'
