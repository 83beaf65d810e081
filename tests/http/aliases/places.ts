/** Paths of a store that mean the key but are not the ones that it writes: whole addresses, to stand behind a route. */
export function otherPaths(key: string): string[] {
  const name = key.slice(key.lastIndexOf('/') + 1)
  return [
    ...[
      's3:',
      'S3:',
      's3%3A',
      's3%3a',
      's3:/',
      's3://',
      's3:///',
      'local:',
      'LOCAL:',
      'local%3A',
      'local:/',
      'local://',
      'file://',
      'blob:',
    ],
    ...[
      '/',
      'storage/',
      'storage//',
      'public/',
      '/var/www/app/',
      'var/www/app/',
      '%2Fvar%2Fwww%2Fapp%2F',
      './',
      'C:/app/',
      'C:%5Capp%5C',
      'C:%2Fapp%2F',
    ],
    ...[
      'uploads/../',
      'storage/../',
      'storage/%2e%2e/',
      'project_7/../',
      'x/',
      'x/../',
      '/app/public/uploads/../../',
      'https://host/',
    ],
  ]
    .map((head) => `${head}${key}`)
    .concat([
      name,
      `secret/${name}`,
      `s3:secret/${name}`,
      `local:secret/${name}`,
      key.replaceAll('/', '\\'),
      key.replaceAll('/', ':'),
    ])
}

/** Ways out of the folder of the store, so many folders up. */
export function waysOut(file: string, climbs: readonly number[]): string[] {
  const ups = [
    '../',
    '..%2f',
    '..%2F',
    '%2e%2e/',
    '%2e%2e%2f',
    '..\\',
    '..%5c',
    '%252e%252e%252f',
    '....//',
    '..;/',
    '.%2e/',
    '%c0%ae%c0%ae/',
    '..%c0%af',
    '..%00/',
    '..%ef%bc%8f',
  ]
  const starts = [
    '',
    '/',
    'uploads/',
    'storage/',
    'project_7/',
    'local:',
    'local:uploads/',
    's3:',
    'uploads/x/',
    '%2f',
    '.',
    'uploads%2f',
  ]
  const relative = starts.flatMap((start) => ups.flatMap((up) => climbs.map((n) => `${start}${up.repeat(n)}${file}`)))
  const absolute = ['/', '//', '%2f', 'local:/', 'local:///', 'file:///', 'uploads//', 'storage//', '\\'].map(
    (start) => `${start}${file}`,
  )
  return [
    ...relative,
    ...absolute,
    `${'../'.repeat(20)}etc/passwd`,
    '/etc/passwd',
    'local:/etc/passwd',
    '%2fetc%2fpasswd',
  ]
}

/** Ways to write the route itself, with the rest of the address as it should be. */
export function otherRoutes(path: string): string[] {
  const detours = [
    '//content',
    '/./content',
    '/%2e/content',
    '/x/../content',
    '/content/.',
    '/content/',
    '/content/x/..',
    '/content/../content',
  ]
  const others = [
    '/CONTENT',
    '/Content',
    '/%63ontent',
    '/conten%74',
    '/content%2f',
    '/content;x',
    '/content?/..',
    '/content#',
    '\\content',
    '/content\\',
  ]
  const wholes = [
    `http://127.0.0.1/content/${path}`,
    `http://evil/content/${path}`,
    `//evil/content/${path}`,
    `https:/content/${path}`,
    `content/${path}`,
  ]
  return [
    ...[...detours, ...others].map((route) => `${route}/${path}`),
    ...wholes,
    `?/content/${path}`,
    `*/content/${path}`,
    '*',
    '/',
    '',
    '/content',
    '/content/',
  ]
}
