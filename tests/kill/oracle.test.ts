import { describe, expect, test } from 'vitest'
import { makeBody, readBody } from './bodies.js'
import { Oracle } from './oracle.js'

/** A put of `seq` that lasts from `begin` to `end`; without an end it was never acknowledged. */
function change(oracle: Oracle, seq: number | null, begin: number, end?: number): string {
  const id = `${seq}@${begin}`
  oracle.begin(id, 'k', seq, begin)
  if (end !== undefined) oracle.acknowledge(id, end)
  return id
}

const sees = (oracle: Oracle, seq: number | null, begin: number, end = begin) => {
  return oracle.problem({ key: 'k', seq, begin, end }) === undefined
}

describe('the oracle', () => {
  test('takes the change last acknowledged and nothing older', () => {
    const oracle = new Oracle()
    change(oracle, 1, 10, 20)
    change(oracle, 2, 30, 40)
    expect([sees(oracle, 2, 50), sees(oracle, 1, 50), sees(oracle, null, 50)]).toEqual([true, false, false])
    expect([sees(oracle, 1, 25), sees(oracle, 2, 25), sees(oracle, null, 25)]).toEqual([true, false, false])
  })

  test('takes either side of a change under way, and what it became until something newer is acknowledged', () => {
    const oracle = new Oracle()
    change(oracle, 1, 10, 20)
    change(oracle, 2, 30)
    expect([sees(oracle, 1, 50), sees(oracle, 2, 50), sees(oracle, 2, 15, 25)]).toEqual([true, true, false])
    oracle.settle(60)
    expect([sees(oracle, 1, 70), sees(oracle, 2, 70)]).toEqual([true, true])
    change(oracle, 3, 80, 90)
    expect([sees(oracle, 1, 100), sees(oracle, 2, 100), sees(oracle, 3, 100)]).toEqual([false, false, true])
  })

  test('takes changes that overlap in either order, but a delete as any other', () => {
    const oracle = new Oracle()
    change(oracle, 1, 10, 30)
    change(oracle, 2, 20, 40)
    expect([sees(oracle, 1, 50), sees(oracle, 2, 50), sees(oracle, null, 50)]).toEqual([true, true, false])
    change(oracle, null, 60, 70)
    expect([sees(oracle, 1, 80), sees(oracle, 2, 80), sees(oracle, null, 80)]).toEqual([false, false, true])
  })

  test('never takes what was refused as unchanged, nor what was never written', () => {
    const oracle = new Oracle()
    change(oracle, 1, 10, 20)
    oracle.refuse(change(oracle, 2, 30), true)
    oracle.refuse(change(oracle, 3, 30), false)
    expect([sees(oracle, 1, 50), sees(oracle, 2, 50), sees(oracle, 3, 50)]).toEqual([true, false, true])
    expect(sees(oracle, 99, 50)).toBe(false)
  })

  test('takes nothing back once all have agreed', () => {
    const oracle = new Oracle()
    change(oracle, 1, 10, 20)
    change(oracle, 2, 30)
    oracle.settle(40)
    oracle.fix('k', 1, 50)
    expect([sees(oracle, 1, 60), sees(oracle, 2, 60)]).toEqual([true, false])
    oracle.fix('k', null, 70)
    expect([sees(oracle, 1, 80), sees(oracle, null, 80)]).toEqual([false, true])
  })
})

test('a body tells when it is torn, cut, or mixed with another', () => {
  const body = makeBody('ü', 7, 5000)
  expect(readBody(body)).toEqual({ key: 'ü', seq: 7 })
  expect(() => readBody(body.subarray(0, 4999))).toThrow('4999 bytes')
  expect(() => readBody(Buffer.concat([body.subarray(0, 2500), makeBody('ü', 8, 5000).subarray(2500)]))).toThrow('torn')
  expect(() => readBody(Buffer.alloc(5000))).toThrow('does not say what it is')
})
