import { notTaken } from './refusals.js'

/** Which extensions file names may have, without their dot: `pdf`, `tar`. Upper and lower case are the same. */
export interface ExtensionRules {
  /** Only files whose last extension is one of these. All by default; the empty string stands for none. */
  readonly allow?: readonly string[] | undefined
  /** No file that has one of these anywhere in its name: `x.php` and `x.php.jpg` where it is `php`. None by default. */
  readonly deny?: readonly string[] | undefined
}

/** Refuses a file by its (sanitised) name: 415. */
export function checkExtension(name: string, { allow, deny = [] }: ExtensionRules = {}): void {
  const [, ...extensions] = name.toLowerCase().split('.')
  const last = extensions.at(-1) ?? ''
  const lower = (list: readonly string[]) => list.map((one) => one.toLowerCase().replace(/^\./, ''))
  if (allow && !lower(allow).includes(last)) {
    throw notTaken(`files that end in ${JSON.stringify(last)} are not taken here`, 'See extensions.allow.')
  }
  const denied = lower(deny)
  const found = extensions.find((one) => denied.includes(one.trim()))
  if (found !== undefined) throw notTaken(`the extension ${JSON.stringify(found)} is denied`, 'See extensions.deny.')
}
