import { randomBytes } from 'node:crypto'

/** The form of a token: 12 digits for the outbox, 12 for the process that has it open, a count. */
export const TOKEN = '[0-9a-f]{24}-[0-9a-z]{1,11}'

const WHOLE = new RegExp(`^${TOKEN}$`)
const ID = /^[0-9a-f]{12}$/

/** Names an outbox, or a process in its tokens. */
export function newId(): string {
  return randomBytes(6).toString('hex')
}

export function isId(text: string): boolean {
  return ID.test(text)
}

export function isToken(text: unknown): text is string {
  return typeof text === 'string' && WHOLE.test(text)
}

export function makeToken(outbox: string, owner: string, count: number): string {
  return `${outbox}${owner}-${count.toString(36)}`
}

/** Which outbox gave the token. */
export function outboxOf(token: string): string {
  return token.slice(0, 12)
}

/** Which process took the token. */
export function ownerOf(token: string): string {
  return token.slice(12, 24)
}
