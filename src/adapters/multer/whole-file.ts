import { Readable } from 'node:stream'
import { StorageError } from '../../errors/index.js'

/** A file's bytes as multer hands them over. A limit cuts them off, and then they end as if that were all. */
export type FileStream = Readable & { readonly truncated?: boolean | undefined }

/** The bytes of a file, which fail where they were cut off: TOO_LARGE. Whoever gives them up destroys `stream` as well. */
export function wholeFile(stream: FileStream): Readable {
  return Readable.from(chunks(stream), { objectMode: false })
}

async function* chunks(stream: FileStream): AsyncGenerator<Uint8Array, void, undefined> {
  // An iterator that is left would destroy the stream with an error of its own, which multer would take for the reason.
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) yield chunk
  if (!stream.truncated) return
  throw new StorageError('TOO_LARGE', 'The file is larger than multer was told to take.', {
    operation: 'put',
    outcome: 'unchanged',
    hint: 'Send a smaller file, or raise limits.fileSize of multer.',
  })
}
