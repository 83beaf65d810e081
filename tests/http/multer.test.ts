import { describe, expect, test } from 'vitest'
import { hybridStorage } from '../../src/adapters/multer/index.js'
import { filePart, form, valuePart } from './form.js'
import { cases, folderOf, type Given, serveMulter, world } from './multer/support.js'

describe.each(cases)('multer on %s, files to %s', (version, backend) => {
  const folder = folderOf([version, backend])
  const serve = (given?: Given) => serveMulter([version, backend], given)
  let count = 0
  const freshKey = () => `${folder}${++count}.bin`

  test('stores what comes, and tells where and what it is', async () => {
    const { post } = await serve()
    const { status, files, fields } = await post(
      form(valuePart('title', 'Grüße'), filePart('file', 'März 1.pdf', 'bytes', 'application/pdf')),
    )
    expect([status, fields]).toEqual([200, { title: 'Grüße' }])
    const [file] = files
    expect(file).toMatchObject({
      fieldname: 'file',
      originalname: 'März 1.pdf',
      key: expect.stringMatching(new RegExp(`^${folder}März 1-[0-9a-z]{13}\\.pdf$`)),
      size: 5,
      driver: backend,
      mimetype: 'application/pdf',
    })
    const blob = await world.store.head(file?.path ?? '')
    expect([blob.key, blob.etag, blob.contentType]).toEqual([file?.key, file?.etag, 'application/pdf'])
    expect(await (await world.store.get(blob.path)).text()).toBe('bytes')
    if (backend === 's3') expect(file?.location).toMatch(/^http:\/\/.*M%C3%A4rz%201-/)
    else expect(file).not.toHaveProperty('location')
  })

  test('an empty file, and two of one name', async () => {
    const { post } = await serve()
    const { files } = await post(form(filePart('file', 'a.txt', ''), filePart('file', 'a.txt', 'second')))
    expect(files.map(({ size }) => size)).toEqual([0, 6])
    expect(new Set(files.map(({ key }) => key)).size).toBe(2)
  })

  test('many files of one request, without a warning of too many listeners', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', onWarning)
    try {
      const { post } = await serve()
      const parts = Array.from({ length: 20 }, (_, at) => filePart('file', `${at}.txt`, `${at}`))
      expect((await post(form(...parts))).files).toHaveLength(20)
    } finally {
      process.off('warning', onWarning)
    }
    expect(warnings.filter(({ name }) => name === 'MaxListenersExceededWarning')).toEqual([])
  })

  test('key, type and metadata may come from the request; kinds and conditions go through', async () => {
    const key = freshKey()
    const { post, failures } = await serve({
      key: async ({ req, file }) => `${key}.${req.headers.host?.length}.${file.field}`,
      contentType: ({ file }) => (file.contentType === 'text/html' ? 'text/plain' : file.contentType),
      metadata: ({ file }) => ({ name: file.name }),
      ifNoneMatch: '*',
    })
    const { files } = await post(form(filePart('file', '../../x.html', '<b>', 'text/html')))
    const { contentType, metadata } = await world.store.head(files[0]?.path ?? '')
    expect([contentType, metadata]).toEqual(['text/plain', { name: 'x.html' }])
    expect(files[0]?.mimetype).toBe('text/plain')
    expect(await post(form(filePart('file', 'x', 'again')))).toMatchObject({ status: 412, code: 'ALREADY_EXISTS' })
    expect(failures).toHaveLength(1)
    expect(await (await world.store.get(files[0]?.path ?? '')).text()).toBe('<b>')
  })

  test.each([
    ['résumé 日本.pdf', 'utf8 by multer', { defParamCharset: 'utf8' }],
    ['résumé 日本.pdf', 'latin1 by multer', {}],
    ['Ã©.txt', 'utf8 by multer', { defParamCharset: 'utf8' }],
  ] as const)('the name %s, read as %s', async (name, _, { defParamCharset }: { defParamCharset?: 'utf8' }) => {
    const { post } = await serve({ defParamCharset, multer: { defParamCharset } })
    const { files } = await post(form(filePart('file', name, 'x')))
    expect(files[0]?.originalname).toBe(name)
    expect(files[0]?.key).toContain(name.slice(0, -4))
  })

  test('a name out of filename* is read once, and is as harmless as any', async () => {
    const { post } = await serve()
    const disposition = `name="file"; filename="a.txt"; filename*=UTF-8''..%2F%C3%BC%E2%82%AC%0D%0A.txt`
    const { files } = await post(form({ disposition, type: 'text/plain', body: 'x' }))
    expect(files[0]?.key).toMatch(new RegExp(`^${folder}ü€-[0-9a-z]{13}\\.txt$`))
  })
})

test('without a key it is refused when it is made', () => {
  expect(() => hybridStorage(world.store, {} as never)).toThrow(expect.objectContaining({ code: 'CONFIGURATION' }))
})
