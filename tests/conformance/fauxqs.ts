/** What the stand-in for S3 cannot do, by case. All of them pass on a real server. */
const unsigned = 'fauxqs checks no signature'
const headers = 'fauxqs does not keep Cache-Control and its like'
const order = 'fauxqs lists in the order of UTF-16 units'

export const fauxqsGaps: Readonly<Record<string, string>> = {
  'head and exists: all fields': headers,
  'head and exists: a refusal is no "does not exist"': unsigned,
  'ranges: a suffix longer than the blob': 'fauxqs refuses a suffix that is longer than the blob',
  'conditionals: if-unmodified-since the same time on get and head: read': 'fauxqs compares fractions of a second',
  'attributes: cache control, disposition, encoding, language': headers,
  'attributes: visibility, as it is set': 'fauxqs has no ACLs',
  'list: in the order of UTF-8 bytes': order,
  'list: directories in the order of their keys': order,
  'copy and move: copy carries bytes and attributes': headers,
  'copy and move: move carries bytes and attributes': headers,
  'keys: letters beyond ASCII': order,
  'signed URL: stops working': unsigned,
  'signed URL: that was tampered with is refused': unsigned,
  'signed URL: for reading does not write': unsigned,
  'signed URL: overrides disposition and type': 'fauxqs ignores response-content-disposition and its like',
  'signed URL: PUT is bound to its key': unsigned,
  'signed URL: POST writes the blob': 'fauxqs gives a posted blob no content type',
  'signed URL: POST is bound to its key': unsigned,
  'signed URL: PUT is bound to its content type': unsigned,
  'signed URL: PUT is bound to its size': unsigned,
  'signed URL: PUT does not read': unsigned,
  'signed URL: POST is bound to its largest size': 'fauxqs ignores the policy of a POST',
}
