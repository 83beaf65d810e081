import { context, type HrTime, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api'
import { commonAttributes, type Operation } from './operation.js'

/**
 * A span for what has ended just now, below the span that is active where it was called: events are published in the
 * caller's own context. `keys`: whether it may say which blob it was.
 */
export function recordSpan(tracer: Tracer, operation: Operation, keys: boolean): void {
  const { name, key, ms, size, pendingFor, code, message } = operation
  const end = Date.now()
  const attributes = {
    ...commonAttributes(operation),
    ...(size === undefined ? {} : { 'hybrid_store.size': size }),
    ...(pendingFor === undefined ? {} : { 'hybrid_store.pending_for': pendingFor }),
    ...(keys ? { 'hybrid_store.key': key } : {}),
  }
  // The requests to a storage are spans of the SDK's or the HTTP client's instrumentation, of kind CLIENT.
  const options = { kind: SpanKind.INTERNAL, startTime: timeOf(end - ms), attributes }
  const span = tracer.startSpan(`blob.${name}`, options, context.active())
  if (code !== undefined) {
    span.setStatus({ code: SpanStatusCode.ERROR, ...(keys && message !== undefined ? { message } : {}) })
  }
  span.end(timeOf(end))
}

/** A number would be taken for one of `performance.now()` where it is small enough, and a Date has whole milliseconds. */
function timeOf(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.floor((ms - seconds * 1000) * 1e6)]
}
