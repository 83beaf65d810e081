import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { AnswerBody } from './direct/answer-body.js'

/** The body of GetObject's answer: a stream of the SDK's, or one that arrives directly. */
export type AnsweredBody = Readable | AnswerBody

/** Gives up a body that nobody is going to read. */
export async function releaseBody(body: AnsweredBody | undefined): Promise<void> {
  if (body === undefined) return
  if (body instanceof AnswerBody) return body.release()
  body.destroy()
  // A failure of the source is no failure of giving it up.
  await finished(body).catch(() => {})
}
