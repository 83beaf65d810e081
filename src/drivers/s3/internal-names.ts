import { randomUUID } from 'node:crypto'

/**
 * Names that the driver uses for itself. The backslash makes them illegal as keys, so that no blob can have one, and
 * no list shows them.
 */
export function internalName(purpose: string): string {
  return `.hybrid-store\\${purpose}\\${randomUUID()}`
}

export function isInternalName(name: string): boolean {
  return name.startsWith('.hybrid-store\\')
}
