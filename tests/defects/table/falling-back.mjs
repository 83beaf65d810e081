import { file, handOver, waiting } from './tests.mjs'

/**
 * What falls back, and what does not.
 *
 * @type {import('../defects.mjs').Defect[]}
 */
export const fallingBack = [
  {
    name: 'the circuit never opens',
    file: 'src/store/circuit.ts',
    find: 'handleWhen(isUnreachable)',
    replace: 'handleWhen(() => false)',
    tests: file('store/background', 'an outage costs one call'),
  },
  {
    name: 'throttling opens the circuit',
    file: 'src/store/circuit.ts',
    find: ' && !error.throttled',
    replace: '',
    tests: file('store/background', 'open none'),
  },
  {
    name: 'reconcile by hand leaves the circuit open',
    file: 'src/store/circuit.ts',
    find: 'if (this.#policy.state !== CircuitState.Closed) this.#policy.isolate().dispose()',
    replace: '',
    tests: file('store/background', 'reconcile by hand tries at once'),
  },
  {
    name: 'a body that fails while it falls back is told as an outage',
    file: 'src/store/fallback.ts',
    find: 'if (isBodyError(error) || isCondition(error)',
    replace: 'if (isCondition(error)',
    tests: file('store/fallback', 'a body that fails'),
  },
  {
    name: 'what is wrong with the call falls back',
    file: 'src/store/failures.ts',
    find: "case 'UNAVAILABLE':",
    replace: "case 'INVALID_ARGUMENT':\n    case 'UNAVAILABLE':",
    tests: file('store/fallback', 'of the driver never does'),
  },
  {
    name: 'a refusal does not fall back',
    file: 'src/store/failures.ts',
    find: "return 'refusal'",
    replace: 'return undefined',
    tests: file('store/fallback', 'is a refusal'),
  },
  {
    name: 'a conditional put falls back like any other',
    file: 'src/store/put.ts',
    find: 'await (conditional && before\n',
    replace: 'await (false && before\n',
    tests: waiting('conditions are judged by'),
  },
  {
    name: 'a condition is not judged by the version that waits',
    file: 'src/store/put.ts',
    find: "checkWriteConditions(key, versionHere(record, before), options, 'put')",
    replace: '',
    tests: waiting('conditions are judged by'),
  },
  {
    name: 'deletes of many do not fall back',
    file: 'src/store/delete.ts',
    find: 'if (fallsBack(context, name, error)) alone.set',
    replace: 'if (false) alone.set',
    tests: waiting('can be deleted while S3 is down'),
  },
  {
    name: 'maxBytes does not count',
    file: 'src/store/room.ts',
    find: 'if (waiting + bytes <= maxBytes) return',
    replace: 'return',
    tests: file('store/background', 'bounded by bytes'),
  },
  {
    name: 'a tombstone needs room below maxBytes',
    file: 'src/store/waiting.ts',
    find: 'const record = await box.commitDelete(entry, { onto })',
    replace: 'await assertBudget(context, box, 1)\n    const record = await box.commitDelete(entry, { onto })',
    tests: file('store/background', 'bounded by bytes'),
  },
  {
    name: 'minFree does not count',
    file: 'src/store/room.ts',
    find: 'if (free !== undefined && free - bytes < minFree) {',
    replace: 'if (false) {',
    tests: file('store/background', 'leaves room on the volume'),
  },
  {
    name: 'a tombstone needs the room of minFree',
    file: 'src/store/waiting.ts',
    find: 'const record = await box.commitDelete(entry, { onto })',
    replace: 'await assertVolume(context, box, 0)\n    const record = await box.commitDelete(entry, { onto })',
    tests: file('store/background', 'leaves room on the volume'),
  },
  {
    name: 'requireDurable does not count',
    file: 'src/store/room.ts',
    find: 'if (requireDurable && ephemeral !== undefined) {',
    replace: 'if (false) {',
    tests: handOver('on a volume that is gone with the machine'),
  },
]
