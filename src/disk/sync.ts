import type { DiskHandle } from './port.js'

/** Threads that Node's file calls share with DNS and compression. */
const THREADS = Number(process.env.UV_THREADPOOL_SIZE) || 4
/** Fsyncs at a time in this process. They are slow, and must leave threads for everything else. */
const SLOTS = Math.max(1, THREADS - 2)

let free = SLOTS
const waiting: (() => void)[] = []

/** Fsync, with so few of them at a time that a slow disk holds up neither reads nor name lookups. Never retried. */
export async function syncHandle(handle: Pick<DiskHandle, 'sync'>): Promise<void> {
  if (free > 0) free--
  else await new Promise<void>((resolve) => waiting.push(resolve))
  try {
    await handle.sync()
  } finally {
    const next = waiting.shift()
    if (next) next()
    else free++
  }
}
