import { createServer } from 'node:http'
import { listen } from '../http/listen.js'
import type { DeliveryServer } from '../http/servers.js'

/**
 * A page with a form and a place to drop files on. It sends both by XMLHttpRequest to `/upload`, moves its progress bar, and
 * writes down in `#said` what a user would read: the names or the detail of the answer, or that the connection was lost.
 */
const page = `<!doctype html><meta charset="utf-8"><title>upload</title>
<form><input type="file" name="file"><button>send</button></form>
<div id="drop" style="width:300px;height:200px;background:silver">drop here</div>
<progress max="1" value="0"></progress><output id="status"></output><ul id="said"></ul>
<script>
  const bar = document.querySelector('progress')
  window.seen = []
  function say(text) {
    document.querySelector('#said').append(Object.assign(document.createElement('li'), { textContent: text }))
  }
  function send(data) {
    const request = new XMLHttpRequest()
    request.upload.onprogress = ({ loaded, total }) => { bar.value = loaded / total; seen.push(bar.value) }
    request.onload = () => {
      const answer = JSON.parse(request.responseText)
      if (Array.isArray(answer)) for (const one of answer) say(one.problem ? one.problem.detail : one.key)
      else say(request.getResponseHeader('content-type') + ': ' + answer.detail)
      document.querySelector('#status').textContent = request.status
    }
    request.onerror = () => { document.querySelector('#status').textContent = 'connection lost' }
    request.open('POST', '/upload')
    request.send(data)
  }
  document.querySelector('form').onsubmit = (event) => { event.preventDefault(); send(new FormData(event.target)) }
  const drop = document.querySelector('#drop')
  drop.ondragover = (event) => event.preventDefault()
  drop.ondrop = (event) => {
    event.preventDefault()
    const data = new FormData()
    for (const file of event.dataTransfer.files) data.append('file', file)
    send(data)
  }
</script>`

/** The page, on one origin with what `delivery` answers. */
export async function servePage(delivery: DeliveryServer) {
  const server = createServer((req, res) => {
    if (req.url === '/') res.writeHead(200, { 'content-type': 'text/html' }).end(page)
    else delivery.server.emit('request', req, res)
  })
  const { port, stop } = await listen(server)
  return { url: `http://127.0.0.1:${port}/`, stop }
}
