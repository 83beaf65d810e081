import { afterAll, describe, it } from 'vitest'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { describeConformance } from '../../src/testing/index.js'

describeConformance(
  'memory',
  () => {
    const subject = new MemoryDriver({ publicBaseUrl: 'https://files.example.com/' })
    return { subject, capabilities: subject.capabilities, close: () => subject.close() }
  },
  { describe, it, afterAll },
)
