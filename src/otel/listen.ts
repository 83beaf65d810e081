import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { diag } from '@opentelemetry/api'
import type { StoreEventName, StoreEvents } from '../store/index.js'

/** What to do at an event of any store of the process. */
export type EventHandlers = { readonly [E in StoreEventName]?: (event: StoreEvents[E]) => void }

/** Listens to the events of all stores, of both formats of the library; the answer ends that. */
export function listen(handlers: EventHandlers): () => void {
  const listeners = Object.entries(handlers).map(([name, handle]) => {
    const listener = (event: unknown) => guarded(() => handle(event as never))
    return [`hybrid-store:${name}`, listener] as const
  })
  for (const [name, listener] of listeners) subscribe(name, listener)
  return () => {
    for (const [name, listener] of listeners) unsubscribe(name, listener)
  }
}

/** Node makes an uncaught exception of whatever a subscriber throws: a span processor's error would end the process. */
function guarded(handle: () => void): void {
  try {
    handle()
  } catch (error) {
    diag.error('hybrid-store: an event could not be recorded', error)
  }
}
