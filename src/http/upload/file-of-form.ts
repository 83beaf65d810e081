import { field, type HttpRequest } from '../message.js'
import { Form } from './form.js'
import type { SettledLimits } from './limits.js'
import { boundaryOf } from './multipart/boundary.js'
import { parseFormData } from './multipart/form-data.js'
import { MultipartReader } from './multipart/reader.js'
import type { FormFields } from './options.js'
import type { ReceivedBody } from './received-body.js'
import { malformed } from './refusals.js'

/** The field of the file, as S3 has it. */
const FILE = 'file'

/**
 * The bytes of the one file of a form as S3 takes it: fields first, then the field `file`; what comes behind that is passed
 * over. The bytes end once the whole form is here, so that nothing is stored of one that breaks off behind its file.
 * `check` sees the fields before a byte of the file is read.
 */
export async function fileOfForm(
  request: HttpRequest,
  body: ReceivedBody,
  limits: SettledLimits,
  check: (fields: FormFields) => void,
): Promise<AsyncGenerator<Uint8Array, void, undefined>> {
  const parts = new MultipartReader(() => body.next(), boundaryOf(field(request.headers, 'content-type')), limits)
  const form = new Form(limits)
  for (let part = await parts.next(); part; part = await parts.next()) {
    form.countPart()
    const { field: name, filename } = parseFormData(part.headers.contentDisposition)
    if (name === FILE) {
      check(form.fields)
      return toTheEnd(part.body, parts)
    }
    if (filename !== undefined) throw malformed(`its file is not in the field ${FILE}`)
    await form.take(name, part.headers.contentType, part.body)
  }
  throw malformed(`it has no field ${FILE}`)
}

async function* toTheEnd(
  file: AsyncGenerator<Uint8Array, void, undefined>,
  parts: MultipartReader,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* file
  while (await parts.next());
}
