import { readdir } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { INTERNAL_DIRECTORY, isInternal, parseInternalName } from '../../src/drivers/fs/internal-names.js'
import { openFiles } from '../../src/testing/index.js'
import type { TestBucket } from '../servers/bucket.js'

/**
 * What an FsDriver made for itself under `root/prefix` and did not remove: staging files, locks, attribute records where
 * no blob is left, and files there that this process has open. For the whole root also bodies and records of its outbox.
 */
export async function diskLeaks(root: string, prefix: string): Promise<string[]> {
  const folder = join(root, prefix)
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const inUse = new Set(entries.filter((one) => one.isFile() && !isInternal(one.name)).map((one) => one.parentPath))
  const outbox = `${sep}${INTERNAL_DIRECTORY}${sep}`
  const left = entries.filter((one) => {
    if (one.isFile() && one.parentPath.includes(outbox)) return /[/\\](bodies|records)$/.test(one.parentPath)
    if (!isInternal(one.name) || one.name === INTERNAL_DIRECTORY) return false
    return parseInternalName(one.name).kind !== 'record' || !inUse.has(one.parentPath)
  })
  const open = (await openFiles()).filter((path) => path.startsWith(folder) && !path.includes(outbox))
  return [...left.map(({ parentPath, name }) => join(parentPath, name)), ...open.map((path) => `open ${path}`)]
}

/** Multipart uploads under `prefix` that were neither completed nor aborted. */
export async function uploadLeaks(bucket: TestBucket, prefix: string): Promise<string[]> {
  const command = new ListMultipartUploadsCommand({ Bucket: bucket.name, Prefix: prefix })
  const { Uploads = [] } = await bucket.client.send(command)
  return Uploads.map(({ Key }) => `open multipart upload of ${Key}`)
}
