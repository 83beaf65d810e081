import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { diskFrom } from '../../../src/disk/index.js'
import { FsOutbox } from '../../../src/outbox/index.js'

/** Run by sweep.test.ts, which kills it. */
const [, , directory = ''] = process.argv
const outbox = new FsOutbox({ disk: diskFrom(), directory, durability: 'none' })
const finished = await outbox.stage()
await finished.write(randomBytes(200_000))
const attributes = { contentType: 'text/plain', metadata: {} }
await finished.commit({ key: 'finished', operation: 'put', driver: 's3', base: 'unknown', attributes })
const stage = await outbox.stage()
await stage.write(randomBytes(200_000))
await writeFile(join(directory, 'records', `.${stage.token}.tmp`), 'unfinished')
process.stdout.write('ready\n')
setInterval(() => {}, 60_000)
