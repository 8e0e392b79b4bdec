import { Clock } from '../clock.ts'
import { encodeUtf8 } from '../text.ts'
import { Network } from './fabric.ts'
import type { Layers, TcpLayer } from './layers.ts'
import type { Namespace } from './namespace.ts'
import { TcpStack } from './tcp/stack.ts'
import type { Conntrack, DeferredWork, Hook, IpPacket, Link, Netfilter, NetworkNamespace, PingSocket } from './types.ts'

/** Networks for tests, without rules: only what the story needs. */

export type HookSpy = (hook: Hook, packet: IpPacket, inInterface: Link | undefined, outInterface: Link | undefined) => 'accept' | 'drop'

/** Lets everything pass and tells a spy. */
export class PassThrough implements Netfilter {
  spy: HookSpy = () => 'accept'
  readonly family = 4
  readonly generation = 0
  readonly hasIpvs = false
  readonly pristine = false
  readonly hasNftables = false
  readonly conntrack: Conntrack = { counts: { invalid: 0, insert: 0, insertFailed: 0, drop: 0, clashResolve: 0 }, list: () => [], insert: () => false, change: () => undefined, remove: () => 0, onChange: () => () => {} }

  get sets(): never {
    throw new Error('no sets here')
  }

  get nftables(): never {
    throw new Error('no nftables here')
  }

  defer(_owner: object, { work }: DeferredWork): void {
    work()
  }

  get tracing(): never {
    throw new Error('no rules here')
  }

  get ipvs(): never {
    throw new Error('no IPVS here')
  }

  run(hook: Hook, packet: IpPacket, inInterface: Link | undefined, outInterface: Link | undefined): 'accept' | 'drop' {
    return this.spy(hook, packet, inInterface, outInterface)
  }

  restore(): void {}

  save(): string {
    return ''
  }

  command(): { code: number; stdout: string; stderr: string } {
    return { code: 0, stdout: '', stderr: '' }
  }
}

export const passThrough: Layers = {
  netfilter: () => new PassThrough(),
  tcp: (host): TcpLayer => new TcpStack(host),
}

export function makeNetwork(seed = 1): Network {
  return new Network({ clock: new Clock({ seed }), layers: passThrough })
}

export function spyOn(namespace: Namespace, spy: HookSpy): void {
  ;(namespace.netfilter as PassThrough).spy = spy
}

/** A veth pair with both ends up; addresses where given. */
export function join(
  network: Network,
  a: { network: NetworkNamespace; name: string; address?: string; mtu?: number },
  b: { network: NetworkNamespace; name: string; address?: string; mtu?: number },
): ReturnType<Network['createVeth']> {
  const pair = network.createVeth(a, b)
  for (const end of [a, b]) {
    if (end.address) end.network.addAddress(end.name, end.address)
    end.network.setUp(end.name, true)
  }
  return pair
}

export interface PingResult {
  replies: { source: string; sequence: number; ttl: number; after: number }[]
  errors: { source: string; type: number; code: number; sequence: number; mtu?: number }[]
  socket: PingSocket
}

/** Sends one echo request and lets time pass. */
export function ping(from: NetworkNamespace, to: string, options?: { ttl?: number; dontFragment?: boolean; size?: number; wait?: number; source?: string }): PingResult {
  const socket = from.sockets.ping({ owner: { pid: 7, program: 'ping' } })
  const result: PingResult = { replies: [], errors: [], socket }
  const sentAt = from.clock.now
  socket.onReply = (r) => result.replies.push({ source: r.source, sequence: r.sequence, ttl: r.ttl, after: from.clock.now - sentAt })
  socket.onError = (e) => result.errors.push(e)
  socket.send(to, 1, new Uint8Array(options?.size ?? 56), options)
  from.clock.runFor(options?.wait ?? 5_000)
  socket.close()
  return result
}

export function text(content: string): Uint8Array {
  return encodeUtf8(content)
}

export interface NodeShape {
  node: Namespace
  pod: Namespace
}

/** A node with eth0 on the underlay, a bridge cni0 and one pod behind it, as the bridge plugin wires it. */
export function makeNode(network: Network, n: number): NodeShape {
  const underlay = network.switches.get('underlay') ?? network.createSwitch()
  const node = network.createNamespace({ name: `worker-${n}`, kind: 'node' })
  node.setSysctl('net.ipv4.ip_forward', '1')
  network.createNic(node, 'eth0', underlay)
  node.addAddress('eth0', `172.18.0.${n + 1}/16`)
  node.setUp('eth0', true)
  network.createBridge(node, 'cni0')
  node.addAddress('cni0', `10.244.${n}.1/24`)
  node.setUp('cni0', true)
  return { node, pod: addPod(network, node, n, 2) }
}

export function addPod(network: Network, node: Namespace, n: number, host: number): Namespace {
  const pod = network.createNamespace({ name: `default/pod-${n}-${host}`, kind: 'pod' })
  const [, end] = join(network, { network: pod, name: 'eth0', address: `10.244.${n}.${host}/24` }, { network: node, name: `veth${n}${host}` })
  const bridge = node.links.get('cni0')
  if (bridge?.kind === 'bridge') (bridge as unknown as { attach(port: Link): void }).attach(end)
  pod.routes.add({ destination: '0.0.0.0/0', via: `10.244.${n}.1` })
  return pod
}
