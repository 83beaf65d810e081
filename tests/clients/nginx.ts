import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathOf } from './programs.js'

export interface Nginx {
  readonly url: string
  stop(): Promise<void>
}

export interface NginxOptions {
  /** Where the application is. */
  readonly application: string
  /** The folder whose files it sends. */
  readonly root: string
}

const example = new URL('../../examples/nginx/accel.conf', import.meta.url)

/** nginx with the configuration of examples/nginx, in front of an application. */
export async function startNginx({ application, root }: NginxOptions): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), 'hybrid-store-nginx-'))
  const port = await freePort()
  const site = adapt(await readFile(example, 'utf8'), {
    'server 127.0.0.1:3000;': `server ${new URL(application).host};`,
    'listen 80;': `listen 127.0.0.1:${port};`,
    'alias /var/lib/application/storage/;': `alias ${root}/;`,
  })
  await writeFile(join(folder, 'site.conf'), site)
  await writeFile(join(folder, 'nginx.conf'), around(folder))
  await mkdir(join(folder, 'temporary'))
  const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr']
  const child = spawn(pathOf('nginx'), args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text
  })
  const stop = async () => {
    if (isRunning(child)) {
      child.kill('SIGTERM')
      await once(child, 'close')
    }
    await rm(folder, { recursive: true, force: true })
  }
  while (isRunning(child)) {
    if (await accepts(port)) return { url: `http://127.0.0.1:${port}`, stop }
    await sleep(20)
  }
  await stop()
  throw new Error(`nginx did not start:\n${complaints}`)
}

/** Replaces values that a user would replace; each must be there once. */
function adapt(configuration: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((text, [from, to]) => {
    if (text.split(from).length !== 2) throw new Error(`The example does not have "${from}" exactly once.`)
    return text.replace(from, to)
  }, configuration)
}

/** What stands around the example on a real machine. One process, which is this test's child and has its rights. */
function around(folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
events {}
http {
  access_log off;
  types { text/html html; }
  default_type application/octet-stream;
  gzip on;
  ${temporary.map((name) => `${name}_temp_path ${folder}/temporary/${name};`).join('\n  ')}
  include ${folder}/site.conf;
}
`
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
