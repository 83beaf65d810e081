// node examples/express/main.mjs
// curl -H 'Authorization: Bearer token-of-anna' http://localhost:3000/documents/1/view
import { once } from 'node:events'
import { storeFromEnv } from 'hybrid-store'
import { openDatabase } from '../documents/database.mjs'
import { seed } from '../documents/seed.mjs'
import { createApp } from './app.mjs'

const store = storeFromEnv()
const db = openDatabase(process.env.DATABASE ?? 'documents.db')
if (!db.get('SELECT 1 FROM documents')) await seed({ store, db })

const server = createApp({ store, db }).listen(process.env.PORT ?? 3000)
await once(server, 'listening')
console.log(`http://localhost:${server.address().port}/documents/1/content`)

await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
server.close()
await once(server, 'close')
await store.close()
db.close()
