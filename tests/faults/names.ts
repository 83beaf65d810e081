import dns from 'node:dns'

/** Host names that lead to this machine while they are not lost. */
const known = new Set<string>()
const taken = new Set<string>()
const systems = dns.lookup

export interface HostName {
  readonly host: string
  lose(): void
  restore(): void
  /** It is free to be given out again. */
  release(): void
}

/** A host name of this process that can be lost. */
export function hostName(): HostName {
  if (dns.lookup === systems) dns.lookup = Object.assign(lookup, systems) as typeof dns.lookup
  // Ceph takes any host name of three characters or more for that of a bucket.
  const names = Array.from({ length: 36 }, (_, i) => `h${i.toString(36)}`)
  const host = names.find((name) => !taken.has(name))
  if (host === undefined) throw new Error('All host names are taken.')
  taken.add(host)
  known.add(host)
  return {
    host,
    lose: () => void known.delete(host),
    restore: () => void known.add(host),
    release() {
      known.delete(host)
      taken.delete(host)
    },
  }
}

type Callback = (error: Error | null, address: unknown, family?: number) => void

/** `node:net` looks names up by what `dns.lookup` is at the time. */
function lookup(host: string, ...rest: unknown[]): void {
  if (known.has(host)) {
    const callback = rest.at(-1) as Callback
    const options = rest.length > 1 ? (rest[0] as { readonly all?: boolean } | number) : {}
    const all = typeof options === 'object' && options.all === true
    const [address, family] = ['127.0.0.1', 4]
    process.nextTick(() => (all ? callback(null, [{ address, family }]) : callback(null, address, family)))
    return
  }
  // It never resolves (RFC 2606), so that the failure is the system's own.
  const asked = taken.has(host) ? 'no-such-host.invalid' : host
  const system = systems as (...args: unknown[]) => void
  system(asked, ...rest)
}
