import { describe, expect, test } from 'vitest'
import { type ChangeDecision, decide, type RemoteVersion } from '../../../src/outbox/index.js'
import type { OutboxBase } from '../../../src/outbox/types.js'

const REMOTE = new Date('2026-11-24T10:00:05.000Z')

/** When the driver's clock was heard of last before the change, beside the remote version's own time. */
const heard = {
  never: undefined,
  before: new Date('2026-11-24T10:00:04.999Z'),
  'in the same second': new Date('2026-11-24T10:00:05.999Z'),
  after: new Date('2026-11-24T10:00:06.000Z'),
}
const bases: Record<string, OutboxBase> = {
  unknown: 'unknown',
  absent: 'absent',
  'this version': { etag: 'r' },
  'another version': { etag: 'x' },
}

interface Case {
  readonly operation: 'put' | 'delete'
  readonly base: keyof typeof bases
  readonly seen: keyof typeof heard
  readonly writer: RemoteVersion['writer']
  readonly same: boolean
}

const operations = ['put', 'delete'] as const
const cases: Case[] = operations.flatMap((operation) =>
  Object.keys(bases).flatMap((base) =>
    (Object.keys(heard) as Case['seen'][]).flatMap((seen) =>
      (['itself', 'ours', 'foreign'] as const).flatMap((writer) =>
        [true, false].map((same) => ({ operation, base, seen, writer, same })),
      ),
    ),
  ),
)

/** The table, row by row; the first that fits counts. */
const rows: readonly [what: string, fits: (one: Case) => boolean, expected: ChangeDecision['do']][] = [
  ['the change is there already', ({ writer }) => writer === 'itself', 'nothing'],
  ['what is there is what the put would bring', ({ operation, same }) => operation === 'put' && same, 'nothing'],
  ['an earlier write through the same outbox', ({ writer }) => writer === 'ours', 'replace'],
  ['the version that the change was based on', ({ base }) => base === 'this version', 'replace'],
  [
    'nothing is known of the base, and the driver had it before the change',
    ({ base, seen }) => base === 'unknown' && seen === 'after',
    'replace',
  ],
  ['everything else', () => true, 'conflict'],
]

describe('what is done with a waiting change', () => {
  test.each(rows)('%s', (what, _, expected) => {
    const mine = cases.filter((one) => rows.find(([, fits]) => fits(one))?.[0] === what)
    expect(mine.length).toBeGreaterThan(0)
    for (const one of mine) {
      const { operation, base, seen, writer, same } = one
      const change = { operation, base: bases[base] as OutboxBase, seen: heard[seen] }
      const decision = decide(change, { etag: 'r', lastModified: REMOTE, writer, same })
      expect([one, decision]).toEqual([one, expected === 'nothing' ? { do: expected } : { do: expected, etag: 'r' }])
    }
  })

  test('where the driver has nothing: a put creates, a delete is done', () => {
    for (const [name, base] of Object.entries(bases)) {
      for (const seen of Object.values(heard)) {
        expect(decide({ operation: 'delete', base, seen }, undefined)).toEqual({ do: 'nothing' })
        const missed = name.endsWith('version') ? { missed: true } : {}
        expect(decide({ operation: 'put', base, seen }, undefined)).toEqual({ do: 'create', ...missed })
      }
    }
  })

  test('all 192 cases are in the table once', () => {
    expect(cases).toHaveLength(192)
  })
})
