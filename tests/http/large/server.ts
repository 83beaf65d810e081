import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { S3DriverOptions } from '../../../src/drivers/s3/index.js'

export const frameworks = ['express', 'fastify'] as const
export type Framework = (typeof frameworks)[number]

export interface Settings {
  readonly framework: Framework
  readonly s3: S3DriverOptions
  /** Of the disk to which uploads fall back. */
  readonly root: string
}

/** What the test may ask; each is answered with one message. */
export type Question = 'idle' | 'peak' | 'arrived' | 'held' | 'reconcile' | 'pending' | 'stop'

/** Open files by name, and what keeps the process alive, sockets in use among it, each with their number. */
export type Held = Readonly<Record<string, number>>

/** A server that takes uploads, in a process of its own. */
export interface UploadServer {
  readonly url: string
  /** Resident bytes at rest; from here on `peak` and `arrived` are counted anew. */
  idle(): Promise<number>
  /** The most resident bytes that were seen while an upload arrived. */
  peak(): Promise<number>
  /** Bytes of the body that arrives. */
  arrived(): Promise<number>
  held(): Promise<Held>
  reconcile(): Promise<{ readonly moved: number; readonly failed: readonly unknown[] }>
  /** How many changes wait. */
  pending(): Promise<number>
  stop(): Promise<void>
}

export async function startServer(settings: Settings): Promise<UploadServer> {
  const script = fileURLToPath(new URL('./child.ts', import.meta.url))
  const execArgv = ['--expose-gc', '--no-warnings', '--import', 'tsx']
  const child = fork(script, [JSON.stringify(settings)], { execArgv })
  const exited = once(child, 'exit')
  const ended = exited.then(([code]) => Promise.reject(new Error(`the server ended with ${code}`)))
  ended.catch(() => {})
  const next = async () => (await Promise.race([once(child, 'message'), ended]))[0]
  const ask = async (question: Question) => {
    child.send(question)
    return (await next()).answer
  }
  const { port } = await next()
  return {
    url: `http://127.0.0.1:${port}`,
    idle: () => ask('idle'),
    peak: () => ask('peak'),
    arrived: () => ask('arrived'),
    held: () => ask('held'),
    reconcile: () => ask('reconcile'),
    pending: () => ask('pending'),
    stop: async () => {
      child.send('stop')
      // One that waits for what never comes must not hold up the rest.
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await exited
      clearTimeout(timer)
    },
  }
}
