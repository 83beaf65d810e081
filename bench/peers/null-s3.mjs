// An S3 that only answers: it stores nothing and looks at nothing, so that what is measured is the client. Prints its port.
// A GET of a key that ends in `-<n>` is n bytes long, a list has LISTED keys, every other answer is what S3 says on success.
import { createServer } from 'node:http'

const LISTED = 100_000
const PAGE = 1000
const block = Buffer.alloc(256 * 1024, 7)
const ETAG = '"9a0364b9e99bb480dd25e1f0284c8555"'
const DATE = 'Tue, 24 Nov 2026 10:00:00 GMT'

const xml = (name, inside) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inside}</${name}>`

function send(response, status, headers, body = '') {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers })
  response.end(body)
}

const sendXml = (response, text) => send(response, 200, { 'content-type': 'application/xml' }, text)

/** Pages are made once: making them is not what is measured. */
const pages = new Map()

function page(from) {
  const keys = Array.from({ length: Math.min(PAGE, LISTED - from) }, (_, i) => {
    const key = `folder/${String(from + i).padStart(8, '0')}.bin`
    return (
      `<Contents><Key>${key}</Key><LastModified>2026-11-24T10:00:00.000Z</LastModified><ETag>&quot;${ETAG.slice(1, -1)}&quot;</ETag>` +
      '<Size>1024</Size><StorageClass>STANDARD</StorageClass></Contents>'
    )
  })
  const next = from + PAGE
  const more = next < LISTED ? `<NextContinuationToken>from-${next}</NextContinuationToken>` : ''
  return xml(
    'ListBucketResult',
    `<Name>bench</Name><Prefix></Prefix><KeyCount>${keys.length}</KeyCount><MaxKeys>${PAGE}</MaxKeys>` +
      `<IsTruncated>${next < LISTED}</IsTruncated>${more}${keys.join('')}`,
  )
}

function list(response, from) {
  if (!pages.has(from)) pages.set(from, page(from))
  sendXml(response, pages.get(from))
}

function sizeOf(path) {
  const size = /-(\d+)$/.exec(path)?.[1]
  return size === undefined ? 1024 : Number(size)
}

function get(request, response, path) {
  const size = sizeOf(path)
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  const start = range ? Number(range[1]) : 0
  const end = range?.[2] ? Math.min(Number(range[2]) + 1, size) : size
  response.writeHead(range ? 206 : 200, {
    'content-length': end - start,
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    'last-modified': DATE,
    etag: ETAG,
    ...(range && { 'content-range': `bytes ${start}-${end - 1}/${size}` }),
  })
  let left = request.method === 'HEAD' ? 0 : end - start
  const write = () => {
    while (left > 0) {
      const bytes = left < block.length ? block.subarray(0, left) : block
      left -= bytes.length
      if (left === 0) return response.end(bytes)
      if (!response.write(bytes)) return response.once('drain', write)
    }
    response.end()
  }
  write()
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://s3')
  if (request.method === 'GET' || request.method === 'HEAD') {
    if (request.method === 'GET' && searchParams.has('list-type')) {
      return list(response, Number(searchParams.get('continuation-token')?.slice('from-'.length) ?? 0))
    }
    // minio-js looks for an upload to go on with.
    if (searchParams.has('uploads'))
      return sendXml(response, xml('ListMultipartUploadsResult', '<IsTruncated>false</IsTruncated>'))
    return get(request, response, pathname)
  }
  request.resume()
  request.once('end', () => {
    if (request.method === 'DELETE') return send(response, 204, {})
    if (request.method === 'PUT') return send(response, 200, { etag: ETAG })
    if (searchParams.has('uploads')) {
      return sendXml(
        response,
        xml('InitiateMultipartUploadResult', '<Bucket>bench</Bucket><Key>k</Key><UploadId>u1</UploadId>'),
      )
    }
    sendXml(
      response,
      xml(
        'CompleteMultipartUploadResult',
        `<Bucket>bench</Bucket><Key>k</Key><ETag>${ETAG.replaceAll('"', '&quot;')}</ETag>`,
      ),
    )
  })
})

server.keepAliveTimeout = 120_000
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.once('disconnect', () => process.exit())
