import { handOver, model, outbox } from './tests.mjs'

/**
 * Several processes on one disk.
 *
 * @type {import('../defects.mjs').Defect[]}
 */
export const processes = [
  {
    name: 'the change log is not written',
    file: 'src/outbox/pending-records.ts',
    find: 'await this.#log.append(names.map((name) => ({ type, name }))).catch(() => {})',
    replace: '',
    tests: outbox('see what the others add'),
  },
  {
    name: 'the change log is not read',
    file: 'src/outbox/pending-records.ts',
    find: 'if (news === undefined) return',
    replace: 'return',
    tests: outbox('see what the others add'),
    long: model('two-processes'),
  },
  {
    name: 'removals are not applied from the change log',
    file: 'src/outbox/pending-records.ts',
    find: "if (type === 'removed') {\n        this.#index.forget(name)",
    replace: "if (type === 'removed') {",
    tests: outbox('see what the others add'),
  },
  {
    name: 'a commit does not take the lock of its key',
    file: 'src/outbox/fs-outbox.ts',
    find: 'const taken = await this.#folder.signatures.take(lock)',
    replace: "const taken = 'taken' as string",
    tests: outbox('a generation of its own'),
  },
  {
    name: 'after a dead process held the lock of a key, its record is not looked for',
    file: 'src/outbox/fs-outbox.ts',
    find: "if (taken === 'broken') await this.#records.rescan()\n        else await this.#records.refresh()",
    replace: 'await this.#records.refresh()',
    tests: outbox('look again where one died'),
  },
  {
    name: 'a claim does not tell that its holder died',
    file: 'src/outbox/claims.ts',
    find: "const died = taken === 'broken' && !held.told",
    replace: 'const died = false',
    tests: outbox('told where one died'),
  },
  {
    name: 'the sweep takes the claims of dead processes while what they claimed waits',
    file: 'src/outbox/sweep.ts',
    find: 'if (!records.some(({ hash }) => hash === name)) await removeDeadLock',
    replace: 'await removeDeadLock',
    tests: outbox('told where one died'),
  },
  {
    name: 'close leaves the claims that were not given back',
    file: 'src/outbox/claims.ts',
    find: 'if (timer === undefined && (await taken.catch(() => false))) await this.#locks.release(path)',
    replace: '',
    tests: outbox('find no claim of one that has closed'),
  },
  {
    name: 'close gives back what is kept because of a request that was never answered',
    file: 'src/outbox/claims.ts',
    find: 'if (timer === undefined && (await taken.catch(() => false)))',
    replace: 'if (await taken.catch(() => false))',
    tests: outbox('find no claim of one that has closed'),
  },
  {
    name: 'what was claimed by a store that has closed is never free again',
    file: 'src/outbox/claims.ts',
    find: 'retireOwner(this.#owner)',
    replace: '',
    tests: outbox('find no claim of one that has closed'),
  },
  {
    name: 'reconcile does not give claims back',
    file: 'src/store/reconcile.ts',
    find: 'await claim.release()',
    replace: '',
    tests: handOver('gives the record back'),
  },
  {
    name: 'a change does not give the record back that it supersedes',
    file: 'src/store/holding.ts',
    find: 'await held.release()',
    replace: '',
    tests: handOver('gives the record that it supersedes back'),
  },
  {
    name: 'a record is carried out although another process has superseded it',
    file: 'src/store/carry-out.ts',
    find: "if (!(await isCurrent(box, record))) return 'settled'",
    replace: '',
    tests: handOver('another process has changed the key'),
  },
  {
    name: 'a conflict is settled for a record that another process has superseded',
    file: 'src/store/carry-out.ts',
    find: 'if (!(await isCurrent(this.#box, this.#record))) throw superseded(this.#record)',
    replace: '',
    tests: handOver('another process has changed the key'),
  },
  {
    name: 'a conditional put does not look again whether its record is still the one',
    file: 'src/store/put.ts',
    find: 'if (!isSameVersion(current, record)) throw changed(key, driver)',
    replace: '',
    tests: handOver('that depends on the version that waits'),
  },
  {
    name: 'conditional puts of one key do not wait for each other',
    file: 'src/store/put.ts',
    find: 'return await (conditional ? context.conditional.run(key, run) : run())',
    replace: 'return await run()',
    tests: handOver('has one winner'),
  },
  {
    name: 'a claim is one of a record, and not of its key',
    file: 'src/outbox/fs-outbox.ts',
    find: 'await this.#claims.take(hashOfKey(record.key))',
    replace: 'await this.#claims.take(record.token)',
    tests: outbox('no two generations of a key at once'),
  },
  {
    name: 'the removal of what is gone takes along what came after it',
    file: 'src/outbox/pending-index.ts',
    find: 'isBelow(other, record)) : []',
    replace: 'isBelow(other, record)) : entries',
    tests: { files: ['tests/unit/outbox/fs-outbox.test.ts'], only: 'begin anew' },
  },
]
