import type { Header } from '../../../journey/types.ts'
import type { IpPacket } from '../../../network/types.ts'
import type { OvsBridge } from './bridge.ts'
import type { FlowKey } from './fields.ts'
import { flowText, splitTop, type Flow } from './flow.ts'

/** How often one frame may be sent to a table (ofproto-dpif-xlate.c: MAX_RESUBMITS is 4096 there). */
const LIMIT = 256

/** One frame's way through the tables. */
export class Execution {
  readonly bridge: OvsBridge
  readonly key: FlowKey
  /** ofproto/trace: nothing is counted, learned, committed or sent. */
  readonly dry: boolean
  /** The zone that the packet's connection belongs to. */
  zone: number | undefined
  /** Whether somebody has taken the frame: a port, the controller, a named drop. */
  done = false
  /** ofproto/trace: what was met, and the state that ct() takes for found. */
  traced: { lines: string[]; next: number } | undefined
  #steps = 0
  #last: Flow | undefined

  constructor(bridge: OvsBridge, key: FlowKey, dry = false) {
    this.bridge = bridge
    this.key = key
    this.dry = dry
  }

  get packet(): IpPacket | undefined {
    const { payload } = this.key.frame
    return payload.kind === 'ip' ? payload : undefined
  }

  get recording(): boolean {
    const { packet } = this
    return packet !== undefined && this.bridge.recorder.recording(packet)
  }

  /** From the first table to the end; what nobody takes is dropped by the last flow that it met. */
  start(table = this.bridge.firstTable): void {
    this.run(table)
    if (this.done) return
    const flow = this.#last
    const text = this.bridge.observer?.dropped(this, flow)
    this.lost(flow, text?.explanation ?? 'drop-ovs-flow', text?.text ?? 'No flow of the bridge sends the frame anywhere.', text?.policies)
  }

  run(name: string): void {
    const table = this.bridge.tables.get(name)
    if (!table || ++this.#steps > LIMIT) return
    const flow = table.lookup(this.key, this.bridge.clock.now)
    if (!flow) return
    this.#last = flow
    if (!this.dry) this.bridge.count(flow, this.key.frame)
    if (this.recording) {
      const said = this.bridge.observer?.met(this, flow)
      if (said) this.hop(flow, said)
    }
    if (this.traced) {
      this.traced.lines.push(`${String(table.id).padStart(2)}. ${flow.match || 'No match.'}${flow.match ? ',' : ''} priority ${flow.priority}, cookie ${flow.cookie}`)
      for (const action of splitTop(flow.actions)) this.traced.lines.push(`    ${action}`)
    }
    for (const action of flow.compiled) {
      action(this, flow)
      if (this.done) return
    }
  }

  hop(flow: Flow, { stage, text, explanation, before, after, decidedBy }: { stage: 'receive' | 'filter' | 'forward' | 'dnat' | 'snat' | 'undo-nat'; text: string; explanation: string; before?: Header; after?: boolean; decidedBy?: string }): void {
    const { packet, bridge } = this
    if (!packet) return
    const now = bridge.recorder.header(packet, this.key.frame)
    bridge.recorder.hop(bridge.network, packet, {
      stage, interface: bridge.portName(this.key.inPort), text,
      decidedBy: { kind: 'rule', table: flow.table, text: decidedBy ?? flowText(flow) }, before: before ?? now, after: after ? now : undefined, explanation,
    })
  }

  /** An address or a port has been changed by ct(nat). */
  translated(flow: Flow, before: Header, reply: boolean, source: boolean): void {
    const { packet } = this
    if (!packet || !this.bridge.observer) return
    this.hop(flow, { ...this.bridge.observer.translated(this, flow, reply, source), before, after: true })
  }

  // ---- what actions do -----------------------------------------------------------------------------------------

  group(id: number, flow: Flow): void {
    const group = this.bridge.groups.get(id)
    if (group?.type === 'all') {
      if (!this.dry) group.packets++
      for (const { compiled } of group.buckets) for (const action of compiled) if (!this.done) action(this, flow)
      return
    }
    const bucket = group && this.bridge.select(group, this.key)
    if (!group || !bucket) return
    this.traced?.lines.push(`     -> using bucket ${bucket.id}`, ...splitTop(bucket.actions).map((action) => `    bucket ${bucket.id}: ${action}`))
    if (!this.dry) group.packets++
    if (!this.dry) bucket.packets++
    if (this.recording) {
      const said = this.bridge.observer?.selected(this, group, bucket)
      if (said) this.hop(flow, said)
    }
    for (const action of bucket.compiled) {
      action(this, flow)
      if (this.done) return
    }
  }

  controller(userdata: string, flow: Flow): void {
    // 01.01: the agent only writes the packet into its log, and the flow goes on; so it does after 02 (pause), when the agent has read it
    this.done = userdata !== '01.01' && userdata !== '02'
    if (!this.dry) this.bridge.packetIn(this, userdata, flow)
  }

  output(port: number, flow: Flow): void {
    this.done = true
    this.traced?.lines.push(`     -> output to ${this.bridge.portName(port)}`)
    if (!this.dry) this.bridge.send(this, port, flow)
  }

  normal(): void {
    this.done = true
    if (!this.dry) this.bridge.normal(this)
  }

  decrementTtl(flow: Flow): void {
    const { packet } = this
    if (!packet) return
    if (packet.ttl <= 1) return this.lost(flow, 'drop-ttl-exceeded', 'The packet has no more hops to live, and the bridge does not say so to its sender.')
    packet.ttl--
  }

  /** Nothing goes on from here. */
  lost(flow: Flow | undefined, explanation: string, text: string, policies?: readonly string[]): void {
    this.done = true
    const { packet, bridge } = this
    if (packet && packet.tos !== 0 && !this.dry) bridge.onTagged?.(this, undefined, flow)
    if (!packet?.meta.trail || this.dry) return
    bridge.recorder.fail(bridge.network, packet, 'dropped', explanation, {
      stage: 'drop', interface: bridge.portName(this.key.inPort), text,
      decidedBy: flow && { kind: 'rule', table: flow.table, text: flowText(flow) }, before: bridge.recorder.header(packet, this.key.frame), explanation, ...(policies ? { policies } : {}),
    })
  }
}
