import { afterEach, expect, test } from 'vitest'
import { MemoryDriver } from '../../../src/drivers/memory/index.js'
import { type ConformanceSubject, conformanceCases, FaultyDriver, openFiles } from '../../../src/testing/index.js'
import { brokenDrivers, leaked } from './broken-drivers.js'

afterEach(async () => {
  for (const handle of leaked.splice(0)) await handle.close()
})

function run(driver: MemoryDriver, refused: ConformanceSubject, name: string): Promise<void> {
  const found = conformanceCases.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`no case is named ${name}`)
  return found.run({
    subject: driver,
    capabilities: driver.capabilities,
    secrets: ['/srv/secret-root'],
    idleTimeout: 50,
    grace: 300,
    refused: async () => refused,
    leaks: async () => (await openFiles()).filter((path) => path.startsWith('/etc/')),
  })
}

test.each(brokenDrivers)('a driver that $defect fails', async ({ noticedBy, make }) => {
  const driver = make()
  await expect(run(driver, driver, noticedBy)).rejects.toThrow()
})

test.each([...new Set(brokenDrivers.map(({ noticedBy }) => noticedBy))])('a sound driver passes "%s"', async (name) => {
  const refused = new FaultyDriver(new MemoryDriver())
  refused.outage('ACCESS_DENIED')
  const capabilities = name.startsWith('what is not declared') ? { createOnly: false } : {}
  await expect(run(new MemoryDriver({ capabilities }), refused, name)).resolves.toBeUndefined()
})

test('the cases have names of their own', () => {
  const names = conformanceCases.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  expect(names.length).toBeGreaterThan(250)
})
