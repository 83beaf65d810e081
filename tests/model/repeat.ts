/**
 * Without `MODEL_RUNS` the sequences are always the same ones, so that a change is judged by what it changed.
 * `MODEL_RUNS=1` draws others.
 * `MODEL_RUNS=10` makes every suite ten times as long. `MODEL_SEED`, `MODEL_PATH` and `MODEL_REPLAY` are what a failure
 * printed (seed, path, replayPath): with `vitest -t` and the test's name they run exactly that again.
 */
const { MODEL_RUNS, MODEL_SEED, MODEL_PATH, MODEL_REPLAY } = process.env

const times = Number(MODEL_RUNS ?? 1)
/** What is drawn where nobody asks for anything else. */
const usual = MODEL_SEED === undefined && MODEL_RUNS === undefined

/** Only against a hang: how long a suite takes depends on who else is on the machine. */
const timeout = 900_000 * Math.max(times, 1)

export const repeated = {
  times,
  timeout,
  replay: {
    // Before the test's time is up, so that the seed is told, and what had failed by then.
    interruptAfterTimeLimit: timeout - 60_000,
    markInterruptAsFailure: true,
    ...(MODEL_SEED === undefined ? {} : { seed: Number(MODEL_SEED) }),
    ...(MODEL_PATH === undefined ? {} : { path: MODEL_PATH }),
  },
}

/** The seed of a suite, unless another one or a longer run was asked for. */
export function usually(seed: number): { readonly seed?: number } {
  return usual ? { seed } : {}
}

/** For sequences of commands. */
export const replayed = MODEL_REPLAY === undefined ? {} : { replayPath: MODEL_REPLAY }
