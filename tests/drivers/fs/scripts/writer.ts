/** Works on one root beside other processes. The first argument says what it does. */
import { FsDriver } from '../../../../src/drivers/fs/index.js'
import { isStorageError } from '../../../../src/errors/index.js'

const [task = '', root = '', key = '', count = '0'] = process.argv.slice(2)
const driver = new FsDriver({ root, durability: task === 'endless' ? 'fsync' : 'none' })

async function increment(): Promise<void> {
  for (;;) {
    const reader = await driver.get(key)
    const next = Number(await reader.text()) + 1
    try {
      await driver.put(key, String(next), { ifMatch: reader.info.etag, metadata: { value: String(next) } })
      return
    } catch (error) {
      if (!isStorageError(error, 'PRECONDITION_FAILED')) throw error
    }
  }
}

console.log('ready')
await new Promise((resolve) => process.stdin.once('data', resolve))
process.stdin.unref()

if (task === 'increment') {
  for (let i = 0; i < Number(count); i++) await increment()
} else if (task === 'create') {
  const won: number[] = []
  for (let i = 0; i < Number(count); i++) {
    try {
      await driver.put(`${key}${i}`, String(process.pid), { ifNoneMatch: '*' })
      won.push(i)
    } catch (error) {
      if (!isStorageError(error, 'ALREADY_EXISTS')) throw error
    }
  }
  console.log(JSON.stringify(won))
} else if (task === 'overwrite') {
  for (let i = 0; i < Number(count); i++) {
    const value = `${process.pid}-${i}`
    await driver.put(key, value.padEnd(2000 + i, '.'), { metadata: { value } })
  }
} else if (task === 'churn') {
  for (let i = 0; i < Number(count); i++) {
    await driver.put(`${key}/${process.pid}`, 'x')
    await driver.delete(`${key}/${process.pid}`)
  }
} else if (task === 'stall') {
  await driver.put(
    key,
    (async function* () {
      yield Buffer.alloc(100_000, 'n')
      console.log('staged')
      await new Promise((resolve) => setTimeout(resolve, 60_000))
    })(),
  )
} else if (task === 'endless') {
  for (let i = 0; ; i++) {
    const value = String(i)
    await driver.put(key, value.padEnd(50_000, '.'), { metadata: { value } })
    console.log(`acknowledged ${value}`)
  }
}
await driver.close()
