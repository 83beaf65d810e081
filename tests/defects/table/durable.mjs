import { crash, file, outbox } from './tests.mjs'

/**
 * What is on the disk after a crash.
 *
 * @type {import('../defects.mjs').Defect[]}
 */
export const durable = [
  {
    name: 'a record is not synced',
    file: 'src/outbox/folder.ts',
    find: "await writeFully(handle, bytes)\n        if (durability === 'fsync') await syncHandle(handle)",
    replace: 'await writeFully(handle, bytes)',
    tests: crash('empty: keepLarge'),
  },
  {
    name: 'the directory of the records is not synced after a record has got its name',
    file: 'src/outbox/folder.ts',
    find: 'named = true\n      await this.sync(folder)',
    replace: 'named = true',
    tests: crash('empty: keepLarge'),
  },
  {
    name: 'a body is not synced',
    file: 'src/outbox/fs-stage.ts',
    find: "if (durability === 'fsync') await syncHandle(handle)",
    replace: '',
    tests: crash('empty: keepLarge'),
  },
  {
    name: 'the directory of the bodies is not synced',
    file: 'src/outbox/fs-stage.ts',
    find: 'await this.#folder.sync(bodies)',
    replace: '',
    tests: crash('empty: keepLarge'),
  },
  {
    name: 'a put is acknowledged before its record has its name',
    file: 'src/outbox/folder.ts',
    find: 'await disk.rename(from, to)\n      named',
    replace: 'setTimeout(() => disk.rename(from, to).catch(() => {}), 20)\n      named',
    tests: crash('empty: keepLarge'),
  },
  {
    name: 'new folders of the outbox are not synced',
    file: 'src/disk/durable.ts',
    find: 'await syncDirectory(disk, dirname(path), durability)',
    replace: '',
    tests: crash('empty: keepLarge'),
  },
  {
    name: 'a body goes before its record',
    file: 'src/outbox/record-files.ts',
    find: 'for (const name of names) await unlinkIfThere(disk, join(records, name))',
    replace:
      'for (const token of tokens) await unlinkIfThere(disk, join(bodies, token))\n    for (const name of names) await unlinkIfThere(disk, join(records, name))',
    tests: outbox('goes first, durably'),
    long: crash('empty: keepLarge, reconcile'),
  },
  {
    name: 'a body goes before it is durable that its record is gone',
    file: 'src/outbox/record-files.ts',
    find: 'await this.#folder.sync(records)',
    replace: '',
    tests: outbox('goes first, durably'),
    long: crash('empty: keepLarge, reconcile'),
  },
  {
    name: 'the older generations go last',
    file: 'src/outbox/pending-records.ts',
    find: '[all.slice(0, -1), all.slice(-1)]',
    replace: '[all.slice(-1), all.slice(0, -1)]',
    tests: outbox('of the highest generation'),
  },
  {
    name: 'the older generation goes before the new one is there',
    file: 'src/outbox/fs-outbox.ts',
    find: 'await this.#records.add(record, inline)',
    replace: 'if (before) await this.#records.removeUpTo(before)\n        await this.#records.add(record, inline)',
    tests: outbox('goes only when the newer'),
  },
  {
    name: 'what a failing disk refused comes back',
    file: 'src/outbox/folder.ts',
    find: 'await unlinkIfThere(disk, to)\n        await this.sync(folder)',
    replace: '',
    tests: outbox('what a failing disk refused'),
  },
  {
    name: 'a torn record is not set aside',
    file: 'src/outbox/pending-records.ts',
    find: 'if (!newer) await this.#files.setAside(name)',
    replace: '',
    tests: file('unit/outbox/fs-outbox', 'cannot be trusted'),
  },
  {
    name: 'the checksum of a record is not looked at',
    file: 'src/outbox/record.ts',
    find: "line[64] !== ' ' || line.slice(0, 64) !== createHash('sha256').update(json).digest('hex')",
    replace: "line[64] !== ' '",
    tests: file('unit/outbox/fs-outbox', 'cannot be trusted'),
  },
  {
    name: 'a body that is not whole counts as one',
    file: 'src/outbox/record-files.ts',
    find: 'if (size === record.size) return { record, body }',
    replace: 'if (size !== undefined) return { record, body }',
    tests: file('unit/outbox/fs-outbox', 'cannot be trusted'),
  },
  {
    name: 'the sweep takes what a living process has not finished',
    file: 'src/outbox/sweep.ts',
    find: 'const dead = owners.has(owner) ? owners.get(owner) : true',
    replace: 'const dead = true',
    tests: file('unit/outbox/sweep'),
  },
]
