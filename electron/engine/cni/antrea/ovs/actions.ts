import { isValidIp } from '../../../network/address.ts'
import type { IpPacket } from '../../../network/types.ts'
import type { TrackedConnection } from '../../../network/netfilter/conntrack/connection.ts'
import { stateOf } from './conntrack-zones.ts'
import type { Execution } from './execution.ts'
import { CT, formatCtState, halves, setWideRegister, subfield } from './fields.ts'
import { splitTop, type Flow } from './flow.ts'
import { compileLearn } from './learn.ts'

/** Actions of ovs-actions(7), as far as Antrea's flows have them. */
export type Action = (x: Execution, flow: Flow) => void

/** "conjunction(10,1/2)" */
export function clausesOf(actions: string): Flow['clauses'] {
  return [...actions.matchAll(/conjunction\((\d+),(\d+)\/(\d+)\)/g)].map(([, id, clause, of]) => ({ id: Number(id), clause: Number(clause), of: Number(of) }))
}

/** Throws an Error with what ovs-ofctl says. */
export function compileActions(text: string): Action[] {
  return text === 'drop' ? [] : splitTop(text).filter((a) => !a.startsWith('conjunction(')).map(compile)
}

function compile(text: string): Action {
  if (text.startsWith('goto_table:')) return table(text.slice(11))
  if (text.startsWith('resubmit(,')) return table(text.slice(10, -1))
  if (text.startsWith('set_field:')) return setField(text.slice(10))
  if (text.startsWith('load:')) return load(text.slice(5))
  if (text.startsWith('move:')) return move(text.slice(5))
  if (text.startsWith('ct(')) return conntrack(text.slice(3, -1))
  if (text.startsWith('learn(')) return compileLearn(text.slice(6, -1))
  if (text.startsWith('group:')) {
    const id = Number(text.slice(6))
    return (x, flow) => x.group(id, flow)
  }
  if (text.startsWith('controller(')) {
    const userdata = /userdata=([\da-f.]+)/.exec(text)?.[1] ?? ''
    return (x, flow) => x.controller(userdata, flow)
  }
  if (text.startsWith('meter:')) return () => undefined
  if (text.startsWith('output:')) {
    const to = text.slice(7)
    // a frame does not leave by the port that it came from, unless IN_PORT says so
    const send = (x: Execution, port: number, flow: Flow): void => (port === x.key.inPort ? x.lost(flow, 'drop-ovs-flow', `The frame has come in through ${x.bridge.portName(port)} and may not leave by the same port.`) : x.output(port, flow))
    if (to === 'NXM_NX_REG1[]') return (x, flow) => send(x, x.key.registers[1]!, flow)
    const port = Number(to)
    return (x, flow) => send(x, port, flow)
  }
  switch (text) {
    case 'IN_PORT': return (x, flow) => x.output(x.key.inPort, flow)
    case 'NORMAL': return (x) => x.normal()
    case 'dec_ttl': return (x, flow) => x.decrementTtl(flow)
  }
  throw new Error(`podhop: not simulated: the action ${text}`)
}

function table(name: string): Action {
  return (x) => x.run(name)
}

function setField(text: string): Action {
  const [given, target] = text.split('->') as [string, string]
  const at = given.indexOf('/')
  const [value, mask] = at < 0 || target.startsWith('eth') ? [given, undefined] : [given.slice(0, at), given.slice(at + 1)]
  const register = /^reg(\d)$/.exec(target)
  if (register) {
    const [i, v, m] = [Number(register[1]), Number(value) >>> 0, mask === undefined ? 0xffffffff : Number(mask) >>> 0]
    return ({ key }) => (key.registers[i] = (key.registers[i]! & ~m) | (v & m))
  }
  switch (target) {
    case 'eth_src': return ({ key }) => (key.frame.source = value)
    case 'eth_dst': return ({ key }) => (key.frame.destination = value)
    case 'xxreg3': {
      const wide = BigInt(value)
      return ({ key }) => setWideRegister(key.registers, wide)
    }
    case 'tun_dst':
    case 'tun_ipv6_dst': return ({ key }) => (key.tunnelDestination = value)
    case 'arp_op': return ({ key: { frame } }) => frame.payload.kind === 'arp' && (frame.payload.operation = value === '2' ? 'reply' : 'request')
    case 'arp_sha': return ({ key: { frame } }) => frame.payload.kind === 'arp' && (frame.payload.senderMac = value)
    case 'arp_spa': return ({ key: { frame } }) => frame.payload.kind === 'arp' && (frame.payload.senderIp = value)
    case 'pkt_mark': {
      const [v, m] = [Number(value) >>> 0, mask === undefined ? 0xffffffff : Number(mask) >>> 0]
      return ({ key: { frame } }) => frame.payload.kind === 'ip' && (frame.payload.meta.mark = ((frame.payload.meta.mark & ~m) | (v & m)) >>> 0)
    }
    case 'ct_mark': {
      const [v, m] = [Number(value) >>> 0, mask === undefined ? 0xffffffff : Number(mask) >>> 0]
      return (x) => withConnection(x, (c) => (c.mark = ((c.mark & ~m) | (v & m)) >>> 0))
    }
    case 'ct_label': {
      const [v, m] = [halves(value), halves(mask ?? '0xffffffffffffffff')]
      return (x) => withConnection(x, (_, packet) => {
        const old = x.bridge.conntrack.label(packet)
        x.bridge.conntrack.setLabel(packet, { high: ((old.high & ~m.high) | (v.high & m.high)) >>> 0, low: ((old.low & ~m.low) | (v.low & m.low)) >>> 0 })
      })
    }
  }
  throw new Error(`podhop: not simulated: setting ${target}`)
}

function withConnection(x: Execution, change: (connection: TrackedConnection, packet: IpPacket) => void): void {
  const { payload } = x.key.frame
  if (payload.kind === 'ip' && payload.meta.connection) change(payload.meta.connection as TrackedConnection, payload)
}

function registerOf(field: string): number {
  const found = /^NXM_NX_REG(\d)$/.exec(field)
  if (!found) throw new Error(`podhop: not simulated: loading ${field}`)
  return Number(found[1])
}

function load(text: string): Action {
  const [given, target] = text.split('->') as [string, string]
  if (target === 'NXM_NX_XXREG3[]') return setField(`${given}->xxreg3`)
  const { field, from, to } = subfield(target)
  const i = registerOf(field)
  const mask = to - from === 31 ? 0xffffffff : ((2 ** (to - from + 1) - 1) << from) >>> 0
  const value = (Number(given) << from) >>> 0
  return ({ key }) => (key.registers[i] = (key.registers[i]! & ~mask) | (value & mask))
}

function move(text: string): Action {
  const [source, target] = text.split('->') as [string, string]
  const from = subfield(source)
  switch (from.field) {
    case 'NXM_OF_ETH_SRC': return ({ key }) => (key.frame.destination = key.frame.source)
    case 'NXM_NX_ARP_SHA': return ({ key: { frame } }) => frame.payload.kind === 'arp' && (frame.payload.targetMac = frame.payload.senderMac)
    case 'NXM_OF_ARP_SPA': return ({ key: { frame } }) => frame.payload.kind === 'arp' && (frame.payload.targetIp = frame.payload.senderIp)
  }
  const to = subfield(target)
  if (to.field !== 'NXM_NX_CT_MARK') throw new Error(`podhop: not simulated: moving ${text}`)
  const i = registerOf(from.field)
  const width = from.to - from.from + 1
  const ones = width === 32 ? 0xffffffff : 2 ** width - 1
  return (x) => withConnection(x, (c) => (c.mark = ((c.mark & ~(ones << to.from)) | (((x.key.registers[i]! >>> from.from) & ones) << to.from)) >>> 0))
}

interface Nat { what: 'source' | 'destination'; address: string; port: number | undefined }

function natOf(text: string): Nat {
  const [what, target] = text.split('=') as [string, string]
  const [, wide, plain, port] = /^(?:\[(.*)\]|([\d.]+|[^[\]]*:[^[\]]*?))(?::(\d+))?$/.exec(isValidIp(target) ? `[${target}]` : target) ?? []
  const address = wide ?? plain ?? target
  if (!isValidIp(address)) throw new Error(`${address}: bad IP address`)
  return { what: what === 'src' ? 'source' : 'destination', address, port: port === undefined ? undefined : Number(port) }
}

/** ct(): tracks the packet in a zone, commits its connection, translates it, and goes on in a table with what is known now. */
function conntrack(text: string): Action {
  let [zone, next, commit, translate] = [0, '', false, false]
  let nat: Nat | undefined
  let exec: Action[] = []
  for (const part of splitTop(text)) {
    if (part === 'commit') commit = true
    else if (part === 'nat') translate = true
    else if (part.startsWith('nat(')) nat = natOf(part.slice(4, -1))
    else if (part.startsWith('zone=')) zone = Number(part.slice(5))
    else if (part.startsWith('table=')) next = part.slice(6)
    else if (part.startsWith('exec(')) exec = splitTop(part.slice(5, -1)).map(compile)
    else throw new Error(`podhop: not simulated: ct(${part})`)
  }
  return (x, flow) => {
    const { key, bridge } = x
    const packet = key.frame.payload
    if (packet.kind !== 'ip') return
    if (x.dry) {
      if (nat?.what === 'source') packet.source = nat.address
      else if (nat) rewriteDestination(packet, nat)
      if (next === '') return
      key.ctState = x.traced?.next ?? CT.trk | CT.new
      x.traced?.lines.push(`     -> A clone of the packet is forked to recirculate. The forked pipeline will be resumed at table ${bridge.tables.get(next)?.id ?? next}.`, '', '='.repeat(79), `recirc - resume conntrack with ct_state=${formatCtState(key.ctState)}`, '='.repeat(79))
      return x.run(next)
    }
    if (x.zone !== zone || packet.meta.connection === undefined) {
      bridge.conntrack.track(packet, zone)
      x.zone = zone
    }
    const state = stateOf(packet)
    const before = x.recording ? bridge.recorder.header(packet, key.frame) : undefined
    const source = packet.source
    const destination = packet.destination
    const port = portOf(packet)
    if (nat && commit) {
      bridge.conntrack.bind(packet, zone, nat.what, { addresses: { from: nat.address, to: nat.address }, ...(nat.port === undefined ? {} : { ports: { from: nat.port, to: nat.port } }) })
      if ((state & CT.new) === 0) bridge.conntrack.translate(packet, zone)
    } else if ((translate || nat) && (state & (CT.new | CT.inv)) === 0) bridge.conntrack.translate(packet, zone)
    if (before && (source !== packet.source || destination !== packet.destination || port !== portOf(packet))) x.translated(flow, before, (state & CT.rpl) !== 0, source !== packet.source)
    if (commit && (state & CT.inv) === 0) {
      for (const action of exec) action(x, flow)
      if (!bridge.conntrack.confirm(packet, zone)) return x.lost(flow, 'drop-conntrack-clash', 'Another connection has the same addresses and ports, so the packet cannot become a connection of its own.')
    }
    if (next === '') return
    key.ctState = stateOf(packet)
    key.ctMark = (packet.meta.connection as TrackedConnection | undefined)?.mark ?? 0
    const label = bridge.conntrack.label(packet)
    key.ctLabelHigh = label.high
    key.ctLabelLow = label.low
    x.run(next)
  }
}

function rewriteDestination(packet: IpPacket, { address, port }: Nat): void {
  packet.destination = address
  const { payload } = packet
  if (port !== undefined && payload.kind !== 'icmp' && payload.kind !== 'ipip') packet.payload = { ...payload, destinationPort: port }
}

function portOf({ payload }: IpPacket): number {
  return payload.kind === 'icmp' || payload.kind === 'ipip' ? 0 : payload.destinationPort
}

