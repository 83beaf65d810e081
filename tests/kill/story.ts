import type { Oracle } from './oracle.js'
import type { Begun, Ended, Said } from './protocol.js'

/** What was counted while stories were read. */
export interface Tally {
  acknowledged: number
  pending: number
  reads: number
  /** Rejections by code. */
  readonly errors: Map<string, number>
}

export const newTally = (): Tally => ({ acknowledged: 0, pending: 0, reads: 0, errors: new Map() })

/** What an outage may answer. Anything else is a defect. */
const OUTAGE = ['UNAVAILABLE', 'TIMEOUT']

/**
 * Takes what processes said into the oracle, and answers what in it must not be. Changes come first and all together:
 * what was read is judged by what is known of all of them.
 */
export function readStories(
  stories: readonly (readonly Said[])[],
  oracle: Oracle,
  tally: Tally,
  name: string,
): string[] {
  const violations: string[] = []
  const begun = new Map<string, Begun>()
  const lastPut = new Map<string, number>()
  const told = stories
    .flatMap((said, who) => said.map((one) => ({ one, who: `${name}.${who}` })))
    .sort((a, b) => timeOf(a.one) - timeOf(b.one))
  const reads: { readonly asked: Begun; readonly ended: Ended }[] = []
  for (const { one, who } of told) {
    if (one.say === 'violation') violations.push(`${who}: ${one.text}`)
    if (one.say === 'begin') {
      const id = `${who}.${one.id}`
      begun.set(id, one)
      beginChange(oracle, lastPut, id, one)
    }
    if (one.say !== 'end') continue
    const id = `${who}.${one.id}`
    const asked = begun.get(id)
    if (asked === undefined) throw new Error(`${id} ended and never began`)
    if (one.error !== undefined) violations.push(...refused(oracle, tally, id, asked, one))
    else if (asked.op === 'read') reads.push({ asked, ended: one })
    else {
      tally.acknowledged++
      if (one.pendingFor !== undefined) tally.pending++
      oracle.acknowledge(id, one.t, one.pendingFor === undefined ? '' : ' waiting')
    }
  }
  for (const { asked, ended } of reads) {
    tally.reads++
    const { key = '', t: begin, alias } = asked
    const problem = oracle.problem({ key, seq: ended.seq ?? null, begin, end: ended.t })
    if (problem) violations.push(`read of ${alias}: ${problem}`)
  }
  return violations
}

function timeOf(said: Said): number {
  return 't' in said ? said.t : 0
}

function beginChange(oracle: Oracle, lastPut: Map<string, number>, id: string, begun: Begun): void {
  const { op, key = '', to = '', seq, t, alias = '', driver = '' } = begun
  if (op === 'put' && seq !== undefined) {
    oracle.begin(id, key, seq, t, `put ${driver}`)
    lastPut.set(key, seq)
  }
  if (op === 'delete') oracle.begin(id, key, null, t, `delete ${alias}`)
  if (op !== 'move') return
  // Whoever moves a key has written it before, and has it to himself.
  const moved = lastPut.get(key)
  if (moved === undefined) throw new Error(`a move of ${key}, which nobody has put`)
  oracle.begin(id, to, moved, t, 'moved here')
  oracle.begin(id, key, null, t, 'moved away')
}

function refused(oracle: Oracle, tally: Tally, id: string, asked: Begun, ended: Ended): string[] {
  const { error = '', outcome, message } = ended
  tally.errors.set(`${asked.op} ${error}`, (tally.errors.get(`${asked.op} ${error}`) ?? 0) + 1)
  oracle.refuse(id, outcome === 'unchanged')
  if (OUTAGE.includes(error)) return []
  return [`${asked.op} of ${asked.key ?? 'all'} was rejected: ${error} ${outcome ?? ''} ${message ?? ''}`]
}
