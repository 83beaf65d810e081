/** In which charset multer was told to read the names of files; `latin1` unless it was told otherwise. */
export type ParameterCharset = 'latin1' | 'utf8'

const strict = new TextDecoder('utf-8', { fatal: true })

/**
 * A file's name as the client wrote it. Clients send UTF-8 (RFC 7578 section 5.1), which multer reads as latin1: `résumé`
 * comes as `rÃ©sumÃ©`. What is no UTF-8 is left as it is, and so is what holds a character that latin1 has not, such as a
 * name out of `filename*`.
 */
export function decodeFileName(name: string, charset: ParameterCharset): string {
  if (charset === 'utf8' || !/^[\0-\xff]*[\x80-\xff][\0-\xff]*$/.test(name)) return name
  try {
    return strict.decode(Buffer.from(name, 'latin1'))
  } catch {
    return name
  }
}
