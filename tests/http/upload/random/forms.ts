import fc from 'fast-check'

export interface RandomFile {
  readonly kind: 'file'
  readonly field: string
  readonly filename: string
  readonly type: string | undefined
  readonly content: Buffer
}

export interface RandomField {
  readonly kind: 'field'
  readonly field: string
  readonly content: Buffer
}

export type RandomPart = RandomFile | RandomField

export interface RandomForm {
  readonly boundary: string
  readonly parts: readonly RandomPart[]
  readonly preamble: string
  readonly epilogue: string
  /** Where the body is cut into chunks, as parts of its length. */
  readonly cuts: readonly number[]
}

const boundaries = fc.string({ unit: fc.constantFrom(..."abcXYZ09'()+_,-./:=?"), minLength: 1, maxLength: 70 })

/** Text in which whatever could be taken for the grammar is more frequent than chance would have it. */
const texts = (boundary: string) =>
  fc
    .array(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('\r\n', '\r', '\n', '--', '\r\n--', `\r\n--${boundary.slice(0, -1)}`, `--${boundary}`),
      ),
      { maxLength: 8 },
    )
    .map((pieces) => pieces.join(''))

/** Bytes that hold no line which a reader must take for a boundary. */
const contents = (boundary: string) =>
  fc
    .oneof(
      { weight: 6, arbitrary: texts(boundary).map((text) => Buffer.from(text)) },
      { weight: 6, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
      // Larger than a chunk of a socket; most of the time that a form takes goes into these.
      { weight: 1, arbitrary: fc.nat(200_000).map((size) => Buffer.alloc(size, '\r\n--')) },
    )
    .filter((content) => !`\r\n${content.toString('latin1')}\r\n`.includes(`\r\n--${boundary}`))

/** Any name that a header can carry: no surrogates alone. */
const labels = fc
  .array(
    fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('"', '\\', '%22', '\r\n', ';', 'ü', '=', "'", '../')),
    { maxLength: 6 },
  )
  .map((pieces) => pieces.join('').toWellFormed())

const types = fc.option(fc.constantFrom('text/plain', 'application/octet-stream', 'x', 'image/png; q=1'), {
  nil: undefined,
})

export const forms: fc.Arbitrary<RandomForm> = boundaries.chain((boundary) =>
  fc.record({
    boundary: fc.constant(boundary),
    parts: fc.array(
      fc.oneof(
        fc.record({
          kind: fc.constant('file' as const),
          field: labels.map((label) => `f${label}`),
          filename: labels.map((label) => `n${label}`),
          type: types,
          content: contents(boundary),
        }),
        fc.record({
          kind: fc.constant('field' as const),
          field: labels.map((label) => `f${label}`),
          content: contents(boundary).map((content) => content.subarray(0, 1000)),
        }),
      ),
      { maxLength: 5 },
    ),
    preamble: fc.constantFrom('', '', 'preamble\r\n', '\r\n', '--\r\n'),
    epilogue: fc.constantFrom('', '\r\n', '\r\nepilogue', `\r\n--${boundary}\r\n`),
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
  }),
)

/** As the WHATWG encodes names in forms. */
const encoded = (name: string) => name.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22')

/** What a reader makes of that: `%22` in a name is a quote from then on. */
export const decoded = (name: string) =>
  encoded(name).replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%22', '"').replaceAll('\\\\', '\\')

export function bodyOf({ boundary, parts, preamble, epilogue }: RandomForm): Buffer {
  const pieces: (string | Buffer)[] = [preamble]
  for (const part of parts) {
    const filename = part.kind === 'file' ? `; filename="${encoded(part.filename)}"` : ''
    const type = part.kind === 'file' && part.type ? `Content-Type: ${part.type}\r\n` : ''
    pieces.push(
      `--${boundary}\r\nContent-Disposition: form-data; name="${encoded(part.field)}"${filename}\r\n${type}\r\n`,
    )
    pieces.push(part.content, '\r\n')
  }
  pieces.push(`--${boundary}--`, epilogue)
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece)))
}

export function chunksOf(body: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => Math.floor(cut * body.byteLength)).sort((a, b) => a - b), body.byteLength]
  return at
    .slice(1)
    .map((end, i) => body.subarray(at[i], end))
    .filter((chunk) => chunk.byteLength > 0)
}
