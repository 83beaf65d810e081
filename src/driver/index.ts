export { type CheckedAttributes, checkAttributes, contentTypeOf, MAX_METADATA_BYTES } from './attributes.js'
export type * from './blob.js'
export type * from './body.js'
export type * from './capabilities.js'
export {
  bareEtag,
  checkReadConditions,
  checkWriteConditions,
  checkWriteOptions,
  sameEtag,
  type WriteConditions,
  weaklySameEtag,
} from './conditions.js'
export type * from './driver.js'
export { keepsChunks, keptChunks } from './kept-chunks.js'
export { checkListOptions } from './listing.js'
export { MAX_TIMEOUT } from './max-timeout.js'
export type * from './options.js'
export { isPulled, type PulledSource } from './pulled-source.js'
export { checkRange, resolveRange } from './range.js'
export type * from './reader.js'
