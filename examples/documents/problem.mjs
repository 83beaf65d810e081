// The application's own words for two of the store's errors; the front end shows `detail` as it is. All others keep
// the text that the library gives them, and the status stays in any case.
const details = {
  NOT_FOUND: 'Datei nicht in S3 gefunden',
  UNAVAILABLE: 'Die Dateien sind im Moment nicht erreichbar',
}

export function problem({ error }) {
  return error.code in details ? { detail: details[error.code] } : {}
}
