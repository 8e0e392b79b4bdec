import type { Timer } from '../../clock.ts'
import { canonicalIp } from '../../network/address.ts'
import type { Ip, IpPacket, SocketOwner } from '../../network/types.ts'
import { decodeDns, encodeDns } from '../../network/wire/dns.ts'
import type { DnsMessage } from '../../network/wire/dns-types.ts'
import type { AgentLog } from './agent-log.ts'
import type { Datapath } from './datapath.ts'
import { versionOf } from './pipeline.ts'

/**
 * Names in rules (pkg/agent/controller/networkpolicy/fqdn.go of Antrea v2.4): answers of DNS to Pods that a rule with a name is for are
 * held up at the bridge until the rules know the addresses; the agent asks for names itself, at first and when their time is over.
 */
const REQUEST_TIMEOUT = 10_000
/** minRetryDelay and maxRetryDelay. */
const RETRY = { least: 5_000, most: 300_000 }

interface Entry { addresses: Map<Ip, number> }

/** A star is any number of characters, dots included; without one the name itself. */
export function fqdnMatches(selector: string, name: string): boolean {
  const pattern = selector.toLowerCase().trim()
  if (!pattern.includes('*')) return pattern === name
  return new RegExp(`^${pattern.split('*').map((part) => part.replace(/[.\\+?^${}()|[\]]/g, '\\$&')).join('.*')}$`).test(name)
}

export class FqdnCache {
  readonly #dp: Datapath
  readonly #log: AgentLog
  readonly #owner: SocketOwner | undefined
  readonly #server: { address: Ip; port: number } | undefined
  readonly #changed: () => void
  #selectors: ReadonlySet<string> = new Set()
  readonly #entries = new Map<string, Entry>()
  /** When a name is asked for again. */
  readonly #again = new Map<string, Timer>()
  readonly #failures = new Map<string, number>()
  readonly #sockets = new Set<() => void>()
  #id = 0

  /** `changed`: rules with names have other addresses, and are wanted at once. */
  constructor(dp: Datapath, log: AgentLog, env: ReadonlyMap<string, string>, owner: SocketOwner | undefined, changed: () => void) {
    this.#dp = dp
    this.#log = log
    this.#owner = owner
    this.#changed = changed
    const [host, port] = [env.get('KUBE_DNS_SERVICE_HOST') ?? '', env.get('KUBE_DNS_SERVICE_PORT') ?? '']
    if (host === '' || port === '') log('fqdn.go:197', '"Unable to derive DNS server from the kube-dns Service, will fall back to local resolver and DNS names matching the configured cluster domain suffix are not supported"')
    else {
      this.#server = { address: host, port: Number(port) }
      log('fqdn.go:201', `"Using kube-dns Service for DNS requests" dnsServer="${host.includes(':') ? `[${host}]` : host}:${port}"`)
    }
  }

  stop(): void {
    for (const timer of this.#again.values()) this.#dp.context.clock.cancel(timer)
    this.#again.clear()
    for (const close of this.#sockets) close()
  }

  /** All names of all rules. Exact ones are asked for at once; what no rule means any more is forgotten. */
  select(selectors: ReadonlySet<string>): void {
    const fresh = [...selectors].filter((s) => !this.#selectors.has(s))
    const gone = [...this.#selectors].some((s) => !selectors.has(s))
    this.#selectors = selectors
    if (gone) for (const name of new Set([...this.#entries.keys(), ...this.#again.keys()])) if (!this.#isWanted(name)) this.#forget(name)
    for (const selector of fresh.map((s) => s.toLowerCase().trim()).filter((s) => !s.includes('*'))) this.#ask(selector)
  }

  /** The addresses that a name or a pattern has now. */
  addresses(selector: string): Ip[] {
    return [...this.#entries].flatMap(([name, { addresses }]) => (fqdnMatches(selector, name) ? [...addresses.keys()] : [])).sort()
  }

  /** What is known: until when (virtual ms) each address of each name. */
  entries(): { name: string; ip: Ip; expires: number }[] {
    return [...this.#entries].flatMap(([name, { addresses }]) => [...addresses].map(([ip, expires]) => ({ name, ip, expires })))
  }

  /** An answer on its way to a Pod. */
  packet({ payload }: IpPacket): void {
    if (payload.kind === 'udp') this.#read(payload.data)
    // the first segment of an answer has its length and, mostly, all of it
    else if (payload.kind === 'tcp' && payload.data.length > 2) this.#read(payload.data.subarray(2))
  }

  #read(data: Uint8Array): void {
    let message: DnsMessage
    try {
      message = decodeDns(data)
    } catch {
      return
    }
    if (message.response) this.#learn(message)
  }

  #learn({ questions, answers }: DnsMessage): void {
    const name = questions[0]?.name.toLowerCase().replace(/\.$/, '')
    if (name === undefined || !this.#isWanted(name)) return
    const { clock } = this.#dp.context
    const versions = this.#dp.families.map((f) => f.version)
    const found = new Map<Ip, number>()
    for (const { ttl, data } of answers) {
      if (data.type !== 'A' && data.type !== 'AAAA') continue
      const ip = canonicalIp(data.address)
      if (ip !== undefined && versions.includes(versionOf(ip))) found.set(ip, clock.now + 1000 * ttl)
    }
    if (found.size === 0) return
    const entry = this.#entries.get(name) ?? { addresses: new Map<Ip, number>() }
    let changed = false
    for (const [ip, expires] of found) {
      changed ||= !entry.addresses.has(ip)
      entry.addresses.set(ip, Math.max(expires, entry.addresses.get(ip) ?? 0))
    }
    // an address that is not told any more stays as long as it was told for
    for (const [ip, expires] of entry.addresses) if (!found.has(ip) && expires < clock.now) changed = entry.addresses.delete(ip) || changed
    this.#entries.set(name, entry)
    this.#askIn(name, Math.max(0, Math.min(...entry.addresses.values()) - clock.now))
    if (changed) this.#changed()
  }

  #isWanted(name: string): boolean {
    for (const selector of this.#selectors) if (fqdnMatches(selector, name)) return true
    return false
  }

  #forget(name: string): void {
    this.#entries.delete(name)
    this.#failures.delete(name)
    this.#dp.context.clock.cancel(this.#again.get(name))
    this.#again.delete(name)
  }

  #askIn(name: string, ms: number): void {
    const { clock } = this.#dp.context
    clock.cancel(this.#again.get(name))
    this.#again.set(name, clock.schedule(ms, () => {
      this.#again.delete(name)
      this.#ask(name)
    }, { background: true }))
  }

  /** makeDNSRequest: past the node's own proxy to the DNS of the cluster, once a family. */
  #ask(name: string): void {
    const server = this.#server
    if (!server || !this.#isWanted(name)) return
    const { clock, network } = this.#dp.context
    let left = this.#dp.families.length
    let failed = false
    for (const { version } of this.#dp.families) {
      const id = (this.#id = (this.#id + 1) & 0xffff)
      const socket = network.sockets.udp(this.#owner ? { owner: this.#owner } : {})
      const close = (): void => {
        clock.cancel(timer)
        this.#sockets.delete(close)
        socket.close()
      }
      const end = (error?: string): void => {
        close()
        failed ||= error !== undefined
        if (error !== undefined) this.#log('fqdn.go:716', `"Error syncing FQDN, retrying" err="DNS request failed for IPv${version}: ${error}" fqdn="${name}"`, 'E')
        if (--left > 0) return
        const tries = failed ? (this.#failures.get(name) ?? 0) + 1 : 0
        if (tries === 0) this.#failures.delete(name)
        else {
          this.#failures.set(name, tries)
          this.#askIn(name, Math.min(RETRY.most, RETRY.least * 2 ** (tries - 1)))
        }
      }
      const timer = clock.schedule(REQUEST_TIMEOUT, () => end(`read udp ${socket.address}:${socket.port}->${server.address}:${server.port}: i/o timeout`), { background: true })
      this.#sockets.add(close)
      socket.onDatagram = ({ data }) => {
        end()
        this.#read(data)
      }
      socket.onError = (error) => end(error.message)
      try {
        socket.send(encodeDns({
          id, response: false, opcode: 0, authoritative: false, truncated: false, recursionDesired: true, recursionAvailable: false, authenticData: false, checkingDisabled: false, rcode: 'NOERROR',
          questions: [{ name: `${name}.`, type: version === 4 ? 'A' : 'AAAA', class: 'IN' }], answers: [], authorities: [], additionals: [],
        }), server.address, server.port)
      } catch (error) {
        end((error as Error).message)
      }
    }
  }
}
