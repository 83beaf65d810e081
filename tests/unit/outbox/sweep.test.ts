import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { openOutbox, put, tempFolder } from './support.js'

const child = fileURLToPath(new URL('./staging-child.ts', import.meta.url))

/** A process that has an unfinished body, an unfinished record and a finished blob in the outbox. */
async function startChild(folder: string) {
  // Node itself is the child, so that killing it kills the process that owns the body.
  const process_ = spawn(
    process.execPath,
    ['--import', new URL('../../../node_modules/tsx/dist/esm/index.mjs', import.meta.url).href, child, folder],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  onTestFinished(async () => {
    if (process_.exitCode === null && process_.signalCode === null) process_.kill('SIGKILL')
  })
  await once(process_.stdout, 'data')
  return process_
}

test('what a living process stages stays; when it was killed it goes, and what it finished stays', async () => {
  const folder = await tempFolder()
  const process_ = await startChild(folder)
  const bodies = () => readdir(join(folder, 'bodies'))
  const temporaries = async () => (await readdir(join(folder, 'records'))).filter((name) => name.endsWith('.tmp'))
  expect(await bodies()).toHaveLength(2)

  await openOutbox(folder).open()
  expect(await bodies()).toHaveLength(2)
  expect(await temporaries()).toHaveLength(1)

  process_.kill('SIGKILL')
  await once(process_, 'exit')
  const outbox = openOutbox(folder)
  expect((await outbox.find('finished'))?.size).toBe(200_000)
  expect(await bodies()).toEqual([(await outbox.find('finished'))?.token])
  expect(await temporaries()).toEqual([])
}, 60_000)

test('a body whose process cannot be judged from here stays for a day', async () => {
  const folder = await tempFolder()
  const first = openOutbox(folder)
  await put(first, 'a', 'x')
  const owner = { id: 'ab'.repeat(6), pid: 1, boot: 'another-boot', namespace: 'pid:[1]', started: '1' }
  await writeFile(join(folder, 'owners', owner.id), JSON.stringify(owner))
  const body = join(folder, 'bodies', `${'cd'.repeat(6)}${owner.id}-1`)
  await writeFile(body, 'unfinished')
  await openOutbox(folder).open()
  expect(await readdir(join(folder, 'bodies'))).toEqual([`${'cd'.repeat(6)}${owner.id}-1`])
  const yesterday = Date.now() / 1000 - 25 * 3600
  await utimes(body, yesterday, yesterday)
  await openOutbox(folder).open()
  expect(await readdir(join(folder, 'bodies'))).toEqual([])
})
