// node examples/fastify/main.mjs
// curl -H 'Authorization: Bearer token-of-anna' http://localhost:3000/documents/1/view
import { once } from 'node:events'
import { storeFromEnv } from 'hybrid-store'
import { openDatabase } from '../documents/database.mjs'
import { seed } from '../documents/seed.mjs'
import { createApp } from './app.mjs'

const store = storeFromEnv()
const db = openDatabase(process.env.DATABASE ?? 'documents.db')
if (!db.get('SELECT 1 FROM documents')) await seed({ store, db })

const app = await createApp({ store, db, logger: true })
const url = await app.listen({ port: Number(process.env.PORT ?? 3000) })
console.log(`${url}/documents/1/content`)

await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
await app.close()
await store.close()
db.close()
