/**
 * `HTTP_RUNS=10` makes the random suites of the HTTP layer ten times as long. `HTTP_SEED` and `HTTP_PATH` are what a failure
 * printed (seed, path): with `vitest -t` and the test's name they run exactly that again.
 */
const { HTTP_RUNS, HTTP_SEED, HTTP_PATH } = process.env

const times = Number(HTTP_RUNS ?? 1)

/** The seed of this run, printed where a test fails. */
export const seed = HTTP_SEED === undefined ? Math.floor(Math.random() * 0x7fffffff) : Number(HTTP_SEED)

export const repeated = {
  times,
  timeout: 120_000 * Math.max(times, 1),
  replay: { seed, ...(HTTP_PATH === undefined ? {} : { path: HTTP_PATH }) },
}
