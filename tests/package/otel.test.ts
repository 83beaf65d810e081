import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Consumer } from '../support/consumer.js'

/** `need(name)` gives a module; what is told of a put and of a get that fails. */
const use = `
  const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = await need('@opentelemetry/sdk-trace-base')
  const exporter = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const { HybridStoreInstrumentation } = await need('hybrid-store/otel')
  const instrumentation = new HybridStoreInstrumentation({ tracerProvider })
  const { store } = (await need('hybrid-store/testing')).createTestStore()
  await store.put('a', 'abc')
  await store.get('s3:b').catch(() => {})
  instrumentation.disable()
  await store.put('a', 'abc')
  console.log(JSON.stringify(exporter.getFinishedSpans().map(({ name, attributes }) => [name, attributes['error.type']])))`
const told = [
  ['blob.put', null],
  ['blob.get', 'NOT_FOUND'],
]
const requireFrom = `
  import { createRequire } from 'node:module'
  const require = createRequire(import.meta.url)`

describe('hybrid-store/otel of the packed library', () => {
  let consumer: Consumer

  beforeAll(async () => {
    consumer = await Consumer.create()
    consumer.link('@opentelemetry')
  })
  afterAll(() => consumer?.remove())

  test('works as ESM', async () => {
    expect(await consumer.run('use.mjs', `const need = (name) => import(name)\n${use}`)).toEqual(told)
  })

  test('works as CJS', async () => {
    expect(await consumer.run('use.cjs', `;(async () => { const need = require\n${use} })()`)).toEqual(told)
  })

  test('hears the stores of the other format', async () => {
    const need = `const need = (name) => name === 'hybrid-store/testing' ? require(name) : import(name)`
    expect(await consumer.run('both.mjs', `${requireFrom}\n${need}\n${use}`)).toEqual(told)
  })
})
