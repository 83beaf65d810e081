import { malformed, notTaken } from '../refusals.js'

/** RFC 2046 section 5.1.1: 1 to 70 characters of these, the last of them no space. */
const BOUNDARY = /^[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]$/

/** One parameter of a media type at the start of the text (RFC 9110 section 5.6.6). */
const PARAMETER = /^[ \t]*;[ \t]*(?:([!#$%&'*+.^_`|~\w-]+)=(?:"((?:[^"\\]|\\[\t -~])*)"|([^\s;"]+)))?/

/**
 * The boundary that a Content-Type names. A request that is no multipart/form-data is refused with 415, one without a
 * boundary of RFC 2046, or with two, with 400.
 */
export function boundaryOf(contentType: string | undefined): string {
  const [essence = ''] = contentType?.split(';', 1) ?? []
  if (!/^[ \t]*multipart\/form-data[ \t]*$/i.test(essence)) {
    throw notTaken('it is no multipart/form-data', 'Send a form, or PUT the bytes of one file to its address.')
  }
  const boundaries: string[] = []
  for (let rest = contentType?.slice(essence.length) ?? ''; rest.trim() !== ''; ) {
    const [all, name, quoted, token] = PARAMETER.exec(rest) ?? []
    if (all === undefined) throw malformed('its Content-Type cannot be read')
    rest = rest.slice(all.length)
    if (name?.toLowerCase() === 'boundary') boundaries.push(quoted?.replace(/\\(.)/g, '$1') ?? token ?? '')
  }
  const [boundary, ...others] = boundaries
  if (boundary === undefined || others.length > 0) throw malformed('its Content-Type does not name one boundary')
  if (!BOUNDARY.test(boundary)) throw malformed('its boundary is not one of RFC 2046, 1 to 70 characters')
  return boundary
}
