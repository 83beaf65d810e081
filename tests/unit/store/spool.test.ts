import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Spool, SpoolBudget, type SpoolLoss, SpoolTee } from '../../../src/body/index.js'

class Sink {
  readonly chunks: Buffer[] = []
  discarded = false
  constructor(readonly failAfter = Number.POSITIVE_INFINITY) {}
  async write(chunk: Uint8Array): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    if (this.chunks.length >= this.failAfter) throw new Error('the disk is gone')
    this.chunks.push(Buffer.from(chunk))
  }
  async discard(): Promise<void> {
    this.discarded = true
  }
}

const unlimited = { totalMemory: Number.POSITIVE_INFINITY, totalDisk: Number.POSITIVE_INFINITY }

function makeSpool(
  memory: number,
  options: { limits?: Partial<typeof unlimited>; failAfter?: number; free?: number } = {},
) {
  const sinks: Sink[] = []
  const losses: SpoolLoss[] = []
  const budget = new SpoolBudget({ ...unlimited, ...options.limits })
  const spool = new Spool<Sink>({
    memory,
    minFree: 1000,
    budget,
    openSink: async () => {
      const sink = new Sink(options.failAfter)
      sinks.push(sink)
      return sink
    },
    freeSpace: async () => options.free,
    onLost: (loss) => losses.push(loss),
  })
  return { spool, sinks, losses, budget }
}

async function* generate(chunks: readonly Uint8Array[], failure?: Error): AsyncGenerator<Uint8Array, void, undefined> {
  for (const chunk of chunks) yield chunk
  if (failure) throw failure
}

test('whatever a driver takes and wherever it stops, the rest completes the body', async () => {
  const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 700 }), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(chunks, fc.nat(32), fc.nat(6000), async (body, stopAt, memory) => {
      const { spool, sinks } = makeSpool(memory)
      const tee = new SpoolTee(generate(body), spool)
      const iterator = tee.branch()[Symbol.asyncIterator]()
      const taken: Uint8Array[] = []
      for (let i = 0; i < stopAt; i++) {
        const step = await iterator.next()
        if (step.done) break
        taken.push(Buffer.from(step.value))
      }
      await iterator.return?.()
      expect(Buffer.concat(taken).equals(Buffer.concat(body.slice(0, stopAt)))).toBe(true)
      const sink = await tee.drain(spool)
      expect(Buffer.concat(sink.chunks).equals(Buffer.concat(body))).toBe(true)
      expect(sinks).toHaveLength(1)
      await tee.close()
      expect(sink.discarded).toBe(false)
    }),
    { numRuns: 200 },
  )
})

test('a driver that was given up gets an error, never an end', async () => {
  const { spool } = makeSpool(1000)
  const tee = new SpoolTee(generate([Buffer.from('a'), Buffer.from('b')]), spool)
  const iterator = tee.branch()[Symbol.asyncIterator]()
  await iterator.next()
  await tee.drain(spool)
  await expect(iterator.next()).rejects.toMatchObject({ code: 'ABORTED' })
})

test('the failure of the body is told apart, for the driver and for the rest', async () => {
  const failure = new Error('mine')
  for (const drain of [false, true]) {
    const { spool, sinks } = makeSpool(0)
    const tee = new SpoolTee(generate([Buffer.alloc(10_000)], failure), spool)
    const iterator = tee.branch()[Symbol.asyncIterator]()
    await iterator.next()
    await expect(drain ? tee.drain(spool) : iterator.next()).rejects.toBe(failure)
    expect(tee.failure).toEqual({ error: failure })
    await tee.close()
    expect(sinks.every(({ discarded }) => discarded)).toBe(true)
  }
})

test('the budget of the store is shared, and given back', async () => {
  const { spool, budget, losses, sinks } = makeSpool(1_000_000, {
    limits: { totalMemory: 300_000, totalDisk: 600_000 },
  })
  // The second block for the sink is full with the last of them.
  for (let i = 0; i < 9; i++) await spool.add(Buffer.alloc(100_000))
  expect(await spool.isWhole()).toBe(false)
  expect(losses).toEqual(['budget'])
  expect(sinks.map(({ discarded }) => discarded)).toEqual([true])
  await spool.add(Buffer.alloc(100_000))
  expect(budget.takeMemory(300_000)).toBe(true)
  expect(budget.takeDisk(600_000)).toBe(true)
})

test('too little free space and a failing disk give up once', async () => {
  const full = makeSpool(0, { free: 999 })
  const broken = makeSpool(0, { failAfter: 1 })
  for (const { spool, losses } of [full, broken]) {
    for (let i = 0; i < 10; i++) await spool.add(Buffer.alloc(200_000))
    expect(await spool.isWhole()).toBe(false)
    expect(losses).toHaveLength(1)
  }
  expect([...full.losses, ...broken.losses]).toEqual(['free-space', 'failed'])
})

test('the source may fill its memory anew while what it held is still written', async () => {
  const { spool } = makeSpool(0)
  const chunk = Buffer.alloc(100_000)
  for (let i = 0; i < 20; i++) await spool.add(chunk.fill(i))
  const written = Buffer.concat((await spool.handOver()).chunks)
  expect(written.byteLength).toBe(2_000_000)
  for (let i = 0; i < 20; i++) {
    expect(written.subarray(i * 100_000, (i + 1) * 100_000).equals(Buffer.alloc(100_000, i))).toBe(true)
  }
})
