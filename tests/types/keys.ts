/** Checked by `tsc --noEmit`: an expected error that disappears is an error. Never run. */
import { defineKey } from '../../src/keys/index.js'

const uploadKey = defineKey('project_{projectId}/uploads/{filename}')
const key: string = uploadKey({ projectId: 7, filename: 'scan.pdf' })
uploadKey({ projectId: '7', filename: key })
const parsed = uploadKey.parse(key)
const filename: string | undefined = parsed?.filename
const template: 'project_{projectId}/uploads/{filename}' = uploadKey.template
uploadKey.prefix({ projectId: 7 })
uploadKey.prefix()
// @ts-expect-error a parameter is missing
uploadKey({ projectId: 7 })
// @ts-expect-error a parameter is misspelt
uploadKey({ projectID: 7, filename: 'scan.pdf' })
// @ts-expect-error one too many
uploadKey({ projectId: 7, filename: 'scan.pdf', page: 1 })
// @ts-expect-error a value is a string or a number
uploadKey({ projectId: true, filename: 'scan.pdf' })
// @ts-expect-error undefined is no value
uploadKey({ projectId: undefined, filename: 'scan.pdf' })
// @ts-expect-error no such parameter
parsed?.name
// @ts-expect-error no such parameter
uploadKey.prefix({ project: 7 })
// @ts-expect-error what parse gives back is a string
const id: number | undefined = parsed?.projectId

const anyTemplate: string = template
defineKey(anyTemplate)({ whatever: 1 })

export { filename, id }
