import { describe, expect, it } from 'vitest'
import { SharedSync } from '../../../src/disk/index.js'

/** Handles whose fsyncs end when the test says so, in the order in which they began. */
function handles() {
  const begun: { readonly name: string; end(error?: Error): void }[] = []
  const handle = (name: string) => ({
    sync: () =>
      new Promise<void>((resolve, reject) => {
        begun.push({ name, end: (error) => (error ? reject(error) : resolve()) })
      }),
  })
  return { begun, handle }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('a shared fsync', () => {
  it('serves all who asked before it began, and nobody who came later', async () => {
    const { begun, handle } = handles()
    const syncs = new SharedSync()
    const over: string[] = []
    const ask = (name: string) => syncs.sync('directory', handle(name)).then(() => over.push(name))
    const first = [ask('a'), ask('b')]
    await turn()
    expect(begun.map(({ name }) => name)).toEqual(['a'])
    const later = [ask('c'), ask('d')]
    await turn()
    // One at a time.
    expect(begun).toHaveLength(1)
    begun[0]?.end()
    await Promise.all(first)
    await turn()
    expect(over).toEqual(['a', 'b'])
    expect(begun.map(({ name }) => name)).toEqual(['a', 'c'])
    begun[1]?.end()
    await Promise.all(later)
    expect(over).toEqual(['a', 'b', 'c', 'd'])
  })

  it('fails for all of its own, and the next one is an fsync of its own', async () => {
    const { begun, handle } = handles()
    const syncs = new SharedSync()
    const first = [syncs.sync('directory', handle('a')), syncs.sync('directory', handle('b'))]
    const settled = Promise.allSettled(first)
    await turn()
    const next = syncs.sync('directory', handle('c'))
    begun[0]?.end(new Error('EIO'))
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await turn()
    begun[1]?.end()
    await next
    expect(begun).toHaveLength(2)
  })

  it('is shared by those of one directory only', async () => {
    const { begun, handle } = handles()
    const syncs = new SharedSync()
    const both = [syncs.sync('one', handle('one')), syncs.sync('other', handle('other'))]
    await turn()
    expect(begun.map(({ name }) => name)).toEqual(['one', 'other'])
    for (const { end } of begun) end()
    await Promise.all(both)
  })
})
