// Invoices are generated here. They are of the kind `pdf`, which the policy keeps on the local disk.
import { uniqueName } from 'hybrid-store'
import { addDocument } from './database.mjs'
import { pdfOf } from './invoice-pdf.mjs'
import { invoiceKey } from './keys.mjs'

/** The invoice that a request asks for, or undefined where it says it wrongly. */
export function invoiceOf(body) {
  const { number, customer, cents } = body ?? {}
  const valid = isText(number) && isText(customer) && Number.isSafeInteger(cents) && cents >= 0
  return valid ? { number, customer, cents } : undefined
}

/** Generates the PDF, stores it and writes its row; answers what the front end is told. */
export async function addInvoice({ store, db }, projectId, { number, customer, cents }) {
  const name = `Rechnung ${number}.pdf`
  const pdf = pdfOf([`Rechnung ${number}`, customer, `${(cents / 100).toFixed(2)} EUR`])
  const key = invoiceKey({ projectId, filename: uniqueName(name) })
  const mimeType = 'application/pdf'
  const { path, size } = await store.put(key, pdf, { kind: 'pdf', contentType: mimeType })
  try {
    const id = addDocument(db, { projectId, name, filePath: path, mimeType })
    return { documents: [{ id, milestone_id: null, name, mime_type: mimeType, size }] }
  } catch (error) {
    // Nobody else has the name, so that what is there is what was put.
    await store.delete(path)
    throw error
  }
}

function isText(value) {
  return typeof value === 'string' && value.length > 0 && value.length <= 100
}
