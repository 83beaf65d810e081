import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Consumer } from '../support/consumer.js'
import { parseImports } from '../support/import-graph.js'

let consumer: Consumer

beforeAll(async () => {
  consumer = await Consumer.create()
})
afterAll(() => consumer?.remove())

/** One error of every entry point that makes errors, as `{ name: error }`; `root`, `fs`, ... are the modules. */
const oneErrorEach = `
  const caught = async (promise) => promise.then(() => { throw new Error('did not fail') }, (error) => error)
  const errorsOf = async ({ fs, memory, s3 }) => ({
    fs: await caught(new fs.FsDriver({ root: './blobs' }).head('../x')),
    memory: await caught(new memory.MemoryDriver().head('../x')),
    s3: await caught(new s3.S3Driver({ bucket: 'b', region: 'eu-central-1' }).head('../x')),
  })`
const importAll = `
  const esm = { root: await import('hybrid-store'), fs: await import('hybrid-store/fs'),
    memory: await import('hybrid-store/memory'), s3: await import('hybrid-store/s3'),
    testing: await import('hybrid-store/testing') }`
const requireAll = `
  const cjs = { root: require('hybrid-store'), fs: require('hybrid-store/fs'), memory: require('hybrid-store/memory'),
    s3: require('hybrid-store/s3'), testing: require('hybrid-store/testing') }`

describe('one StorageError', () => {
  test('in each format, whichever entry point threw it', async () => {
    const facts = (name: string) => `
      const errors = await errorsOf(${name})
      const same = Object.values(errors).map((e) => e instanceof ${name}.root.StorageError && e.code === 'INVALID_KEY')
      console.log(JSON.stringify(same))`
    const esm = `${oneErrorEach}\n${importAll}\n${facts('esm')}`
    const cjs = `${oneErrorEach}\n${requireAll}\n;(async () => { ${facts('cjs')} })()`
    expect(await consumer.run('one.mjs', esm)).toEqual([true, true, true])
    expect(await consumer.run('one.cjs', cjs)).toEqual([true, true, true])
  })

  test('is defined in exactly one file of each format', () => {
    const dist = join(consumer.packageFolder, 'dist')
    const defining = (ending: string) =>
      readdirSync(dist).filter(
        (name) => name.endsWith(ending) && readFileSync(join(dist, name), 'utf8').includes('hybrid-store.StorageError'),
      )
    expect(defining('.js')).toHaveLength(1)
    expect(defining('.cjs')).toHaveLength(1)
  })

  test('of the other format is another class, but is recognised', async () => {
    const code = `
      import { createRequire } from 'node:module'
      const require = createRequire(import.meta.url)
      ${oneErrorEach}\n${importAll}\n${requireAll}
      const a = await errorsOf(esm), b = await errorsOf(cjs)
      console.log(JSON.stringify({
        apart: esm.root.StorageError !== cjs.root.StorageError,
        esmSeesCjs: Object.values(b).every((e) => esm.root.isStorageError(e, 'INVALID_KEY')),
        cjsSeesEsm: Object.values(a).every((e) => cjs.root.isStorageError(e, 'INVALID_KEY')),
        other: esm.root.isStorageError(new Error('x')) || cjs.root.isStorageError(null),
      }))`
    expect(await consumer.run('both.mjs', code)).toEqual({
      apart: true,
      esmSeesCjs: true,
      cjsSeesEsm: true,
      other: false,
    })
  })
})

describe('without the AWS SDK', () => {
  const use = `
    const { S3Driver } = all.s3
    const driver = new S3Driver({ bucket: 'b', region: 'eu-central-1' })
    const error = await driver.get('a.txt').then(() => undefined, (error) => error)
    await driver.close()
    console.log(JSON.stringify({ code: error?.code, hint: error?.hint, ours: all.root.isStorageError(error) }))`
  const answer = {
    code: 'CONFIGURATION',
    ours: true,
    hint: expect.stringMatching(/npm i(nstall)? .*@aws-sdk\/client-s3/),
  }

  test('every entry point loads, and the S3 driver says what to install (ESM)', async () => {
    expect(consumer.installed()).toEqual(['cockatiel', 'hybrid-store', 'mime-db', 'mime-types'])
    expect(await consumer.run('use.mjs', `${importAll}\nconst all = esm\n${use}`)).toEqual(answer)
  })

  test('every entry point loads, and the S3 driver says what to install (CJS)', async () => {
    const code = `${requireAll}\n;(async () => { const all = cjs\n${use} })()`
    expect(await consumer.run('use.cjs', code)).toEqual(answer)
  })

  test.each(['index.js', 'index.cjs', 'index.d.ts', 'index.d.cts'])(
    '%s mentions it nowhere that loads with it',
    (entry) => {
      const mentioned = packagesReachedFrom(join(consumer.packageFolder, 'dist'), entry)
      expect(mentioned.size).toBeGreaterThan(0)
      expect([...mentioned].filter((name) => /aws|smithy/.test(name))).toEqual([])
    },
  )
})

/** What a built file and the chunks behind it name, `import()` aside. */
function packagesReachedFrom(dist: string, entry: string): Set<string> {
  const types = /\.d\.c?ts$/.test(entry)
  const packages = new Set<string>()
  const seen = new Set<string>()
  const walk = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    for (const { specifier, kind } of parseImports(file, readFileSync(join(dist, file), 'utf8'))) {
      if (specifier === undefined || kind === 'dynamic') continue
      if (!specifier.startsWith('.')) packages.add(specifier)
      else walk(types ? posix.normalize(specifier).replace(/\.(c?)js$/, '.d.$1ts') : posix.normalize(specifier))
    }
  }
  walk(entry)
  return packages
}
