import fc from 'fast-check'
import { bodyOf, type RandomForm } from './forms.js'

/** One thing that is done to a body on its way. Places and lengths are parts of what there is. */
export interface Damage {
  readonly kind: 'cut' | 'drop' | 'flip' | 'repeat' | 'move' | 'boundary' | 'piece'
  readonly at: number
  readonly to: number
  readonly piece: string
}

/** Pieces of the grammar, which mean something wherever they turn up. */
export const pieces = [
  '\r\n',
  '\r\n\r\n',
  '\n',
  '--',
  '"',
  '\\',
  ';',
  ': ',
  ' ',
  '\t',
  '\0',
  '%22',
  '=',
  'Content-Disposition: form-data; name="a"\r\n',
  'Content-Type: multipart/mixed; boundary=b\r\n',
  'Content-Transfer-Encoding: base64\r\n',
  '; filename="a"',
  '; filename=""',
  "; filename*=UTF-8''%ff",
  '; filename*0="a"; filename*1="b"',
  '; name="__proto__"',
  '; name=""',
] as const

const part = fc.double({ min: 0, max: 1, noNaN: true })

export const damages: fc.Arbitrary<readonly Damage[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('cut', 'drop', 'flip', 'repeat', 'move', 'boundary', 'piece'),
    at: part,
    to: part,
    piece: fc.constantFrom(...pieces),
  }),
  { minLength: 1, maxLength: 3 },
)

/** The body of a form that has suffered these. */
export function damaged(form: RandomForm, all: readonly Damage[]): Buffer {
  return all.reduce((body, one) => suffered(body, form.boundary, one), bodyOf(form))
}

function suffered(body: Buffer, boundary: string, { kind, at, to, piece }: Damage): Buffer {
  const [first, last] = [at, to].map((place) => Math.floor(place * body.byteLength)).sort((a, b) => a - b)
  const [before, between, after] = [body.subarray(0, first), body.subarray(first, last), body.subarray(last)]
  const behind = body.subarray(first)
  switch (kind) {
    case 'cut':
      return before
    case 'drop':
      return Buffer.concat([before, behind.subarray(1)])
    case 'flip':
      return Buffer.concat([before, Buffer.from([(behind[0] ?? 0) ^ 1]), behind.subarray(1)])
    case 'repeat':
      return Buffer.concat([before, between, between, after])
    case 'move':
      return Buffer.concat([before, after, between])
    case 'boundary':
      return Buffer.concat([before, Buffer.from(`\r\n--${boundary}`), behind])
    case 'piece':
      return Buffer.concat([before, Buffer.from(piece), behind])
  }
}
