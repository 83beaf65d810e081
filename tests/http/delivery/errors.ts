import { expect } from 'vitest'
import type { Case } from './case.js'

const routes = ['content', 'download', 'view'] as const

export const errors: readonly Case[] = [
  ...routes.map(
    (route): Case => ({
      name: `a missing file of /${route}: 404 that names neither key nor place`,
      route,
      file: 'missing.txt',
      status: 404,
      check: ({ body }) => {
        const problem = JSON.parse(body.toString())
        expect(problem).toEqual({
          type: 'about:blank',
          title: 'Not Found',
          status: 404,
          detail: expect.any(String),
          code: 'NOT_FOUND',
        })
      },
    }),
  ),
  {
    name: 'a missing file, a client that takes no JSON: 404 all the same (15.5.7)',
    file: 'missing.txt',
    send: { accept: 'image/png' },
    status: 404,
  },
  {
    name: 'a broken request field beside good ones: 200',
    send: { 'if-match': '*', 'if-none-match': '"\\"', 'if-modified-since': '\xff\xfe', range: '\t', 'if-range': '"' },
    status: 200,
  },
  {
    name: 'a very long If-None-Match: 200',
    send: { 'if-none-match': `${'"'.repeat(6000)}` },
    status: 200,
  },
  {
    name: 'a very long If-Match of commas: 412',
    send: { 'if-match': ','.repeat(6000) },
    status: 412,
  },
]
