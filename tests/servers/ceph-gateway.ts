import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cephScript, type S3Settings } from './s3.js'

/**
 * Kills the gateway of a Ceph cluster of our own with SIGKILL; resolves once nobody listens at its address. What it has
 * stored stays, in the object store behind it.
 */
export async function killGateway(settings: S3Settings): Promise<void> {
  const pid = Number(await readFile(join(folderOf(settings), 'client.rgw.pid'), 'utf8'))
  process.kill(pid, 'SIGKILL')
  const { hostname, port } = new URL(settings.endpoint)
  while (await answers(hostname, Number(port))) await sleep(10)
}

/** Starts a killed gateway again, at the same address. */
export async function startGateway(settings: S3Settings): Promise<void> {
  const env = { ...process.env, CEPH_DIR: folderOf(settings) }
  // It leaves a daemon behind, which would hold pipes open.
  const script = spawn('bash', [cephScript, 'start'], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = await once(script, 'exit')
  if (code !== 0) throw new Error(`The gateway did not start: ${code}`)
}

function folderOf({ cephDir }: S3Settings): string {
  if (cephDir === undefined) throw new Error('Only a Ceph cluster of our own can be killed.')
  return cephDir
}

async function answers(host: string, port: number): Promise<boolean> {
  const socket = connect(port, host)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
