// The server and the client of an upload, each in a process of its own.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** Starts a server of this subject over `s3`, options of an S3 driver, and the folder `root`. */
export async function startServer(subject, input) {
  const child = start('server.mjs', { subject, ...input }, ['--expose-gc'])
  const exited = once(child, 'exit')
  const ended = exited.then(([code]) => Promise.reject(new Error(`${subject} ended with ${code}`)))
  ended.catch(() => {})
  const next = async () => (await Promise.race([once(child, 'message'), ended]))[0]
  const { port } = await next()
  return {
    subject,
    url: `http://127.0.0.1:${port}`,
    async ask(ask, input = {}) {
      child.send({ ask, ...input })
      return (await next()).answer
    },
    async stop() {
      child.disconnect()
      await exited
    },
  }
}

/** Starts to send so many bytes to a server. */
export function startClient({ url, subject }, bytes) {
  const child = start('client.mjs', { url: `${url}/upload`, bytes, form: subject !== 'S3Driver.put' })
  let sent = 0
  let done
  child.on('message', (message) => {
    sent = message.sent ?? sent
    done ??= message.done
  })
  // It may be gone by the time that it is asked.
  child.on('error', () => {})
  const [exited, disconnected] = [once(child, 'exit'), once(child, 'disconnect')]
  return {
    /** Bytes that the kernel has taken of it, as last heard; asks again. */
    sent() {
      if (child.connected) child.send('sent')
      return sent
    },
    /** { status, body, seconds }. */
    async done() {
      await disconnected
      if (done === undefined) throw new Error(`The client of ${subject} got no answer.`)
      return done
    },
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

/** Waits until `holds`, looking often; throws where it does not come to be. */
export async function until(holds, what, seconds = 300) {
  const end = performance.now() + seconds * 1000
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`${what} did not come within ${seconds} s`)
    await sleep(5)
  }
}

function start(script, input, flags = []) {
  const path = fileURLToPath(new URL(script, import.meta.url))
  return fork(path, [JSON.stringify(input)], { execArgv: ['--no-warnings', ...flags] })
}
