export * from './conformance/index.js'
export type { DriverOperation, FailOptions, Failure } from './faults.js'
export { FaultyDriver, type FaultyDriverOptions, type RecordedCall, type TestClock } from './faulty-driver.js'
export { type MockCall, type MockDriver, type MockMethods, mockDriver } from './mock-driver.js'
