// What is measured, of whom, and what is to be reached.
import { join } from 'node:path'
import { fsSubjects } from './fs-subjects.mjs'

import { s3Subjects } from './s3-subjects.mjs'

const MiB = 1 << 20
const LARGE = 256 * MiB
/** Keys of a list; the server's own number. */
const LISTED = 100_000

const smallWork = (work) => ({ work, rounds: 7, warm: 8000, count: 1500, width: 16 })
const largeWork = (work) => ({ work, rounds: 5, warm: 1, count: 1, width: 1, size: LARGE })

/** Calls in each of `rounds`, so many at a time; `warm` of them before, since V8 has not compiled yet what runs first. */
export const WORKS = {
  put: smallWork('put 1 KiB'),
  get: smallWork('get 1 KiB'),
  head: smallWork('head'),
  delete: smallWork('delete'),
  putStream: largeWork('put stream'),
  getStream: largeWork('get stream'),
  list: { work: 'list', rounds: 5, warm: 2, count: 1, width: 1, size: LISTED, keys: LISTED },
}

const SDK_BASED = ['aws-sdk', 'aws-sdk, checksums when required', 'flydrive', 'files-sdk']
const STORE = 'hybrid-store, HybridStore'
const S3 = 'hybrid-store, S3Driver'
const FS = 'hybrid-store, FsDriver'

const titleOf = (work) => `S3, ${work}, 1 KiB, 16 at a time`

const smallGoals = [
  ...SDK_BASED.map((theirs) => ({ ours: STORE, theirs, of: 'cpu', most: 0.25 })),
  { ours: STORE, theirs: 'minio-js', of: 'cpu', most: 0.7 },
  { ours: STORE, theirs: S3, of: 'cpu', most: 1.05 },
]

const largeGoals = [
  { ours: S3, theirs: 'aws-sdk', of: 'cpu', most: 0.6 },
  { ours: S3, theirs: 'aws-sdk, checksums when required', of: 'cpu', most: 0.75 },
  { ours: S3, theirs: 'aws-sdk', of: 'rate', least: 1.3 },
]

/** `of: 'rate'` is how much faster ours is in wall time; `cpu` how much of their CPU time it takes. */
export const GOALS = {
  ...Object.fromEntries(['put', 'get', 'head', 'delete'].map((work) => [titleOf(work), smallGoals])),
  'S3, put a stream of 256 MiB': largeGoals,
  'S3, get a stream of 256 MiB': largeGoals,
  'S3, list 100,000 keys': [{ ours: S3, theirs: 'aws-sdk', of: 'cpu', most: 0.5 }],
  'Disk, put, 1 KiB, 16 at a time, no fsync': [
    { ours: FS, theirs: 'files-sdk', of: 'cpu', most: 1 },
    { ours: FS, theirs: 'node:fs', of: 'rate', least: 0.9 },
  ],
  'Disk, put, 1 KiB, 16 at a time, fsync': [{ ours: FS, theirs: 'node:fs', of: 'rate', least: 0.9 }],
  'Disk, get, 1 KiB, 16 at a time': [{ ours: FS, theirs: 'node:fs', of: 'rate', least: 0.9 }],
  'Disk, list 100,000 keys': [{ ours: FS, theirs: 'node:fs', of: 'cpu', most: 1.5 }],
}

/** The first row of a table is what the others are compared with. */
export function tables({ root, nothing }) {
  const s3 = { kind: 's3', settings: () => nothing }
  const all = Object.keys(s3Subjects)
  const signed = all.filter((name) => name !== 'undici, unsigned')
  const small = [STORE, ...all.filter((name) => name !== STORE)]
  const disk = (folder, durability = 'none') => ({
    kind: 'fs',
    subjects: [FS, ...Object.keys(fsSubjects).filter((name) => name !== FS)],
    settings: (subject) => ({ root: join(root, folder, subject.replace(/\W+/g, '-')), durability }),
  })
  return [
    ...['put', 'get', 'head', 'delete'].map((work) => ({ ...s3, title: titleOf(work), of: work, subjects: small })),
    { ...s3, title: 'S3, put a stream of 256 MiB', of: 'putStream', subjects: signed },
    { ...s3, title: 'S3, get a stream of 256 MiB', of: 'getStream', subjects: all },
    { ...s3, title: 'S3, list 100,000 keys', of: 'list', subjects: signed },
    { ...disk('none'), title: 'Disk, put, 1 KiB, 16 at a time, no fsync', of: 'put' },
    { ...disk('none'), title: 'Disk, get, 1 KiB, 16 at a time', of: 'get' },
    {
      ...disk('fsync', 'fsync'),
      subjects: [FS, STORE, 'node:fs'],
      title: 'Disk, put, 1 KiB, 16 at a time, fsync',
      of: 'put',
    },
  ]
}
