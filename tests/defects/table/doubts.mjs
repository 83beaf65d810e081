import { doubt, model } from './tests.mjs'

/**
 * Requests that nobody answered.
 *
 * @type {import('../defects.mjs').Defect[]}
 */
export const doubts = [
  {
    name: 'a put that was never answered leaves no doubt',
    file: 'src/store/waiting.ts',
    find: "const doubt = failure?.outcome === 'unknown' && context.fallback.grace > 0",
    replace: 'const doubt = false',
    tests: doubt('at last: a put'),
    long: model('doubt'),
  },
  {
    name: 'a hand-over that was never answered leaves no doubt',
    file: 'src/store/carry-out.ts',
    find: "if (isStorageError(error) && error.outcome === 'unknown') noteDoubt(context, record, claim)",
    replace: '',
    tests: doubt('at last: the put of a hand-over'),
  },
  {
    name: 'a record in doubt is removed when it is carried out',
    file: 'src/store/carry-out.ts',
    find: 'if (isInDoubt(context, record)) {\n      notes.arrived(record)',
    replace: 'if (false) {\n      notes.arrived(record)',
    tests: doubt('at last: a put'),
  },
  {
    name: 'a change of a key in doubt goes to S3 at once',
    file: 'src/store/put.ts',
    find: 'return busy !== undefined && record?.driver === driver',
    replace: 'return false',
    tests: doubt('at last: a put'),
  },
  {
    name: 'a change does not take over the doubt of the one before',
    file: 'src/store/waiting.ts',
    find: 'const latest = Math.max(notes.doubtUntil(current), entry.doubtUntil?.getTime() ?? 0)',
    replace: 'const latest = entry.doubtUntil?.getTime() ?? 0',
    tests: doubt('at last: a put'),
  },
  {
    name: 'reconcile trusts what a process that died has left',
    file: 'src/store/reconcile.ts',
    find: 'if (claim.died) noteDoubt(this.#context, current, claim)',
    replace: '',
    tests: doubt('the record is looked at again'),
  },
  {
    name: 'a put trusts what a process that died has left',
    file: 'src/store/holding.ts',
    find: 'if (claim?.died) noteDoubt(context, record, claim)',
    replace: '',
    tests: doubt('another put goes through the outbox'),
  },
]
