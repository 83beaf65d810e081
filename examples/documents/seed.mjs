// Fills an empty database: documents as the application stores them today, and rows that are older than S3.
import { createReadStream } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { uniqueName } from 'hybrid-store'
import { addDocument, addMilestone } from './database.mjs'
import { uploadKey } from './keys.mjs'

const open = (file) => createReadStream(fileURLToPath(new URL(`../demo/files/${file}`, import.meta.url)))

export async function seed({ store, db }) {
  await upload('offer.pdf', 'Angebot für Müller & Söhne.pdf', 'application/pdf')
  await upload('notes.txt', '議事録.txt', 'text/plain')
  await upload('logo.png', 'logo.png', 'image/png')

  addMilestone(db, { projectId: 7, name: 'Abnahme' })

  // Long ago everything was local. The rows still say so, each in the manner of its time.
  await store.put('uploads/invoice-2019.pdf', open('invoice-2026-17.pdf'), { driver: 'local' })
  addDocument(db, { projectId: 7, name: 'Rechnung 2019.pdf', filePath: 'uploads/invoice-2019.pdf' })
  await store.put('sales-2016.csv', open('Umsätze März.csv'), { driver: 'local' })
  addDocument(db, { projectId: 7, name: 'Umsätze 2016.csv', filePath: '/var/www/app/storage/sales-2016.csv' })

  async function upload(file, name, mimeType) {
    const key = uploadKey({ projectId: 7, filename: uniqueName(name) })
    const blob = await store.put(key, open(file), { kind: 'document', contentType: mimeType })
    addDocument(db, { projectId: 7, name, filePath: blob.path, mimeType })
  }
}
