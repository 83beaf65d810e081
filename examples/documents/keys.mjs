// The forms of all keys. What is uploaded lies below its project; what is generated lies apart from it.
import { defineKey } from 'hybrid-store'

export const uploadKey = defineKey('project_{projectId}/uploads/{filename}')
export const invoiceKey = defineKey('invoices/project_{projectId}/{filename}')
