import { createHash } from 'node:crypto'

/** Every name that the driver makes for itself starts with this; no key is ever stored under such a name. */
export const INTERNAL_PREFIX = '.hybrid-store'

/** The directory below a root that holds what belongs to the root as a whole. */
export const INTERNAL_DIRECTORY = INTERNAL_PREFIX

// Characters that some file systems ignore in names, so that a name with them is the name without them.
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu
// What Windows may make of `.hybrid-store` as a short name: HYBRID~1, HY3F2A~1.
const SHORT_NAME = /^hy[^.~]{0,4}~\d/i

/** Whether a file system could take `name` for one of the driver's own: by case, compatibility forms or 8.3 names. */
export function looksInternal(name: string): boolean {
  if (isInternal(name)) return true
  if (SHORT_NAME.test(name)) return true
  const folded = name.normalize('NFKC').replace(IGNORABLE, '').toUpperCase().toLowerCase()
  return folded.startsWith(INTERNAL_PREFIX)
}

export function isInternal(name: string): boolean {
  return name.startsWith(INTERNAL_PREFIX)
}

/** What an internal name in a directory of blobs stands for. */
export type InternalName =
  | { readonly kind: 'stage'; readonly owner: string }
  | { readonly kind: 'lock' }
  | { readonly kind: 'record' }
  | { readonly kind: 'other' }

/** A body or record that is being written by `owner`. */
export function stageName(owner: string, serial: number): string {
  return `${INTERNAL_PREFIX}.stage.${owner}.${serial.toString(36)}`
}

/** The lock of the blob that is stored as `name` in the same directory. */
export function lockName(name: string): string {
  return `${INTERNAL_PREFIX}.lock.${digest(name)}`
}

/** The attributes of the blob that is stored as `name` in the same directory. */
export function recordName(name: string): string {
  return `${INTERNAL_PREFIX}.attributes.${digest(name)}`
}

export function parseInternalName(name: string): InternalName {
  const [kind = '', ...rest] = name.slice(INTERNAL_PREFIX.length + 1).split('.')
  if (kind === 'stage') return { kind, owner: rest.slice(0, -1).join('.') }
  if (kind === 'lock') return { kind }
  if (kind === 'attributes') return { kind: 'record' }
  return { kind: 'other' }
}

function digest(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32)
}
