import { quoteKey } from '../keys/index.js'

/** What a log line is about. Never holds a secret. */
export type LogFields = Readonly<Record<string, unknown>>

/** Facts first, message second, as pino and its like take them. */
export interface Logger {
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}

/** What is needed of `console`. */
export interface ConsoleLike {
  info(line: string): void
  warn(line: string): void
  error(line: string): void
}

/** Writes each line as `[ERROR] message key=... code=...`; for `console`, and for anything else that takes one string. */
export function consoleLogger(target: ConsoleLike): Logger {
  return {
    info: (fields, message) => target.info(logLine('INFO', fields, message)),
    warn: (fields, message) => target.warn(logLine('WARN', fields, message)),
    error: (fields, message) => target.error(logLine('ERROR', fields, message)),
  }
}

/** The default: each line to stderr, so that stdout stays the application's own. */
export function stderrLogger(): Logger {
  const write = (line: string) => {
    process.stderr.write(`${line}\n`)
  }
  return consoleLogger({ info: write, warn: write, error: write })
}

/** Says nothing. */
export const silentLogger: Logger = { info() {}, warn() {}, error() {} }

/** One line, whatever the values hold: those that are no plain word are quoted, with control characters escaped. */
export function logLine(level: string, fields: LogFields, message: string): string {
  const facts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${plain(value)}`)
  return `[${level}] ${message}${facts.join('')}`
}

function plain(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return plain(value.join(','))
  if (typeof value === 'string') return /^[\w./:@,+%()>-]+$/.test(value) ? value : quoteKey(value)
  return quoteKey(JSON.stringify(value) ?? String(value))
}
