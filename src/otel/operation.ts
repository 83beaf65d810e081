import type { Attributes } from '@opentelemetry/api'
import type { StorageErrorCode } from '../errors/index.js'
import type { StoreEvents } from '../store/index.js'

/** A put, get or delete that has ended, well or not: what a span and a point of the duration are made of. */
export interface Operation {
  readonly name: StoreEvents['failed']['operation']
  readonly key: string
  readonly driver: string | undefined
  readonly ms: number
  /** Bytes of the whole blob. */
  readonly size?: number | undefined
  readonly pending?: boolean | undefined
  readonly pendingFor?: string | undefined
  readonly code?: StorageErrorCode | undefined
  /** May name the key. */
  readonly message?: string | undefined
}

/** By event, the operation that it tells the end of. */
export const operationOf = {
  put: (event: StoreEvents['put']): Operation => ({ name: 'put', pending: false, ...event }),
  kept: (event: StoreEvents['kept']): Operation => ({ name: 'put', pending: true, ...event }),
  get: (event: StoreEvents['get']): Operation => ({ name: 'get', ...event }),
  delete: (event: StoreEvents['delete']): Operation => ({ name: 'delete', ...event }),
  failed: ({ operation, key, driver, ms, code, error }: StoreEvents['failed']): Operation => {
    return { name: operation, key, driver, ms, code, message: error.message }
  },
}

/** What spans and metrics have in common, all of it from small sets. */
export function commonAttributes({ name, driver, pending, code }: Operation): Attributes {
  return {
    'hybrid_store.operation': name,
    ...(driver === undefined ? {} : { 'hybrid_store.driver': driver }),
    ...(pending === undefined ? {} : { 'hybrid_store.pending': pending }),
    ...(code === undefined ? {} : { 'error.type': code }),
  }
}
