import type { SettledLimits } from './limits.js'
import { notTaken, tooMuch } from './refusals.js'

/** The fields of a form, as they arrive. */
export class Form {
  /** Without a prototype: a field may be called `__proto__`. */
  readonly fields: Record<string, string> = Object.create(null)
  readonly #limits: Pick<SettledLimits, 'fields' | 'fieldSize' | 'files' | 'parts'>
  #fields = 0
  #files = 0
  #parts = 0

  constructor(limits: Pick<SettledLimits, 'fields' | 'fieldSize' | 'files' | 'parts'>) {
    this.#limits = limits
  }

  countPart(): void {
    if (++this.#parts > this.#limits.parts) throw tooMuch('parts', this.#limits.parts)
  }

  countFile(): void {
    if (++this.#files > this.#limits.files) throw tooMuch('files', this.#limits.files)
  }

  /** Reads the value of a field: text, UTF-8 unless the part says otherwise (RFC 7578 sections 4.4 and 5.1.2). */
  async take(name: string, contentType: string | undefined, body: AsyncIterable<Uint8Array>): Promise<void> {
    if (++this.#fields > this.#limits.fields) throw tooMuch('fields', this.#limits.fields)
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of body) {
      size += chunk.byteLength
      if (size > this.#limits.fieldSize) throw tooMuch('bytes in a field', this.#limits.fieldSize)
      chunks.push(chunk)
    }
    this.fields[name] = decoderOf(contentType).decode(Buffer.concat(chunks))
  }
}

function decoderOf(contentType: string | undefined) {
  const charset = /;[ \t]*charset=(?:"([^"]*)"|([^\s;"]+))/i.exec(contentType ?? '')
  try {
    return new TextDecoder(charset?.[1] ?? charset?.[2] ?? 'utf-8')
  } catch {
    throw notTaken('a field is in a charset that is not known here', 'Send text as UTF-8.')
  }
}
