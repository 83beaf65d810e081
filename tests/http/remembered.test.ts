import { expect, test } from 'vitest'
import { remembered } from '../../src/http/remembered.js'

test('answers the same text once, and forgets all of them rather than grow', () => {
  const asked: string[] = []
  const upper = remembered(2, (text) => {
    asked.push(text)
    return text.toUpperCase()
  })
  expect(['a', 'a', 'b', 'a'].map(upper)).toEqual(['A', 'A', 'B', 'A'])
  expect(asked).toEqual(['a', 'b'])
  expect(['c', 'a', 'c'].map(upper)).toEqual(['C', 'A', 'C'])
  expect(asked).toEqual(['a', 'b', 'c', 'a'])
})

test('keeps no text that somebody made long', () => {
  let asked = 0
  const length = remembered(2, (text) => {
    asked++
    return text.length
  })
  const long = 'x'.repeat(1000)
  expect([long, long].map(length)).toEqual([1000, 1000])
  expect(asked).toBe(2)
})
