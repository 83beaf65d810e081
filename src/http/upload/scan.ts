import { PassThrough, type Readable } from 'node:stream'
import { MAX_TIMEOUT } from '../../driver/index.js'
import { StorageError } from '../../errors/index.js'
import { notAccepted } from './refusals.js'

/** What a scanner is asked. */
export interface ScanInput {
  /** The bytes of the file, as they arrive. It may be left before its end. */
  readonly stream: Readable
  /** Aborted when the upload has failed for another reason. */
  readonly signal: AbortSignal
}

/**
 * The same bytes, read by a scanner as well, as fast as both take them. The end is held back until the scanner has let the
 * file in, and a failure comes instead where it has not: whoever publishes only what has ended never shows a file that
 * was not looked at.
 */
export async function* scanned(
  body: AsyncGenerator<Uint8Array, void, undefined>,
  scanner: (input: ScanInput) => boolean | Promise<boolean>,
  timeout: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const copy = new PassThrough()
  const over = new AbortController()
  copy.on('error', () => {})
  const verdict = judge(scanner, copy, over.signal)
  // It may be known while nobody waits for it.
  verdict.catch(() => {})
  try {
    for await (const chunk of body) {
      // A copy: it may hand its bytes to a worker, or write to them.
      if (!copy.destroyed && !copy.write(Buffer.from(chunk)))
        await within(timeout, Promise.race([verdict, taken(copy)]))
      yield chunk
    }
    copy.end()
    await within(timeout, verdict)
  } finally {
    over.abort()
    copy.destroy()
  }
}

async function judge(
  scanner: (input: ScanInput) => boolean | Promise<boolean>,
  copy: PassThrough,
  signal: AbortSignal,
): Promise<void> {
  try {
    if ((await scanner({ stream: copy, signal })) !== true) throw notAccepted('the scanner does not let it in')
  } finally {
    // What it has not read it does not want: the rest goes past it.
    copy.destroy()
  }
}

/** Once the scanner has read what it has, or has left. */
function taken(copy: PassThrough): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      copy.off('drain', done)
      copy.off('close', done)
      resolve()
    }
    copy.on('drain', done)
    copy.on('close', done)
  })
}

async function within(timeout: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    if (timeout > 0) timer = setTimeout(() => reject(tooSlow(timeout)), Math.min(timeout, MAX_TIMEOUT))
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function tooSlow(timeout: number): StorageError {
  return new StorageError('TIMEOUT', `The scanner neither took bytes nor answered for ${timeout} ms.`, {
    operation: 'upload',
    outcome: 'unchanged',
    hint: 'Raise limits.scan, or see what holds the scanner up.',
  })
}
