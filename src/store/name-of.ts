import type { StoreContext } from './context.js'

/** How a driver is called in a sentence. */
export function nameOf(context: StoreContext, driver: string): string {
  const s3 = driver === 's3' || context.drivers.get(driver)?.kind === 's3'
  return s3 ? 'S3' : driver
}
