// Installs what the tests use but npm cannot give: the daemons of a small Ceph cluster, the real S3 of the test suite.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const script = 'tests/servers/ceph-rgw.sh'
const programs = ['ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin', 'ceph', 'monmaptool']
const onPath = (name) => (process.env.PATH ?? '').split(':').some((folder) => folder && existsSync(`${folder}/${name}`))

if (process.env.S3_TEST_ENDPOINT) {
  console.log('S3_TEST_ENDPOINT is set: the tests use that server, nothing to install.')
} else if (programs.every(onPath)) {
  console.log('Test servers: Ceph is installed already.')
} else if (process.platform === 'linux' && process.getuid() === 0 && onPath('apt-get')) {
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
