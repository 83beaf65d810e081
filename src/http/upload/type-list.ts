import { notTaken } from './refusals.js'

/** Refuses a type that is in no list: 415. `image/*` stands for all that begin with `image/`. */
export function checkType(contentType: string, allowed: readonly string[] | undefined): void {
  if (allowed === undefined) return
  const essence = (contentType.split(';')[0] ?? '').trim().toLowerCase()
  const isAllowed = allowed.some((type) => {
    const lower = type.toLowerCase()
    return lower.endsWith('/*') ? essence.startsWith(lower.slice(0, -1)) : essence === lower
  })
  if (!isAllowed) throw notTaken(`files of the type ${essence} are not taken here`, 'See types.')
}
