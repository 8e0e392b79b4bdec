import type { Timer } from '../../clock.ts'
import { ipLength } from '../../network/packets.ts'
import { byName } from '../../own.ts'
import type { Direction } from '../../policy/types.ts'
import type { NodeContext } from '../types.ts'
import type { Datapath } from './datapath.ts'
import type { Action } from './native-policy.ts'
import type { Execution } from './ovs/execution.ts'
import type { Flow } from './ovs/flow.ts'

/** The audit log of Antrea (pkg/agent/controller/networkpolicy/audit_logging.go of v2.4): its own rules with enableLogging, and NetworkPolicies of Namespaces that ask for it. */
export const NP_LOG = '/var/log/antrea/networkpolicy/np.log'
/** What no rule of a NetworkPolicy lets through: by which policy the flow cannot tell. */
const DEFAULTS: Readonly<Record<string, LoggedRule>> = byName({
  IngressDefaultRule: { name: '', label: '', source: 'K8sNetworkPolicy', direction: 'ingress', action: 'Drop', table: 'IngressDefaultRule', priority: undefined },
  EgressDefaultRule: { name: '', label: '', source: 'K8sNetworkPolicy', direction: 'egress', action: 'Drop', table: 'EgressDefaultRule', priority: undefined },
})
/** APDenyRegMark of fields.go: a rule of Antrea's own drops or rejects the packet. */
const DENIED = 0x400
/** Packets that were not let through and look the same are one line a second. */
const BUFFER = 1_000

export interface LoggedRule { name: string; label: string; source: string; direction: Direction; action: Action; table: string; priority: number | undefined }

export class AuditLog {
  readonly #context: NodeContext
  readonly #dp: Datapath
  readonly #ruleOf: (conjunction: number) => LoggedRule | undefined
  readonly #pending = new Map<string, { count: number; timer: Timer }>()

  constructor(context: NodeContext, dp: Datapath, ruleOf: (conjunction: number) => LoggedRule | undefined) {
    this.#context = context
    this.#dp = dp
    this.#ruleOf = ruleOf
    context.machine.fs.makeDirectory('/var/log/antrea/networkpolicy', { parents: true })
  }

  stop(): void {
    for (const { timer } of this.#pending.values()) this.#context.clock.cancel(timer)
    this.#pending.clear()
  }

  /** Denied packets have their conjunction in reg3; allowed ones in the register of their direction. */
  packet(x: Execution, flow: Flow): void {
    const { packet, key } = x
    // register 3 has the endpoint of a Service's packet before: the mark tells which
    const denied = (key.registers[0]! & DENIED) !== 0
    const rule = (denied ? undefined : DEFAULTS[flow.table]) ?? (denied ? [3] : [6, 5]).map((register) => this.#ruleOf(key.registers[register]!)).find((found) => found)
    if (!packet || !rule) return
    const { payload } = packet
    const own = this.#dp.podAt(rule.direction === 'ingress' ? packet.destination : packet.source)
    const [from, to] = payload.kind === 'tcp' || payload.kind === 'udp' ? [String(payload.sourcePort), String(payload.destinationPort)] : ['<nil>', '<nil>']
    const line = [
      rule.table, rule.source, rule.name || '<nil>', rule.direction === 'ingress' ? 'Ingress' : 'Egress', rule.action, rule.priority ?? '<nil>', own ? `${own.podNamespace}/${own.podName}` : '<nil>',
      packet.source, from, packet.destination, to, payload.kind === 'icmp' && packet.version === 6 ? 'IPv6-ICMP' : payload.kind.toUpperCase(), ipLength(packet), rule.label || '<nil>',
    ].join(' ')
    if (rule.action === 'Allow') return this.#write(line)
    const known = this.#pending.get(line)
    if (known) {
      known.count++
      return
    }
    const timer = this.#context.clock.schedule(BUFFER, () => {
      const { count } = this.#pending.get(line)!
      this.#pending.delete(line)
      this.#write(count === 1 ? line : `${line} [${count} packets in 1s]`)
    }, { background: true })
    this.#pending.set(line, { count: 1, timer })
  }

  /** Go's log package with date and microseconds. */
  #write(line: string): void {
    const { machine: { fs }, clock } = this.#context
    const at = new Date(clock.wall()).toISOString()
    const text = `${at.slice(0, 10).replaceAll('-', '/')} ${at.slice(11, 23)}000 ${line}\n`
    fs.appendFile(NP_LOG, text)
  }
}
