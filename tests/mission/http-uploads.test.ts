import { readdir } from 'node:fs/promises'
import { describe, expect } from 'vitest'
import { type Answer, App, frameworks } from './apps.js'
import { missionStore } from './mission-store.js'
import { row } from './rows.js'

const pdf = Buffer.from('%PDF-1.7 the offer')
const offer = 'Angebot für Müller & Söhne.pdf'
const documents = '/projects/7/documents'
const invoice = { number: '2026-17', customer: 'Müller & Söhne (Köln)', cents: 119_00 }

/** A form with these files, by their names. */
function formOf(
  files: Readonly<Record<string, Buffer<ArrayBuffer> | string>>,
  fields: Record<string, string> = {},
): FormData {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  for (const [name, bytes] of Object.entries(files)) {
    form.append('file', new Blob([bytes], { type: typeOf(name) }), name)
  }
  return form
}

function typeOf(name: string): string {
  return name.endsWith('.pdf') ? 'application/pdf' : 'text/plain'
}

interface Told {
  readonly id: number
  readonly milestone_id: number | null
  readonly name: string
  readonly mime_type: string
  readonly size: number
}

function toldOf({ bytes }: Answer): Told[] {
  return JSON.parse(bytes.toString()).documents
}

/** All of an answer that a front end can see, but for dates, the number of the row, and the etag that Express makes of it. */
function seen({ status, headers, bytes }: Answer) {
  const varying = ['date', 'last-modified', 'connection', 'keep-alive']
  const fields = [...headers].filter(([name, value]) => !varying.includes(name) && !value.startsWith('W/'))
  return { status, fields, body: bytes.toString().replace(/"id":\d/g, '"id":0') }
}

describe.each(frameworks)('uploads by project over %s', (framework) => {
  const uploadRow = (name: string, run: () => Promise<void>) => row(`${name} (${framework})`, run)

  async function start() {
    // Without a time of grace what waits goes to S3 with the first reconcile.
    const mission = await missionStore({ grace: 0 })
    const app = await App.start(framework, mission.store)
    return {
      ...mission,
      app,
      /** Whatever of uploads or invoices lies on the disk, the outbox left out. */
      onDisk: async () => (await readdir(mission.root)).filter((name) => name !== '.hybrid-store'),
      pathOf: (id: number) => app.row(id)?.file_path ?? '',
    }
  }

  uploadRow('upload: to S3, under the key of the project, with its row', async () => {
    const { app, bucket, store, onDisk } = await start()
    const answer = await app.upload(documents, formOf({ [offer]: pdf }))
    expect(answer.status).toBe(201)
    const [{ id = 0, ...told } = {}] = toldOf(answer)
    expect(told).toEqual({ milestone_id: null, name: offer, mime_type: 'application/pdf', size: pdf.byteLength })
    const row = app.row(id)
    expect(row).toMatchObject({ project_id: 7, milestone_id: null, name: offer, mime_type: 'application/pdf' })
    expect(row?.file_path).toMatch(/^project_7\/uploads\/Angebot für Müller & Söhne.*\.pdf$/)
    expect([await bucket.keys(), await onDisk()]).toEqual([[row?.file_path], []])
    expect((await store.head(row?.file_path as string)).driver).toBe('s3')
    const content = await app.content(id)
    expect([content.status, content.bytes, content.headers.get('content-type')]).toEqual([200, pdf, 'application/pdf'])
  })

  uploadRow('milestone upload: the row knows its milestone', async () => {
    const { app, bucket, pathOf } = await start()
    const [own, foreign] = [app.addMilestone(7, 'Abnahme'), app.addMilestone(8, 'Start')]
    const answer = await app.upload(`/projects/7/milestones/${own}/documents`, formOf({ 'protocol.txt': 'Mängel' }))
    const [told] = toldOf(answer)
    expect([answer.status, told?.milestone_id, app.row(told?.id ?? 0)?.milestone_id]).toEqual([201, own, own])
    expect(pathOf(told?.id ?? 0)).toMatch(/^project_7\/uploads\/protocol.*\.txt$/)
    for (const milestone of [foreign, 4711]) {
      const target = `/projects/7/milestones/${milestone}/documents`
      expect((await app.upload(target, formOf({ 'a.txt': 'a' }))).status).toBe(404)
    }
    expect([app.rowCount(), await bucket.keys()]).toEqual([1, [pathOf(told?.id ?? 0)]])
  })

  uploadRow('several files at once: a row for each', async () => {
    const { app, bucket, pathOf } = await start()
    const told = toldOf(await app.upload(documents, formOf({ 'a.pdf': pdf, 'b.txt': 'b', 'c.txt': 'c' })))
    expect(told.map(({ name, size }) => [name, size])).toEqual([
      ['a.pdf', pdf.byteLength],
      ['b.txt', 1],
      ['c.txt', 1],
    ])
    expect(await bucket.keys()).toEqual(told.map(({ id }) => pathOf(id)).sort())
  })

  uploadRow('no row, no file', async () => {
    const { app, bucket, store, proxy, onDisk } = await start()
    const form = () => formOf({ 'a.txt': 'a', 'refused.txt': 'b' })
    app.lock('INSERT', 'refused.txt')
    const answers = [await app.upload(documents, form())]
    expect(await bucket.keys()).toEqual([])
    await proxy.down()
    answers.push(await app.upload(documents, form()))
    await proxy.up()
    await store.reconcile()
    for (const { status, headers, bytes } of answers) {
      expect([status, headers.get('content-type')]).toEqual([500, 'application/problem+json'])
      expect(bytes.toString()).not.toMatch(/locked|project_7|sqlite/i)
    }
    expect([app.rowCount(), await bucket.keys(), await onDisk()]).toEqual([0, [], []])
    app.unlock()
    app.lock('INSERT')
    expect((await app.invoice(7, invoice)).status).toBe(500)
    expect((await store.listPage()).entries).toEqual([])
  })

  uploadRow('a document goes to S3, an invoice that is generated stays', async () => {
    const { app, bucket, store, pathOf } = await start()
    const [uploaded] = toldOf(await app.upload(documents, formOf({ 'Rechnung 2026-17.pdf': pdf })))
    const answer = await app.invoice(7, invoice)
    const [generated] = toldOf(answer)
    expect(answer.status).toBe(201)
    expect(Object.keys(generated ?? {})).toEqual(Object.keys(uploaded ?? {}))
    expect(generated).toMatchObject({ name: 'Rechnung 2026-17.pdf', mime_type: 'application/pdf' })
    const paths = [uploaded, generated].map((one) => pathOf(one?.id ?? 0))
    expect(paths[0]).toMatch(/^project_7\/uploads\//)
    expect(paths[1]).toMatch(/^storage\/invoices\/project_7\//)
    expect(await Promise.all(paths.map(async (path) => (await store.head(path)).driver))).toEqual(['s3', 'local'])
    expect(await bucket.keys()).toEqual([paths[0]])
    const { status, bytes, headers } = await app.content(generated?.id ?? 0)
    expect([status, headers.get('content-type'), bytes.byteLength]).toEqual([200, 'application/pdf', generated?.size])
    expect(bytes.toString('latin1')).toMatch(/^%PDF-1\.4.*\(Müller & Söhne \\\(Köln\\\)\) Tj.*\(119\.00 EUR\)/s)
    for (const wrong of [{}, { ...invoice, cents: 1.5 }, { ...invoice, number: 7 }]) {
      expect((await app.invoice(7, wrong)).status).toBe(400)
    }
  })

  uploadRow('an invoice is generated in an outage, too', async () => {
    const { app, proxy, store } = await start()
    await proxy.down()
    const answer = await app.invoice(7, invoice)
    expect(answer.status).toBe(201)
    expect((await app.content(toldOf(answer)[0]?.id ?? 0)).status).toBe(200)
    expect((await store.status()).pending.count).toBe(0)
  })

  uploadRow('upload in an outage: the same answer, the same path, and on S3 after it', async () => {
    const { app, bucket, store, proxy, pathOf, errors } = await start()
    const milestone = app.addMilestone(7, 'Abnahme')
    const targets = [documents, `/projects/7/milestones/${milestone}/documents`]
    const upload = async () => {
      const answers: Answer[] = []
      for (const target of targets) answers.push(await app.upload(target, formOf({ [offer]: pdf, 'b.txt': 'Grüße' })))
      return answers
    }
    const before = await upload()
    await proxy.down()
    const during = await upload()
    expect(during.map(({ status }) => status)).toEqual([201, 201])
    expect(during.map(seen)).toEqual(before.map(seen))
    const ids = during.flatMap(toldOf).map(({ id }) => id)
    const paths = ids.map(pathOf)
    for (const path of paths) expect(path).toMatch(/^project_7\/uploads\//)
    expect(errors().map(({ message }) => message)).toEqual(
      paths.map(() => 'S3 upload failed, falling back to local storage'),
    )
    const read = async () => Promise.all(ids.map(async (id) => seen(await app.content(id))))
    const readDuring = await read()
    expect(readDuring.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(await Promise.all(paths.map(async (path) => (await store.head(path)).pendingFor))).toEqual(
      paths.map(() => 's3'),
    )
    await proxy.up()
    expect(await store.reconcile()).toMatchObject({ moved: 4, remaining: 0 })
    expect(await bucket.keys()).toEqual([...before.flatMap(toldOf).map(({ id }) => pathOf(id)), ...paths].sort())
    expect(ids.map(pathOf)).toEqual(paths)
    expect(await read()).toEqual(readDuring)
  })

  uploadRow('too large: 413 in the words of the application, and nothing of it stored', async () => {
    const { app, bucket, onDisk } = await start()
    const answer = await app.upload(documents, formOf({ 'a.txt': 'a', 'film.bin': Buffer.alloc((20 << 20) + 1) }))
    expect([answer.status, answer.headers.get('content-type')]).toEqual([413, 'application/problem+json'])
    expect(JSON.parse(answer.bytes.toString())).toMatchObject({
      code: 'TOO_LARGE',
      detail: 'Das ist mehr, als erlaubt ist',
    })
    expect([app.rowCount(), await bucket.keys(), await onDisk()]).toEqual([0, [], []])
  })

  uploadRow('nobody uploads to what is not theirs', async () => {
    const { app, bucket } = await start()
    const ben = { authorization: 'Bearer token-of-ben' }
    const milestone = app.addMilestone(7, 'Abnahme')
    for (const target of [documents, `/projects/7/milestones/${milestone}/documents`, '/projects/9/documents']) {
      const form = () => formOf({ 'a.txt': 'a' })
      expect((await app.upload(target, form(), { authorization: '' })).status).toBe(401)
      expect((await app.upload(target, form(), ben)).status).toBe(404)
    }
    const json = { 'content-type': 'application/json' }
    expect((await app.ask('/projects/7/invoices', { ...json, ...ben }, 'POST', JSON.stringify(invoice))).status).toBe(
      404,
    )
    const elsewhere = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
    expect((await app.upload(documents, formOf({ 'a.txt': 'a' }), elsewhere)).status).toBe(403)
    expect([app.rowCount(), await bucket.keys()]).toEqual([0, []])
  })
})

describe('the ready-made upload over Express', () => {
  row('upload by a form that names its project (Express, ready-made)', async () => {
    const { store, bucket } = await missionStore()
    const app = await App.start('Express', store)
    const answer = await app.upload('/files/upload', formOf({ [offer]: pdf }, { project_id: '7' }))
    const [told] = toldOf(answer)
    expect([answer.status, app.row(told?.id ?? 0)?.project_id]).toEqual([201, 7])
    expect((await app.ask(`/files/${told?.id}/content`)).bytes).toEqual(pdf)
    const own = await app.upload(documents, formOf({ [offer]: pdf }))
    expect(toldOf(own)).toEqual([{ ...told, id: toldOf(own)[0]?.id }])

    // Leave is asked for the project in front of the file; one behind it changes nothing.
    const late = formOf({ 'a.txt': 'a' }, { project_id: '8' })
    late.append('project_id', '7')
    const ben = { authorization: 'Bearer token-of-ben' }
    const [bens] = toldOf(await app.upload('/files/upload', late, ben))
    expect(app.row(bens?.id ?? 0)?.project_id).toBe(8)
    expect((await app.upload('/files/upload', formOf({ 'a.txt': 'a' }, { project_id: '7' }), ben)).status).toBe(404)
    expect((await app.upload('/files/upload', formOf({ 'a.txt': 'a' }))).status).toBe(400)
    app.lock('INSERT')
    expect((await app.upload('/files/upload', formOf({ 'a.txt': 'a' }, { project_id: '7' }))).status).toBe(500)
    app.unlock()
    expect([app.rowCount(), (await bucket.keys()).length]).toEqual([3, 3])
  })
})
