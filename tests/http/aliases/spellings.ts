const DOTS = [
  '.',
  '%2e',
  '%2E',
  '%252e',
  '..',
  '%2e%2e',
  '.%2e',
  '%2e.',
  '%252e%252e',
  '\uff0e',
  '%c0%ae',
  '%e0%80%ae',
  '%uff0e',
]
const SLASHES = [
  '//',
  '%2f',
  '%2F',
  '%252f',
  '\\',
  '%5c',
  '%5C',
  '%255c',
  '/\\',
  '%c0%af',
  '%e0%80%af',
  '%ef%bc%8f',
  '%u2215',
  ';/',
  '/;/',
]
const TAILS = [
  ...[
    '/',
    '//',
    '.',
    '..',
    '/.',
    '/..',
    '/../',
    '%2e',
    '%2f',
    '%20',
    '%00',
    '%00.png',
    '%0a',
    '%0d%0a',
    '%09',
    ';',
    ';a=b',
  ],
  ...[
    '~',
    '%7e',
    '::$DATA',
    ':$i30',
    '%3a%3a$DATA',
    '.bak',
    '%',
    '%2',
    '%zz',
    '\\',
    '%5c',
    '&',
    '%26',
    '*',
    '%ff',
    '%e2%80%8b',
  ],
]

const HEADS = ['/', '//', './', '../', '%2f', '%2e/', '%2e%2e/', '..%2f', '\\', '%5c', '%20', '%00', '~/', ';/']

/** The address of a key, as it is written. */
export function addressOf(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/')
}

/**
 * Other ways to write the address of a key, most of which some server, proxy or file system takes for the same: to stand
 * behind a route. The address itself is not among them.
 */
export function spellingsOf(key: string): string[] {
  const address = addressOf(key)
  const all = new Set([
    ...encoded(key),
    ...inside(address),
    ...TAILS.map((tail) => `${address}${tail}`),
    ...HEADS.map((head) => `${head}${address}`),
    ...cases(address),
    key,
    addressOf(key.normalize('NFD')),
    address.replace('a', '\uff41'),
    address.replace('a', '%EF%BD%81'),
  ])
  all.delete(address)
  return [...all].map((spelling) => Buffer.from(spelling).toString('latin1'))
}

/** Each character encoded in lower and upper case and twice, the others as they are written; and all of them. */
function encoded(key: string): string[] {
  const hex = (text: string) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  const chars = [...key]
  const one = chars.flatMap((char, i) => {
    const around = (middle: string) => {
      return addressOf(chars.slice(0, i).join('')) + middle + addressOf(chars.slice(i + 1).join(''))
    }
    return [hex(char), hex(char).toUpperCase(), hex(char).replaceAll('%', '%25'), char].map(around)
  })
  const all = hex(key)
  return [...one, all, all.toUpperCase(), all.replaceAll('%', '%25'), all.replaceAll('%2f', '/')]
}

/** Something put in at each slash. */
function inside(path: string): string[] {
  const slashes = [...path.matchAll(/\//g)].map(({ index }) => index)
  return slashes.flatMap((at) => {
    const [before, after] = [path.slice(0, at), path.slice(at + 1)]
    const detours = DOTS.flatMap((dots) => [
      `${before}/${dots}/${after}`,
      `${before}/x/${dots}/${after}`,
      `${before}/${dots}\\${after}`,
    ])
    return [...SLASHES.map((slash) => `${before}${slash}${after}`), ...detours]
  })
}

function cases(path: string): string[] {
  const segments = path.split('/')
  const each = segments.map((_, i) => segments.map((one, at) => (at === i ? one.toUpperCase() : one)).join('/'))
  return [...each, path.toUpperCase(), `${path[0]?.toUpperCase()}${path.slice(1)}`].filter((other) => other !== path)
}
