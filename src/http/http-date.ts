const DAYS = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
const LONG_DAYS = '(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)'
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const MONTH = `(?<month>${MONTHS.join('|')})`
const TIME = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)'

/** The three forms of RFC 9110 section 5.6.7, of which the last two are obsolete and still to be understood. */
const FORMS = [
  new RegExp(`^${DAYS}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`),
  new RegExp(`^${LONG_DAYS}, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT$`),
  new RegExp(`^${DAYS} ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`),
]

/** A date of a header field, or undefined where it is none: `Date.parse` takes far more than the RFC does. */
export function parseHttpDate(value: string): Date | undefined {
  for (const form of FORMS) {
    const parts = form.exec(value)?.groups
    if (parts) return dateOf(parts)
  }
  return undefined
}

/** In the preferred form, in whole seconds. */
export function formatHttpDate(date: Date): string {
  return date.toUTCString()
}

/** Whole seconds since 1970, which is all that a header can say. */
export function seconds(date: Date): number {
  return Math.floor(date.getTime() / 1000)
}

function dateOf(parts: Record<string, string>): Date | undefined {
  const [day, hour, minute, second] = [parts.day, parts.hour, parts.minute, parts.second].map(Number) as number[]
  const month = MONTHS.indexOf(parts.month ?? '')
  const year = parts.year?.length === 2 ? nearYear(Number(parts.year)) : Number(parts.year)
  if (hour === undefined || hour > 23 || Number(minute) > 59 || Number(second) > 60) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month, day)
  date.setUTCHours(hour, minute, second)
  // The 31st of February is no date, and has become another one.
  return date.getUTCDate() === day || second === 60 ? date : undefined
}

/** A year of two digits that would lie more than 50 years ahead is the past one (RFC 9110 section 5.6.7). */
function nearYear(twoDigits: number): number {
  const now = new Date().getUTCFullYear()
  const year = now - (now % 100) + twoDigits
  return year > now + 50 ? year - 100 : year
}
