/** What is known of a blob before its first byte is read. */
export interface RoutingContext<K extends string = string> {
  readonly key: string
  /** What the application calls this sort of file: `document`, `invoice`, ... */
  readonly kind?: K | undefined
  readonly contentType?: string | undefined
  /** Bytes, where known. */
  readonly size?: number | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

/**
 * Says which driver a new blob belongs to. A plain function will do; the `routeBy...` helpers make the usual ones.
 * Synchronous and pure: it is also asked where nothing is written. `undefined` is no opinion: {@link firstMatch} asks
 * the next policy, the store refuses with INVALID_ARGUMENT.
 */
export interface RoutingPolicy<D extends string = string, K extends string = string> {
  (context: RoutingContext<K>): D | undefined
  /** The kinds that the policy knows, for the message about one that it does not. */
  readonly kinds?: readonly string[] | undefined
}

/** What the `routeBy...` helpers have in common. */
export interface RouteOptions<O extends string> {
  /** The driver for whatever no rule fits. Without it the policy has no opinion there. */
  readonly otherwise?: O | undefined
}

/** For each driver the strings that lead to it. */
export type RouteRules = Readonly<Record<string, readonly string[]>>

/** The drivers that rules name. */
export type DriversOf<R> = keyof R & string

/** The strings that rules list. */
export type ListedIn<R extends RouteRules> = R[keyof R][number]
