import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds within which everything that a request held must be back. */
export const RELEASE = 2500

/** Waits until `look` finds nothing left; throws what is left after `within` ms. */
export async function settled(look: () => Promise<readonly string[]> | readonly string[], within = RELEASE) {
  const end = performance.now() + within
  for (;;) {
    const left = await look()
    if (left.length === 0) return
    if (performance.now() > end) throw new Error(`after ${within} ms there is still: ${left.join(', ')}`)
    await sleep(10)
  }
}

/** Waits until `holds`. */
export function until(holds: () => boolean | Promise<boolean>, what: string, within = 10_000): Promise<void> {
  return settled(async () => ((await holds()) ? [] : [`no ${what}`]), within)
}
