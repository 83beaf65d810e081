import { afterAll, describe, it } from 'vitest'
import type { DriverCapabilities } from '../../src/driver/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { describeConformance, FaultyDriver } from '../../src/testing/index.js'

const runner = { describe, it, afterAll }

/** A memory driver whose storage outlives it, as the suite opens it again. */
function harness(capabilities?: Partial<DriverCapabilities>) {
  const subject = new MemoryDriver({ publicBaseUrl: 'https://files.example.com/', capabilities })
  const failing = (failure: 'ACCESS_DENIED' | 'UNAVAILABLE') => async () => {
    const driver = new FaultyDriver(new MemoryDriver())
    driver.outage(failure)
    return driver
  }
  return {
    subject,
    capabilities: subject.capabilities,
    refused: failing('ACCESS_DENIED'),
    unavailable: failing('UNAVAILABLE'),
    close: () => subject.close(),
  }
}

describeConformance('memory', () => harness(), runner)

describeConformance(
  'memory with nothing optional',
  () =>
    harness({
      createOnly: false,
      conditionalUpdate: false,
      conditionalDelete: false,
      conditionalCopy: false,
      publicUrls: false,
      visibility: false,
    }),
  runner,
)

describeConformance(
  'memory behind a FaultyDriver',
  () => {
    const subject = new FaultyDriver(new MemoryDriver())
    return { subject, capabilities: subject.capabilities, close: () => subject.close() }
  },
  runner,
)
