import { file, handOver, model, outbox, waiting } from './tests.mjs'

/**
 * Which version a key has.
 *
 * @type {import('../defects.mjs').Defect[]}
 */
export const versions = [
  {
    name: 'of two generations the lower one is read',
    file: 'src/outbox/pending-index.ts',
    find: 'this.#byHash.get(hashOfKey(key))?.at(-1)',
    replace: 'this.#byHash.get(hashOfKey(key))?.at(0)',
    tests: outbox('of the highest generation'),
  },
  {
    name: 'get and head do not mind a tombstone',
    file: 'src/store/read.ts',
    find: 'if (this.#gone.get(step.key) === step.driver) continue',
    replace: '',
    tests: waiting('can be deleted while S3 is down'),
    long: model('one-process'),
  },
  {
    name: 'list does not mind a tombstone',
    file: 'src/store/list.ts',
    find: 'this.#span.hide(record.driver, record.key)',
    replace: '',
    tests: waiting('can be deleted while S3 is down'),
  },
  {
    name: 'list shows a folder in which there is nothing but what is to be deleted',
    file: 'src/store/list.ts',
    find: 'if (hidden === 0 || (await this.#hasMoreThanHidden(name, entry, hidden))) kept.push(entry)',
    replace: 'kept.push(entry)',
    tests: file('store/conflicts', 'a list hides'),
  },
  {
    name: 'a direct put supersedes nothing',
    file: 'src/store/versions.ts',
    find: 'await endWaiting(context, current, token, judged)',
    replace: '',
    tests: waiting('reaches S3 again'),
    long: model('one-process'),
  },
  {
    name: 'a direct delete supersedes nothing',
    file: 'src/store/delete.ts',
    find: 'now === undefined || (await endWaiting(context, now, record?.token))',
    replace: 'true || now',
    tests: handOver('a direct delete'),
  },
  {
    name: 'a put to the disk leaves a waiting put as it is',
    file: 'src/store/versions.ts',
    find: "} else if (current.token === token && current.operation === 'put') {",
    replace: '} else if (false) {',
    tests: waiting('to the other driver'),
  },
  {
    name: 'a put to the disk of an exclusive store forgets an S3 that is down',
    file: 'src/store/versions.ts',
    find: 'of box ? before.unseen : []',
    replace: 'of []',
    tests: handOver('of an exclusive store'),
  },
  {
    name: 'an older copy on the disk stays when a put has arrived on S3',
    file: 'src/store/carry-out.ts',
    find: 'await evictCopies(this.#context, key, copies)',
    replace: '',
    tests: waiting('an older local copy'),
  },
  {
    name: 'the tombstone of a moved source does not wait for the copy',
    file: 'src/store/copy.ts',
    find: 'const after = token === undefined ? undefined : { key: copy.key, token }',
    replace: 'const after = undefined',
    tests: handOver('of a delete in a move'),
  },
  {
    name: 'a tombstone is carried out before what it waits for',
    file: 'src/store/carry-out.ts',
    find: "if (await mustWait(context, box, record)) return 'waits'",
    replace: '',
    tests: handOver('of a delete in a move'),
  },
]
