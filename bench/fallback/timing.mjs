import { subscribe } from 'node:diagnostics_channel'

/** `count` calls, `width` at a time; microseconds per call. */
export async function timed(call, count, width) {
  const cpu = process.cpuUsage()
  const begun = performance.now()
  let left = count
  const worker = async () => {
    while (left-- > 0) await call()
  }
  await Promise.all(Array.from({ length: width }, worker))
  return cost(cpu, begun, count)
}

/** Microseconds for each of `count` since `cpu` and `begun` were taken. */
export function cost(cpu, begun, count) {
  const { user, system } = process.cpuUsage(cpu)
  return { wall: ((performance.now() - begun) * 1000) / count, cpu: (user + system) / count }
}

/**
 * Samples of both sides, taken in turns so that both meet the same machine; the first of them changes every round. Each
 * side is a function that gives a sample.
 */
export async function inTurns(sides, rounds) {
  const names = Object.keys(sides)
  const samples = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 ? names.toReversed() : names) samples[name].push(await sides[name]())
  }
  return samples
}

/** How much more the one takes than the other, by the medians; and the middle half of what the rounds said each. */
export function ratios(ours, theirs) {
  const of = (kind) => {
    const each = ours.map((sample, round) => sample[kind] / theirs[round][kind]).sort(ascending)
    const ratio = median(ours.map((sample) => sample[kind])) / median(theirs.map((sample) => sample[kind]))
    return { ratio, low: each[each.length >> 2], high: each[(each.length * 3) >> 2] }
  }
  return { cpu: of('cpu'), wall: of('wall') }
}

export const medians = (samples) => ({
  wall: median(samples.map(({ wall }) => wall)),
  cpu: median(samples.map(({ cpu }) => cpu)),
})

const ascending = (a, b) => a - b
export const median = (values) => [...values].sort(ascending)[values.length >> 1]

let sent = 0
// What really goes out, repetitions and all: Node says so of each request.
subscribe('http.client.request.start', () => sent++)
subscribe('undici:client:sendHeaders', () => sent++)

/** Requests that this process has sent so far. */
export const requests = () => sent

/** A row for two sides of which the first may take `most` times what the second takes. */
export function rowOf(name, ours, theirs, most) {
  const { cpu, wall } = ratios(ours, theirs)
  const met = cpu.ratio <= most && wall.ratio <= most
  const [a, b] = [medians(ours), medians(theirs)]
  const detail = `${micro(a)} against ${micro(b)}`
  return { name, figures: `cpu ${spread(cpu)}  wall ${spread(wall)}`, goal: `<= ${most.toFixed(2)}`, met, detail }
}

export const spread = ({ ratio, low, high }) => `${ratio.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`
export const micro = ({ wall, cpu }) => `${cpu.toFixed(0)} us cpu ${wall.toFixed(0)} us wall`
