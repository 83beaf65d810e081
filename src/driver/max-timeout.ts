/** Milliseconds that a timer can wait at most: about 25 days. Node turns more into 1. */
export const MAX_TIMEOUT = 2 ** 31 - 1
