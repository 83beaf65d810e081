export { HybridStoreInstrumentation, type HybridStoreInstrumentationConfig } from './instrumentation.js'
