import { abort } from './abort.js'
import { attributes } from './attributes.js'
import type { ConformanceCase } from './case.js'
import { concurrency } from './concurrency.js'
import { conditionals } from './conditionals.js'
import { copyMove } from './copy-move.js'
import { deletion } from './delete.js'
import { failingBodies } from './failing-bodies.js'
import { head } from './head.js'
import { keys } from './keys.js'
import { list } from './list.js'
import { putGet } from './put-get.js'
import { ranges } from './ranges.js'
import { refusals } from './refusals.js'
import { signedUrl } from './signed-url.js'

/** The whole suite, in order. Every case stands alone. */
export const conformanceCases: readonly ConformanceCase[] = [
  ...putGet,
  ...failingBodies,
  ...abort,
  ...head,
  ...ranges,
  ...conditionals,
  ...attributes,
  ...deletion,
  ...list,
  ...copyMove,
  ...keys,
  ...signedUrl,
  ...concurrency,
  ...refusals,
]
