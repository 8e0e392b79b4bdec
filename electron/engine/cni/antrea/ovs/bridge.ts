import type { Clock } from '../../../clock.ts'
import type { BaseLink } from '../../../network/link.ts'
import type { Namespace } from '../../../network/namespace.ts'
import { copyFrame, frameLength, isGroupMac, ported } from '../../../network/packets.ts'
import type { Frame, Link, Mac } from '../../../network/types.ts'
import { clausesOf, compileActions, type Action } from './actions.ts'
import { ConntrackZones, forget } from './conntrack-zones.ts'
import { Execution } from './execution.ts'
import { parseTerms, type FlowKey } from './fields.ts'
import { splitTop, type Flow } from './flow.ts'
import { FlowTable } from './table.ts'

export interface OvsPort {
  readonly number: number
  readonly name: string
  /** The kernel's link; a tunnel's is one for all of its kind (genev_sys_6081). */
  readonly link: BaseLink
  readonly type: 'system' | 'internal' | 'geneve' | 'vxlan'
  /** external_ids of its Interface in OVSDB. */
  readonly externalIds: Readonly<Record<string, string>>
}

export interface Bucket { readonly id: number; readonly weight: number; readonly actions: string; readonly compiled: readonly Action[]; packets: number }
export interface Group { readonly id: number; readonly type: 'select' | 'all'; readonly buckets: readonly Bucket[]; packets: number }

type Said = { stage: 'receive' | 'filter' | 'forward' | 'dnat' | 'snat' | 'undo-nat'; text: string; explanation: string; decidedBy?: string }

/** Who puts into words what flows decide. */
export interface Observer {
  met(x: Execution, flow: Flow): Said | undefined
  selected(x: Execution, group: Group, bucket: Bucket): Said | undefined
  translated(x: Execution, flow: Flow, reply: boolean, source: boolean): Said
  dropped(x: Execution, flow: Flow | undefined): { text: string; explanation: string; policies?: readonly string[] } | undefined
}

export type FlowSpec = Pick<Flow, 'table' | 'cookie' | 'priority' | 'match' | 'actions'> & { hardTimeout?: number }

/** An Open vSwitch bridge: ports of a node's network namespace, flow tables, groups, connection tracking zones. */
export class OvsBridge {
  readonly name: string
  readonly network: Namespace
  readonly clock: Clock
  readonly ports = new Map<number, OvsPort>()
  readonly tables = new Map<string, FlowTable>()
  readonly groups = new Map<number, Group>()
  readonly conntrack: ConntrackZones
  readonly firstTable: string
  readonly #seed: number
  readonly #macs = new Map<Mac, number>()
  observer: Observer | undefined
  /** The OpenFlow controller, as long as one is connected. */
  onPacketIn: ((x: Execution, userdata: string, flow: Flow) => void) | undefined

  /** Hears of packets with a DSCP, who may be a Traceflow's: out of which port they go, or that they are lost. True: it has taken the packet. */
  onTagged: ((x: Execution, port: number | undefined, flow: Flow | undefined) => boolean) | undefined

  constructor(name: string, network: Namespace, clock: Clock, tables: readonly string[]) {
    this.name = name
    this.network = network
    this.clock = clock
    tables.forEach((table, id) => this.tables.set(table, new FlowTable(id, table)))
    this.firstTable = tables[0]!
    this.conntrack = new ConntrackZones(network, clock)
    this.#seed = clock.random.fork(`ovs ${name} ${network.name}`).uint32()
  }

  get recorder(): Namespace['recorder'] {
    return this.network.recorder
  }

  // ---- ports ---------------------------------------------------------------------------------------------------

  addPort(port: OvsPort): void {
    this.ports.set(port.number, port)
    // internal ports hand over what they send, all others what they receive
    if (port.type !== 'internal') (port.link as Link).ingress = { name: 'openvswitch', run: (frame) => (this.receive(port.number, frame), 'stolen') }
  }

  removePort(number: number): void {
    const port = this.ports.get(number)
    if (!port) return
    this.ports.delete(number)
    port.link.ingress = undefined
    for (const [mac, at] of this.#macs) if (at === number) this.#macs.delete(mac)
  }

  portNumber(name: string): number | undefined {
    for (const port of this.ports.values()) if (port.name === name) return port.number
    return undefined
  }

  portName(number: number): string {
    return this.ports.get(number)?.name ?? String(number)
  }

  // ---- flows and groups ----------------------------------------------------------------------------------------

  addFlow(spec: FlowSpec): void {
    const terms = spec.match === '' ? [] : splitTop(spec.match).flatMap((part) => parseTerms(part, (name) => this.portNumber(name)))
    this.#table(spec.table).add({ ...spec, terms, compiled: compileActions(spec.actions), clauses: clausesOf(spec.actions), createdAt: this.clock.now, packets: 0, bytes: 0 })
    this.network.changed()
  }

  removeFlow(spec: Pick<FlowSpec, 'table' | 'priority' | 'match'>): void {
    if (this.#table(spec.table).remove(spec)) this.network.changed()
  }

  #table(name: string): FlowTable {
    const table = this.tables.get(name)
    if (!table) throw new Error(`podhop: not simulated: the table ${name}`)
    return table
  }

  setGroup(id: number, buckets: readonly string[], type: Group['type'] = 'select'): void {
    this.groups.set(id, { id, type, packets: 0, buckets: buckets.map((actions, i) => ({ id: i, weight: 100, actions, compiled: compileActions(actions), packets: 0 })) })
  }

  /** type=select without a selection method: a hash of the flow chooses, the same bucket for the same connection. */
  select(group: Group, { frame: { payload } }: FlowKey): Bucket | undefined {
    if (payload.kind !== 'ip') return undefined
    let hash = 2166136261 ^ this.#seed ^ group.id
    const ports = ported(payload.payload)
    const text = `${payload.source} ${payload.destination} ${ports?.sourcePort ?? 0} ${ports?.destinationPort ?? 0} ${payload.payload.kind}`
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619)
    hash ^= hash >>> 15
    hash = Math.imul(hash, 0x85ebca6b)
    hash ^= hash >>> 13
    return group.buckets[(hash >>> 0) % group.buckets.length]
  }

  count(flow: Flow, frame: Frame): void {
    flow.packets++
    flow.bytes += frameLength(frame)
  }

  // ---- frames --------------------------------------------------------------------------------------------------

  receive(port: number, frame: Frame): void {
    const { payload } = frame
    if (payload.kind === 'ip') forget(payload)
    const key = this.key(port, frame)
    if (payload.kind === 'ip' && payload.meta.tunnel?.local !== undefined) key.tunnelDestination = payload.meta.tunnel.local
    new Execution(this, key).start()
  }

  key(inPort: number, frame: Frame): FlowKey {
    return { frame, inPort, registers: new Uint32Array(16), ctState: 0, ctMark: 0, ctLabelHigh: 0, ctLabelLow: 0, conjunction: 0, tunnelDestination: '0.0.0.0' }
  }

  send(x: Execution, number: number, flow: Flow | undefined): void {
    const port = this.ports.get(number)
    const { frame } = x.key
    if (!port) return x.lost(flow, 'drop-ovs-flow', `The bridge has no port ${number}.`)
    const packet = x.packet
    if (packet) {
      if (packet.tos !== 0 && this.onTagged?.(x, number, flow)) return
      if (flow && x.recording) x.hop(flow, { stage: 'forward', text: `The bridge ${this.name} sends the frame out of its port ${port.name}.`, explanation: 'ovs-output' })
      forget(packet)
      packet.meta.tunnel = port.type === 'geneve' || port.type === 'vxlan' ? { id: 0, remote: x.key.tunnelDestination } : undefined
    }
    if (port.type === 'internal') port.link.receive(frame)
    else port.link.transmit(frame)
  }

  /** The bridge's own switching, without flows: learns, and floods what it does not know. Tunnels need a flow to name their other end. */
  normal(x: Execution): void {
    const { frame, inPort } = x.key
    if (!isGroupMac(frame.source)) this.#macs.set(frame.source, inPort)
    const known = isGroupMac(frame.destination) ? undefined : this.#macs.get(frame.destination)
    if (known !== undefined && this.ports.has(known)) {
      if (known !== inPort) this.send(x, known, undefined)
      return
    }
    for (const port of [...this.ports.values()]) {
      if (port.number === inPort || port.type === 'geneve' || port.type === 'vxlan') continue
      const copy = copyFrame(frame)
      if (port.type === 'internal') port.link.receive(copy)
      else port.link.transmit(copy)
    }
  }

  packetIn(x: Execution, userdata: string, flow: Flow): void {
    if (this.onPacketIn) {
      if (x.packet && x.packet.tos !== 0) this.onTagged?.(x, undefined, flow)
      return this.onPacketIn(x, userdata, flow)
    }
    // a packet for the agent's log goes on without it
    if (userdata === '01.01') return
    x.lost(flow, 'drop-ovs-flow', `The flow hands the packet to antrea-agent, which does not run on this node.`)
  }

  /** ovs-ofctl dump-flows: tables in order, each from its highest priority down. */
  *dump(): Generator<{ table: FlowTable; flow: Flow }> {
    for (const table of this.tables.values()) {
      const flows = [...table.flows].filter((f) => f.hardTimeout === undefined || f.createdAt + f.hardTimeout * 1000 > this.clock.now)
      for (const flow of flows.sort((a, b) => b.priority - a.priority)) yield { table, flow }
    }
  }

}
