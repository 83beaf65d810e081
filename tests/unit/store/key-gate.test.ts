import { expect, test } from 'vitest'
import { KeyGate } from '../../../src/store/key-gate.js'

function deferred() {
  let resolve: () => void = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

const settle = () => new Promise((resolve) => setImmediate(resolve))

test('shared work goes on side by side; exclusive work gives up beside it', async () => {
  const gate = new KeyGate()
  const [a, b] = [deferred(), deferred()]
  const log: string[] = []
  const one = gate.shared('k', () => a.promise.then(() => log.push('a')))
  const two = gate.shared('k', () => b.promise.then(() => log.push('b')))
  expect(await gate.exclusive('k', async () => log.push('never'))).toBeUndefined()
  expect(await gate.exclusive('other', async () => 7)).toEqual({ value: 7 })
  b.resolve()
  await two
  a.resolve()
  await one
  expect(log).toEqual(['b', 'a'])
  expect(await gate.exclusive('k', async () => 'now')).toEqual({ value: 'now' })
})

test('everything waits for exclusive work, one exclusive after the other, also after a failure', async () => {
  const gate = new KeyGate()
  const hold = deferred()
  const log: string[] = []
  let inside = 0
  const alone = (name: string, wait: Promise<void>) =>
    gate.exclusive('k', async () => {
      expect(++inside).toBe(1)
      await wait
      inside--
      log.push(name)
      if (name === 'first') throw new Error('first')
    })
  const first = alone('first', hold.promise).catch((error) => error.message)
  const second = alone('second', Promise.resolve())
  const shared = gate.shared('k', async () => {
    log.push('shared')
    expect(inside).toBe(0)
  })
  await settle()
  expect(log).toEqual([])
  hold.resolve()
  expect(await first).toBe('first')
  await Promise.all([second, shared])
  expect(log.sort()).toEqual(['first', 'second', 'shared'].sort())
})
