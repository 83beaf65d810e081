// Installs what the tests use but npm cannot give: the daemons of a small Ceph cluster, the real S3 of the test suite, and
// the clients that read from a delivery server.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const folders = [...(process.env.PATH ?? '').split(':').filter(Boolean), '/usr/bin', '/usr/sbin']
const isInstalled = (program) => folders.some((folder) => existsSync(`${folder}/${program}`))
const canInstall = process.platform === 'linux' && process.getuid() === 0 && isInstalled('apt-get')

/** Runs a program for what it does; its complaints are shown unless they are expected. */
function succeeds(program, args, complaints = 'inherit') {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync(program, args, { stdio: ['ignore', 'ignore', complaints], env }).status === 0
}

function setUpCeph() {
  const script = 'tests/servers/ceph-rgw.sh'
  const programs = ['ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin', 'ceph', 'monmaptool']
  if (process.env.S3_TEST_ENDPOINT) {
    console.log('S3_TEST_ENDPOINT is set: the tests use that server, nothing to install.')
  } else if (programs.every(isInstalled)) {
    console.log('Test servers: Ceph is installed already.')
  } else if (canInstall) {
    console.log('Test servers: installing Ceph with apt-get (about 60 MB) ...')
    const { status } = spawnSync('bash', [script, 'install'], { stdio: 'inherit' })
    if (status !== 0) {
      console.error('Test servers: the installation failed. `npm test` runs without Ceph, on a stand-in from npm.')
      process.exitCode = 1
    }
  } else {
    console.log(`Test servers: this needs root on Debian or Ubuntu, so nothing was installed. To test against real S3, either
  - run \`bash ${script} install\` as root on Debian or Ubuntu (packages ceph-mon, ceph-osd and radosgw), or
  - set S3_TEST_ENDPOINT, S3_TEST_ACCESS_KEY and S3_TEST_SECRET_KEY to a server where buckets may be made and deleted.
Until then the tests use a stand-in from npm and say what was not run against real S3.`)
  }
}

/** Programs that read from a delivery server, and the package of Debian that each comes in. */
const clients = {
  curl: 'curl',
  wget: 'wget',
  aria2c: 'aria2',
  ffmpeg: 'ffmpeg',
  ffprobe: 'ffmpeg',
  chromium: 'chromium',
  nginx: 'nginx',
  wrk: 'wrk',
}
const missingClients = () => Object.keys(clients).filter((program) => !isInstalled(program))

function setUpClients() {
  const missing = missingClients()
  if (missing.length === 0) {
    console.log('Test clients: all are installed already.')
    return
  }
  const wanted = [...new Set(missing.map((program) => clients[program]))]
  if (canInstall) installClients(wanted)
  const still = missingClients()
  if (still.length === 0) return
  const how = canInstall ? '' : ` Install them as root: apt-get install --no-install-recommends ${wanted.join(' ')}`
  console.log(
    `Test clients: not installed: ${still.join(', ')}. What needs them is skipped (tests/clients, bench).${how}`,
  )
}

function installClients(wanted) {
  succeeds('apt-get', ['update', '-qq'])
  // One that this system does not have (Ubuntu has Chromium only as a snap) must not keep the others away.
  const known = wanted.filter((name) => succeeds('apt-cache', ['show', name], 'ignore'))
  if (known.length === 0) return
  console.log(`Test clients: installing ${known.join(', ')} with apt-get (up to 130 MB) ...`)
  if (!succeeds('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...known])) {
    console.error('Test clients: the installation failed.')
    process.exitCode = 1
  }
  // The tests start an nginx of their own; the service that comes with the package would serve port 80 to everybody.
  if (known.includes('nginx') && existsSync('/run/systemd/system')) {
    succeeds('systemctl', ['disable', '--now', '--quiet', 'nginx'])
  }
}

setUpCeph()
setUpClients()
