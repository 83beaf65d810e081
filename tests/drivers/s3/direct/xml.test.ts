import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseXml, textOf } from '../../../../src/drivers/s3/direct/xml.js'

test('elements, text and nesting', () => {
  const root = parseXml(
    '<?xml version="1.0" encoding="UTF-8"?>\n<!-- a > b --><List xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
      '<Contents><Key>a</Key><Size>1</Size></Contents><Contents><Key>b</Key></Contents><Empty/><Also a="1" /></List>\n',
  )
  expect(root.name).toBe('List')
  expect(root.children.map(({ name }) => name)).toEqual(['Contents', 'Contents', 'Empty', 'Also'])
  expect(root.children.map((child) => textOf(child, 'Key'))).toEqual(['a', 'b', undefined, undefined])
})

test('entities and CDATA, and what is neither', () => {
  const text = (inner: string) => parseXml(`<a>${inner}</a>`).text
  expect(text('&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;')).toBe('<>&"\'A😀')
  expect(text('&amp;lt;')).toBe('&lt;')
  expect(text('<![CDATA[<b>&amp;]]>')).toBe('<b>&amp;')
  expect(text('&unknown; &#x110000;')).toBe('&unknown; &#x110000;')
})

test('any text comes back', () => {
  const escaped = (text: string) => text.replace(/[<>&]/g, (char) => `&#${char.charCodeAt(0)};`)
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(parseXml(`<r><a>${escaped(text)}</a></r>`).children[0]?.text).toBe(text)
    }),
  )
})

describe('refused', () => {
  test.each([
    ['', 'nothing'],
    ['plain', 'text'],
    ['<a>', 'an element that does not end'],
    ['<a><b></a></b>', 'crossed elements'],
    ['</a>', 'an end alone'],
    ['<a', 'a tag that does not end'],
    ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 'a DOCTYPE'],
    ['<a><![CDATA[x</a>', 'CDATA that does not end'],
  ])('%s', (document) => {
    expect(() => parseXml(document)).toThrow(SyntaxError)
  })
})

test('a megabyte of open tags takes no stack', () => {
  expect(() => parseXml('<a>'.repeat(350_000))).toThrow(SyntaxError)
})
