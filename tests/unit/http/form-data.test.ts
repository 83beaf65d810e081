import { describe, expect, test } from 'vitest'
import { parseFormData } from '../../../src/http/upload/multipart/form-data.js'

/** So many that a pattern with two places for them is at it for half a minute; one with one, for milliseconds. */
const blanks = ' '.repeat(150_000)

describe('the Content-Disposition of a part', () => {
  test.each([
    ['before a parameter', `form-data${blanks}; name="a"; filename="b"`],
    ['behind a value', `form-data; name="a"${blanks}; filename="b"`],
    ['before a name', `form-data; name="a";${blanks}filename="b"`],
    ['before the equals sign', `form-data; name="a"; filename${blanks}="b"`],
    ['behind the equals sign', `form-data; name="a"; filename=${blanks}"b"`],
    ['at the end', `form-data; name="a"; filename="b"${blanks}`],
    ['behind the last semicolon', `form-data; name="a"; filename="b";${blanks}`],
  ])('a run of blanks %s is read in linear time', { timeout: 3000 }, (_, disposition) => {
    expect(parseFormData(disposition)).toEqual({ field: 'a', filename: 'b' })
  })
})
