import type { TestProject } from 'vitest/node'
import { type RunningS3, type S3Settings, startS3 } from './s3.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The S3 server that this whole run shares: `inject('s3')`. */
    s3: S3Settings
  }
}

let running: RunningS3 | undefined

/** One S3 server for the whole run. It also ends when vitest is killed: its input is a pipe that vitest holds. */
export async function setup(project: TestProject): Promise<void> {
  running = await startS3()
  const { stop: _, ...settings } = running
  project.provide('s3', settings)
}

export async function teardown(): Promise<void> {
  await running?.stop()
  running = undefined
}
