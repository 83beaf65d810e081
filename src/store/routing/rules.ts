import { StorageError } from '../../errors/index.js'
import type { RouteRules } from './policy.js'

/** The driver for each string listed; CONFIGURATION where one is listed for two drivers, or is no string. */
export function driverByString(rules: RouteRules, what: string, fold = (value: string) => value): Map<string, string> {
  const drivers = new Map<string, string>()
  for (const [driver, values] of Object.entries(rules)) {
    for (const value of values) {
      if (typeof value !== 'string' || value === '') throw refused(`${driver} lists a ${what} that is empty`)
      const folded = fold(value)
      const other = drivers.get(folded)
      if (other !== undefined && other !== driver) {
        throw refused(`the ${what} "${value}" is listed for ${other} and for ${driver}`)
      }
      drivers.set(folded, driver)
    }
  }
  return drivers
}

export function refused(problem: string): StorageError {
  return new StorageError('CONFIGURATION', `These routing rules are refused: ${problem}.`, {
    hint: 'Each rule leads to one driver.',
  })
}
