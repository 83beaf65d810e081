/** What the proxy does to a request instead of passing it on and back unharmed. */
export type FaultKind =
  /** Cuts the connection before it has read the body, or once `after` bytes of it have come. */
  | { readonly kind: 'reset'; readonly after?: number }
  /** Reads the request to its end, then cuts the connection; the server behind never hears of it. */
  | { readonly kind: 'reset-after-request' }
  /** Passes the request on, waits until the server has answered it, then cuts the connection. */
  | { readonly kind: 'lost-response' }
  /** Passes the request on, waits until the server has answered it, then never answers. */
  | { readonly kind: 'no-answer' }
  /** Reads the request, cuts the connection, and passes the request on `ms` later or when it is released. */
  | { readonly kind: 'late'; readonly ms?: number }
  /** Never answers. */
  | { readonly kind: 'hang' }
  /** Takes `after` bytes of the request's body, then neither takes more nor answers. */
  | { readonly kind: 'stall'; readonly after: number }
  /** Passes `after` bytes of the response's body, then sends nothing more. */
  | { readonly kind: 'hang-body'; readonly after: number }
  /** Passes `after` bytes of the response's body, then cuts the connection. */
  | { readonly kind: 'truncate'; readonly after: number }
  /** Flips one bit of the byte at `at` of the response's body, `step` bytes further with each request. */
  | { readonly kind: 'flip'; readonly at: number; readonly step?: number }
  /** Flips one bit of the byte at `at` of the request's body. */
  | { readonly kind: 'flip-request'; readonly at: number }
  /** Passes the request's body on at about this rate, which all requests that it hits share. */
  | { readonly kind: 'slow-request'; readonly bytesPerSecond: number }
  /** Passes the response's body at about this rate. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** Waits so many milliseconds before it passes the request on. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Reads the request, then gives this answer itself; with `after` once the server has carried the request out. */
  | {
      readonly kind: 'answer'
      readonly after?: 'commit'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }
