// One upload by a process of its own, made on the way: `client.mjs <json>` with { url, bytes, form }. Answers the message
// `sent` with the bytes that the kernel has taken of it, and says at its end { status, body, seconds }.
import { once } from 'node:events'
import { request } from 'node:http'
import { pieces } from './content.mjs'

const { url, bytes, form } = JSON.parse(process.argv[2])
const BOUNDARY = 'a-boundary-of-a-benchmark'
const head = [
  `--${BOUNDARY}`,
  'Content-Disposition: form-data; name="file"; filename="large.bin"',
  'Content-Type: application/octet-stream',
]
const [before, after] = form ? [`${head.join('\r\n')}\r\n\r\n`, `\r\n--${BOUNDARY}--\r\n`] : ['', '']
const type = form ? `multipart/form-data; boundary=${BOUNDARY}` : 'application/octet-stream'

let sent = 0
process.on('message', () => process.send({ sent }))
const begun = performance.now()
const outgoing = request(url, {
  method: 'POST',
  agent: false,
  headers: { 'content-type': type, 'content-length': before.length + bytes + after.length },
})
const answered = once(outgoing, 'response')
// It may come before all is sent, and is looked at afterwards.
answered.catch(() => {})
const write = (piece) => new Promise((resolve, reject) => outgoing.write(piece, (e) => (e ? reject(e) : resolve())))
if (form) await write(before)
for (const piece of pieces(bytes)) {
  await write(piece)
  sent += piece.length
}
outgoing.end(after)
const [answer] = await answered
const chunks = []
for await (const chunk of answer) chunks.push(chunk)
const seconds = (performance.now() - begun) / 1000
process.send({ done: { status: answer.statusCode, body: Buffer.concat(chunks).toString(), seconds } }, () => {
  process.disconnect()
})
