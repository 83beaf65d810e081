import type { Answer } from '../client.js'

export interface Part {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/**
 * The parts of a multipart/byteranges answer, read to the letter of RFC 9110 section 14.6 and RFC 2046 section 5.1.1.
 * Throws where it is not well-formed.
 */
export function partsOf({ headers, body }: Answer): Part[] {
  const type = headers['content-type'] ?? ''
  const boundary = /^multipart\/byteranges; boundary=([\w'()+,./:=?-]{1,70})$/.exec(type)?.[1]
  if (boundary === undefined) throw new Error(`no boundary in ${JSON.stringify(type)}`)
  const text = body.toString('latin1')
  const [preamble, ...pieces] = `\r\n${text}`.split(`\r\n--${boundary}`)
  const epilogue = pieces.pop()
  if (preamble !== '' || epilogue !== '--\r\n') throw new Error(`no multipart body: ${JSON.stringify(text)}`)
  return pieces.map((piece) => {
    const end = piece.indexOf('\r\n\r\n')
    if (!piece.startsWith('\r\n') || end < 0) throw new Error(`no part: ${JSON.stringify(piece)}`)
    const fields = piece
      .slice(2, end)
      .split('\r\n')
      .map((line) => {
        const [, name = '', value = ''] = /^([\w-]+): (.*)$/.exec(line) ?? []
        return [name.toLowerCase(), value] as const
      })
    return { headers: Object.fromEntries(fields), body: Buffer.from(piece.slice(end + 4), 'latin1') }
  })
}

/** What the parts say and hold, in short: `0-1/10 01`. */
export function summaryOf(answer: Answer): string[] {
  return partsOf(answer).map(({ headers, body }) => {
    return `${headers['content-range']?.replace(/^bytes /, '')} ${body.toString('latin1')}`
  })
}
