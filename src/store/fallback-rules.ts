import { isOutboxHost } from '../outbox/index.js'
import type { CircuitRules } from './circuit.js'
import type { DriverSet } from './driver-set.js'
import type { CircuitSettings, FallbackSettings } from './options.js'
import { wrongOption as wrong } from './wrong-option.js'

type Given = { [K in keyof FallbackSettings]: NonNullable<FallbackSettings[K]> }

/** The settings of the fallback with the defaults filled in. */
export interface FallbackRules extends Required<Omit<Given, 'circuit'>> {
  /** For each driver that may fail the one that keeps its blobs. */
  readonly targets: ReadonlyMap<string, string>
  readonly circuit: Omit<CircuitRules, 'probedByCalls'> | false
}

/** Checks the settings. CONFIGURATION names what is wrong. */
export function fallbackRules(options: { readonly [name: string]: unknown }, drivers: DriverSet): FallbackRules {
  const { outages, refusals, within, grace, circuit, requireDurable, maxBytes, minFree, ack, ...pairs } = options
  const targets = new Map<string, string>()
  for (const [from, to] of Object.entries(pairs)) {
    if (to === undefined) continue
    if (!drivers.names.includes(from)) throw wrong(`fallback names the driver "${from}", which it does not have`)
    if (typeof to !== 'string' || !drivers.names.includes(to)) {
      throw wrong(`fallback leads from ${from} to "${String(to)}", which is no driver of the store`)
    }
    const target = drivers.get(to)
    if (target === undefined) throw wrong(`fallback leads from ${from} to ${to}, which is not configured`)
    if (from === to) throw wrong(`fallback leads from ${from} to itself`)
    if (!isOutboxHost(target)) throw wrong(`fallback leads from ${from} to ${to}, which cannot keep blobs for others`)
    targets.set(from, to)
  }
  if (new Set(targets.values()).size > 1) throw wrong('fallback leads to more than one driver', 'Let all lead to one.')
  for (const to of targets.values()) {
    if (targets.has(to))
      throw wrong(`fallback leads to ${to}, and from ${to} to another one`, 'Do not chain fallbacks.')
  }
  if (ack !== undefined && ack !== 'driver' && ack !== 'fallback') throw wrong("fallback.ack is 'driver' or 'fallback'")
  return {
    targets,
    outages: outages !== false,
    refusals: refusals !== false,
    within: amount('within', within, 10_000, 'milliseconds', 1),
    grace: amount('grace', grace, 30_000, 'milliseconds', 0),
    circuit: circuitRules(circuit),
    requireDurable: requireDurable === true,
    maxBytes: amount('maxBytes', maxBytes, Number.POSITIVE_INFINITY, 'bytes', 0),
    minFree: amount('minFree', minFree, 64 * 1024 * 1024, 'bytes', 0),
    ack: ack ?? 'driver',
  }
}

function circuitRules(circuit: unknown): FallbackRules['circuit'] {
  if (circuit === false) return false
  const { probeAfter, probeAtMost } = (circuit ?? {}) as CircuitSettings
  const first = amount('circuit.probeAfter', probeAfter, 1_000, 'milliseconds', 1)
  const most = amount('circuit.probeAtMost', probeAtMost, 30_000, 'milliseconds', 1)
  return { probeAfter: first, probeAtMost: Math.max(first, most) }
}

function amount(name: string, value: unknown, standard: number, unit: string, least: number): number {
  if (value === undefined) return standard
  if (typeof value === 'number' && value >= least) return value
  throw wrong(`fallback.${name} is no number of ${unit} from ${least}`)
}
