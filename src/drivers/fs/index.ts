export { FsDriver } from './fs-driver.js'
export type { FsDriverOptions } from './options.js'
export type { SweepResult } from './sweep.js'
