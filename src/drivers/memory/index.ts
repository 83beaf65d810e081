export { MemoryDriver, type MemoryDriverOptions } from './memory-driver.js'
