import { createInterface } from 'node:readline'
import { TellingClient, tell } from './child-client.js'
import { runLane } from './child-load.js'
import { FatalFs } from './fatal-fs.js'
import { type KillStore, openStore } from './open.js'
import type { Command } from './protocol.js'

/** A process that is told by its parent what to do, and says all that it does. It is made to be killed. */
let store: KillStore | undefined
let client: TellingClient | undefined
let fs: FatalFs | undefined
let lanes: Promise<unknown> = Promise.resolve()
let stopped = false
let firstSlot = 0

async function obey(command: Command): Promise<void> {
  switch (command.do) {
    case 'open': {
      const { setup, firstSeq, fatal, count, slots = 0 } = command
      firstSlot = slots
      fs = fatal || count ? new FatalFs(fatal) : undefined
      store = openStore(setup, { fs })
      client = new TellingClient(store, firstSeq)
      return
    }
    case 'run':
      for (const operation of command.operations) await needed(client).run(operation)
      return
    case 'load': {
      const { seed, big } = command
      const run = (_: unknown, lane: number) => {
        const slot = firstSlot + lane
        return runLane(needed(client), { seed: seed * 31 + slot, slot, big, stopped: () => stopped })
      }
      stopped = false
      lanes = Promise.all(Array.from({ length: command.lanes }, run))
      return
    }
    case 'stop':
      stopped = true
      await lanes
      return
    case 'close':
      await store?.close()
  }
}

function needed(made: TellingClient | undefined): TellingClient {
  if (made === undefined) throw new Error('not opened yet')
  return made
}

/** What the first request of a process takes: loaded, and run once, while nobody waits for it. */
async function warmUp(): Promise<void> {
  await import('@aws-sdk/lib-storage')
  const { HeadObjectCommand, S3Client } = await import('@aws-sdk/client-s3')
  const credentials = { accessKeyId: 'nobody', secretAccessKey: 'nothing' }
  const client = new S3Client({ region: 'us-east-1', endpoint: 'http://127.0.0.1:1', credentials, maxAttempts: 1 })
  await client.send(new HeadObjectCommand({ Bucket: 'none', Key: 'none' })).catch(() => {})
  client.destroy()
}

async function main(): Promise<void> {
  await warmUp()
  tell({ say: 'ready' })
  for await (const line of createInterface({ input: process.stdin })) {
    const command: Command = JSON.parse(line)
    await obey(command)
    tell({ say: 'done', do: command.do, calls: fs?.calls })
  }
}

main().catch((error) => {
  tell({ say: 'violation', text: `the child broke: ${String(error?.stack ?? error)}` })
  process.exit(1)
})
