import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** Where an S3 server for the tests is, and who may use it. Plain data: it travels to vitest's workers. */
export interface S3Settings {
  /** `ceph` and `external` are real servers; `fauxqs` is a stand-in without authentication or conditional writes. */
  readonly kind: 'ceph' | 'fauxqs' | 'external'
  readonly endpoint: string
  readonly region: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** The folder of the Ceph cluster, for `ceph-rgw.sh admin`. */
  readonly cephDir?: string | undefined
}

export interface RunningS3 extends S3Settings {
  /** Stops the server and deletes what it kept. Nothing is left running. */
  stop(): Promise<void>
}

export interface StartS3Options {
  /** This server and no other; throws where it cannot be had. */
  readonly only?: 'ceph' | 'fauxqs' | undefined
}

export const cephScript = fileURLToPath(new URL('./ceph-rgw.sh', import.meta.url))
const cephPrograms = ['ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin', 'ceph', 'monmaptool']

/**
 * Starts an S3 server: what S3_TEST_SERVER says (`ceph` or `fauxqs`), else the one that S3_TEST_ENDPOINT names (with S3_TEST_ACCESS_KEY, S3_TEST_SECRET_KEY,
 * S3_TEST_REGION), else Ceph where it is installed and this process is root, else the stand-in from npm, which is said
 * aloud. REQUIRE_REAL_S3=1 refuses the stand-in.
 */
export async function startS3(options: StartS3Options = {}): Promise<RunningS3> {
  const { only = preferred() } = options
  if (only === undefined && process.env.S3_TEST_ENDPOINT) return externalS3(process.env.S3_TEST_ENDPOINT)
  if (only === 'fauxqs') return startFauxqs()
  const missing = missingForCeph()
  if (missing === undefined) return startCeph()
  if (only === 'ceph' || process.env.REQUIRE_REAL_S3 === '1') {
    throw new Error(`A real S3 server is required, and Ceph cannot be started: ${missing}. Run: npm run setup:tests`)
  }
  process.stderr.write(
    `\nNOT RUN AGAINST REAL S3: ${missing}. The S3 tests run against fauxqs, a stand-in without authentication, ` +
      'conditional writes or conditions on HEAD; tests that need those are skipped. ' +
      'For the whole: npm run setup:tests, or S3_TEST_ENDPOINT.\n\n',
  )
  return startFauxqs()
}

function preferred(): StartS3Options['only'] {
  const name = process.env.S3_TEST_SERVER
  if (name === undefined || name === '') return undefined
  if (name === 'ceph' || (name === 'fauxqs' && process.env.REQUIRE_REAL_S3 !== '1')) return name
  throw new Error(`S3_TEST_SERVER=${name} is not ceph or fauxqs, or no real S3 where one is required.`)
}

/** Why Ceph cannot be started here, or undefined where it can. */
export function missingForCeph(): string | undefined {
  const absent = cephPrograms.filter((program) => !onPath(program))
  if (absent.length > 0) return `${absent.join(', ')} not installed`
  return process.getuid?.() === 0 ? undefined : 'Ceph is installed but must be started as root'
}

function externalS3(endpoint: string): RunningS3 {
  return {
    kind: 'external',
    endpoint,
    region: process.env.S3_TEST_REGION ?? 'us-east-1',
    credentials: {
      accessKeyId: process.env.S3_TEST_ACCESS_KEY ?? '',
      secretAccessKey: process.env.S3_TEST_SECRET_KEY ?? '',
    },
    stop: async () => {},
  }
}

async function startCeph(): Promise<RunningS3> {
  const cephDir = await mkdtemp(join(tmpdir(), 'hybrid-store-ceph-'))
  // The script cleans up when its standard input ends, which also happens when this process is killed. In a process
  // group of its own, so that Ctrl-C reaches it only that way.
  const child = spawn('bash', [cephScript, 'run'], {
    env: { ...process.env, CEPH_DIR: cephDir },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  })
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-4000)
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const settings = new Map<string, string>()
  for await (const line of createInterface({ input: child.stdout })) {
    const [name = '', value = ''] = line.split(/=(.*)/s)
    settings.set(name, value)
    if (name === 'S3_FORCE_PATH_STYLE') break
  }
  const endpoint = settings.get('S3_ENDPOINT')
  if (endpoint === undefined) {
    await ended
    throw new Error(`Ceph did not start:\n${complaints}`)
  }
  // A server that is running must not keep the process alive.
  const handles = [child, child.stdin, child.stdout, child.stderr] as unknown as { ref(): void; unref(): void }[]
  for (const handle of handles) handle.unref()
  return {
    kind: 'ceph',
    endpoint,
    region: settings.get('S3_REGION') ?? '',
    credentials: {
      accessKeyId: settings.get('S3_ACCESS_KEY') ?? '',
      secretAccessKey: settings.get('S3_SECRET_KEY') ?? '',
    },
    cephDir,
    stop: async () => {
      for (const handle of handles) handle.ref()
      child.stdout.resume()
      child.stdin.end()
      await ended
    },
  }
}

async function startFauxqs(): Promise<RunningS3> {
  const { buildApp } = await import('fauxqs')
  const app = buildApp({ logger: false })
  const endpoint = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    kind: 'fauxqs',
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    stop: async () => {
      app.server.closeAllConnections()
      await app.close()
    },
  }
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
