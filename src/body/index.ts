export { Intake, type IntakeDigest, type IntakeHash, type IntakeOptions, isBodyError } from './intake.js'
export { openReader } from './reader.js'
export { discardBody } from './source.js'
