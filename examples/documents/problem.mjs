import { isStorageError } from 'hybrid-store'
import { errorResponse } from 'hybrid-store/http'

// The application's own words for some of the store's errors; the front end shows `detail` as it is. All others keep the
// text that the library gives them, and the status stays in any case.
const details = {
  NOT_FOUND: 'Datei nicht in S3 gefunden',
  UNAVAILABLE: 'Die Dateien sind im Moment nicht erreichbar',
  TOO_LARGE: 'Das ist mehr, als erlaubt ist',
}

export function problem({ error }) {
  return error.code in details ? { detail: details[error.code] } : {}
}

/** The answer to what a route has rejected with: problem details, whatever it was. */
export function answerOf(error, request, onError) {
  if (isStorageError(error) || !(error?.statusCode < 500)) return errorResponse(error, request, { problem, onError })
  // The framework itself has refused the request, such as a body that is no JSON.
  const body = Buffer.from(JSON.stringify({ status: error.statusCode, detail: 'Die Anfrage ist nicht verständlich' }))
  return { status: error.statusCode, headers: { 'content-type': 'application/problem+json' }, body }
}
