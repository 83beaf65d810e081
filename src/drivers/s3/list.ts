import { bareEtag, checkListOptions, type ListEntry, type ListOptions } from '../../driver/index.js'
import { StorageError } from '../../errors/index.js'
import { compareKeys, keyProblem } from '../../keys/index.js'
import type { Connection } from './connection.js'
import { isInternalName } from './internal-names.js'
import type { Commands } from './sdk.js'

type Page = Commands['ListObjectsV2'][1]

/** S3's limit on a page. Servers may send less: only the token says whether there is more. */
const PAGE = 1000

/** Blobs and rolled-up prefixes in UTF-8 byte order, page by page. */
export async function* list(s3: Connection, options: ListOptions = {}): AsyncGenerator<ListEntry, void> {
  checkListOptions(options)
  const { prefix = '', delimiter, startAfter, limit = Number.POSITIVE_INFINITY, signal } = options
  for (const text of [prefix, delimiter ?? '', startAfter ?? '']) {
    if (!text.isWellFormed()) throw invalid('prefix, delimiter or startAfter holds a lone surrogate')
  }
  const { settings } = s3
  let left = limit
  let last: string | undefined
  let token: string | undefined
  while (left > 0) {
    s3.assertOpen()
    const page = await s3.send(
      'ListObjectsV2',
      {
        Bucket: settings.bucket,
        EncodingType: 'url',
        MaxKeys: Math.min(PAGE, left),
        ...(settings.prefix + prefix === '' ? {} : { Prefix: settings.prefix + prefix }),
        ...(delimiter ? { Delimiter: delimiter } : {}),
        ...(startAfter ? { StartAfter: settings.prefix + startAfter } : {}),
        ...(token === undefined ? {} : { ContinuationToken: token }),
      },
      { operation: 'list', signal },
    )
    for (const entry of entriesOf(s3, page)) {
      const name = nameOf(entry)
      if (last !== undefined && compareKeys(name, last) <= 0) throw outOfOrder()
      last = name
      if (startAfter !== undefined && compareKeys(name, startAfter) <= 0) continue
      if (signal?.aborted)
        throw new StorageError('ABORTED', 'The list was aborted.', { ...facts, cause: signal.reason })
      yield entry
      if (--left <= 0) return
    }
    if (!page.IsTruncated) return
    if (!page.NextContinuationToken || page.NextContinuationToken === token) {
      throw new StorageError('UNAVAILABLE', 'S3 announced another page of the list and gave no way to it.', facts)
    }
    token = page.NextContinuationToken
  }
}

/** A page's entries in byte order: S3 sends keys and prefixes apart, and some look-alikes sort by UTF-16 units. */
function entriesOf(s3: Connection, page: Page): ListEntry[] {
  const { prefix, onSkippedKey } = s3.settings
  const encoded = page.EncodingType === 'url'
  const entries: ListEntry[] = []
  const skip = (key: string, problem: string) => {
    if (!isInternalName(key)) onSkippedKey?.({ key, problem })
  }
  for (const { Key = '', Size = 0, ETag = '', LastModified = new Date(0) } of page.Contents ?? []) {
    const full = encoded ? decode(Key) : Key
    if (full === undefined) skip(Key, 'is no UTF-8')
    if (full === undefined || !full.startsWith(prefix)) continue
    const key = full.slice(prefix.length)
    const problem = keyProblem(key)
    if (problem === undefined)
      entries.push({ type: 'blob', key, size: Size, etag: bareEtag(ETag), lastModified: wholeSeconds(LastModified) })
    else skip(key, problem)
  }
  for (const { Prefix = '' } of page.CommonPrefixes ?? []) {
    const full = encoded ? decode(Prefix) : Prefix
    if (full === undefined || !full.startsWith(prefix)) continue
    const rolledUp = full.slice(prefix.length)
    // Some legal key must be able to begin like this.
    const problem = keyProblem(`${rolledUp}x`)
    if (problem === undefined) entries.push({ type: 'prefix', prefix: rolledUp })
    else skip(rolledUp, problem)
  }
  return entries.sort((a, b) => compareKeys(nameOf(a), nameOf(b)))
}

/** As `head` says it: a header has no fractions, where Ceph's lists have. */
function wholeSeconds(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000)
}

function nameOf(entry: ListEntry): string {
  return entry.type === 'blob' ? entry.key : entry.prefix
}

/** `encoding-type=url` carries the characters that XML cannot. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

const facts = { operation: 'list', driver: 's3' } as const

function outOfOrder(): StorageError {
  return new StorageError('NOT_SUPPORTED', 'The endpoint does not list in UTF-8 byte order over several pages.', {
    ...facts,
    hint: 'Some stand-ins for S3 sort by UTF-16 units, and directory buckets not at all: use another server or bucket.',
  })
}

function invalid(problem: string): StorageError {
  return new StorageError('INVALID_ARGUMENT', `list: ${problem}.`, facts)
}
