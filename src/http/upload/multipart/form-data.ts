import { malformed } from '../refusals.js'

/** What a part is called. */
export interface PartName {
  /** The name of the form's field; never empty. */
  readonly field: string
  /** As the client sent it, folders and all; empty where a file input had no file. Undefined: the part is no file. */
  readonly filename: string | undefined
}

/** `name="..."`, closed by the first quote that is not escaped and that a `;` or the end follows. */
const ESCAPED = /[ \t]*;[ \t]*([!#$%&'*+.^_`|~\w-]+)[ \t]*=[ \t]*"((?:[^"\\]|\\[\s\S])*)"(?=[ \t]*(?:;|$))/y
/** The same where a backslash means itself, as browsers send it: `filename="folder\"`. */
const PLAIN = /[ \t]*;[ \t]*([!#$%&'*+.^_`|~\w-]+)[ \t]*=[ \t]*"([^"]*)"(?=[ \t]*(?:;|$))/y
const TOKEN = /[ \t]*;[ \t]*([!#$%&'*+.^_`|~\w-]+)[ \t]*=[ \t]*([^\s;"]+)(?=[ \t]*(?:;|$))/y
/** Blanks have one place to match in, or else a run of them would be tried in quadratic time. */
const END = /[ \t]*(?:;[ \t]*)?$/y

/**
 * Reads the Content-Disposition of a part. The WHATWG's encoding of forms is undone: `%22`, `%0D` and `%0A` stand for a quote and
 * line breaks, nothing else is encoded; other clients write `\"` instead. `filename*` is ignored: RFC 7578 section 4.2
 * forbids it, and it would be a second name beside the one that somebody in front of us has looked at.
 */
export function parseFormData(disposition: string): PartName {
  const start = /^form-data(?=[ \t]*(?:;|$))/i.exec(disposition)
  if (!start) throw malformed('a part is no form-data')
  const parameters = new Map<string, string>()
  for (let at = start[0].length; !matchAt(END, disposition, at); ) {
    const quoted = matchAt(ESCAPED, disposition, at) ?? matchAt(PLAIN, disposition, at)
    const [all, name, value] = quoted ?? matchAt(TOKEN, disposition, at) ?? []
    if (all === undefined || name === undefined || value === undefined) {
      throw malformed('the Content-Disposition of a part cannot be read')
    }
    at += all.length
    const lower = name.toLowerCase()
    if (parameters.has(lower)) throw malformed(`a part has two parameters ${JSON.stringify(lower)}`)
    parameters.set(lower, quoted ? decode(value) : value)
  }
  const field = parameters.get('name')
  if (field === undefined || field === '') throw malformed('a part has no name')
  return { field, filename: parameters.get('filename') }
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

const decoded: Readonly<Record<string, string>> = { '%22': '"', '%0D': '\r', '%0A': '\n' }

/** A backslash is an escape in front of a quote and of itself only: `C:\a\b` has none. */
function decode(value: string): string {
  return value.replace(/\\(["\\])/g, '$1').replace(/%(?:22|0D|0A)/gi, (code) => decoded[code.toUpperCase()] as string)
}
