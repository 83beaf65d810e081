import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Consumer } from '../support/consumer.js'

const exec = promisify(execFile)
let consumer: Consumer

beforeAll(async () => {
  consumer = await Consumer.create()
})
afterAll(() => consumer?.remove())

test('the tarball holds every entry point, the docs, and nothing of the workshop', () => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: Record<string, unknown> }
  for (const file of targetsOf(manifest.exports)) expect(consumer.packed).toContain(file)
  const allowed =
    /^(dist\/[\w-]+\.(js|cjs|d\.ts|d\.cts)|docs\/.+\.md|examples\/(storage\.mjs|nginx\/accel\.conf)|README\.md|CHANGELOG\.md|LICENSE|package\.json)$/
  expect(consumer.packed.filter((file) => !allowed.test(file))).toEqual([])
  for (const file of ['README.md', 'CHANGELOG.md', 'LICENSE']) expect(consumer.packed).toContain(file)
})

test('no built file names a path of the machine that built it', () => {
  for (const file of consumer.packed) {
    expect(readFileSync(join(consumer.packageFolder, file), 'utf8'), file).not.toContain(process.cwd())
  }
})

test('publint has nothing to say', async () => {
  const tarball = readFileSync(consumer.tarball)
  const { messages } = await publint({ pack: { tarball: new Uint8Array(tarball).buffer }, strict: true })
  expect(messages).toEqual([])
})

test('the types are right for every way of resolving them (attw)', { timeout: 60_000 }, async () => {
  const attw = 'node_modules/@arethetypeswrong/cli/dist/index.js'
  // node10 knows no exports map; Node itself has had one since 12.
  const args = [attw, consumer.tarball, '--profile', 'node16', '--format', 'json']
  const { stdout } = await exec(process.execPath, args, { maxBuffer: 64 << 20 })
  const { analysis } = JSON.parse(stdout) as { analysis: { problems: { resolutionKind?: string }[] } }
  expect(analysis.problems.filter(({ resolutionKind }) => resolutionKind !== 'node10')).toEqual([])
})

function targetsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value.replace(/^\.\//, '')]
  return Object.values(value as object).flatMap(targetsOf)
}
