import type { Header, Hop, Journey, JourneySummary } from '../../electron/bridge/view.ts'

const h = (source: string, destination: string, more: Partial<Header> = {}): Header => ({ source, destination, protocol: 'tcp', sourcePort: 41822, destinationPort: 80, ttl: 64, detail: 'SYN', ...more })
const vip = h('10.244.2.3', '10.96.114.23')
const dnat = h('10.244.2.3', '10.244.1.5')
const outer: Header = { source: '172.18.0.4', destination: '172.18.0.3', protocol: 'udp', sourcePort: 52114, destinationPort: 8472, ttl: 64, detail: 'VXLAN vni 1' }
const back = h('10.244.1.5', '10.244.2.3', { sourcePort: 80, destinationPort: 41822, detail: 'SYN,ACK' })

const hop = (machine: string, iface: string | undefined, stage: Hop['stage'], text: string, before: Header, more: Partial<Hop> = {}): Hop => ({
  at: 12_000, machine, networkNamespace: machine, ...(iface ? { interface: iface } : {}), stage, text, before, explanation: `${stage}`, ...more,
})

export function journey(id: number, clientVeth: string, webPod: string, webVeth: string): Journey {
  return {
    id, at: 12_000, protocol: 'tcp', from: 'default/client', program: 'curl', source: '10.244.2.3', sourcePort: 41822, destination: '10.96.114.23', destinationPort: 80,
    verdict: 'delivered', finalDestination: '10.244.1.5:80', sourceSeenByServer: '10.244.2.3', to: webPod, packets: 10, bytes: 842,
    hops: [
      hop('default/client', 'eth0', 'send', 'curl opens a connection to 10.96.114.23:80.', vip),
      hop('default/client', 'eth0', 'route', 'The default route sends it to the gateway 10.244.2.1 through eth0.', vip, { decidedBy: { kind: 'route', table: 'main', text: 'default via 10.244.2.1 dev eth0' } }),
      hop('worker-2', clientVeth, 'bridge', 'It comes out of the veth pair at a port of cni0, addressed to the bridge itself.', vip, { decidedBy: { kind: 'fdb', text: '0a:58:0a:f4:02:01 dev cni0 self permanent' } }),
      hop('worker-2', 'cni0', 'dnat', 'kube-proxy’s rules choose endpoint 10.244.1.5:80 of Service default/web.', vip, { after: dnat, decidedBy: { kind: 'rule', table: 'nat', chain: 'KUBE-SEP-6X7V2QZJXHQH5GJ3', text: '-A KUBE-SEP-6X7V2QZJXHQH5GJ3 -p tcp -m comment --comment "default/web" -m tcp -j DNAT --to-destination 10.244.1.5:80' } }),
      hop('worker-2', 'flannel.1', 'encapsulate', 'flannel.1 wraps it in UDP for worker-1.', dnat, { after: outer, decidedBy: { kind: 'fdb', text: '5e:3a:91:0c:77:01 dev flannel.1 dst 172.18.0.3 self permanent' } }),
      hop('worker-2', 'eth0', 'transmit', 'The wrapped packet leaves through eth0.', outer),
      hop('underlay', undefined, 'wire', 'The underlay carries it to worker-1.', outer),
      hop('worker-1', 'eth0', 'receive', 'worker-1 receives it on UDP port 8472.', outer),
      hop('worker-1', 'flannel.1', 'decapsulate', 'flannel.1 unwraps it.', outer, { after: dnat }),
      hop('worker-1', 'cni0', 'forward', 'It is forwarded to the bridge cni0.', dnat, { after: h('10.244.2.3', '10.244.1.5', { ttl: 62 }) }),
      hop('worker-1', webVeth, 'veth', 'The bridge sends it down the Pod’s veth pair.', dnat),
      hop(webPod, 'eth0', 'deliver', 'nginx listens on port 80 and takes the connection.', dnat, { decidedBy: { kind: 'socket', text: 'LISTEN 0 511 0.0.0.0:80 0.0.0.0:*' } }),
    ],
    reply: [
      hop(webPod, 'eth0', 'send', 'nginx answers.', back),
      hop('worker-1', 'cni0', 'route', 'The route to 10.244.2.0/24 leads to flannel.1.', back, { decidedBy: { kind: 'route', text: '10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink' } }),
      hop('worker-1', 'eth0', 'transmit', 'The wrapped answer leaves through eth0.', back),
      hop('worker-2', 'flannel.1', 'decapsulate', 'worker-2 unwraps it.', back),
      hop('worker-2', 'cni0', 'undo-nat', 'conntrack puts the Service’s address back as the source.', back, { after: h('10.96.114.23', '10.244.2.3', { sourcePort: 80, destinationPort: 41822, detail: 'SYN,ACK' }), decidedBy: { kind: 'conntrack', text: 'tcp 6 86399 ESTABLISHED src=10.244.2.3 dst=10.96.114.23 sport=41822 dport=80' } }),
      hop('default/client', 'eth0', 'deliver', 'curl has its connection.', h('10.96.114.23', '10.244.2.3')),
    ],
  }
}

export function dropped(id: number): Journey {
  return {
    id, at: 15_000, protocol: 'icmp', from: 'laptop', program: 'ping', source: '192.0.2.10', destination: '10.244.1.99', verdict: 'unreachable', reason: 'drop-no-neighbour', packets: 1, bytes: 0,
    hops: [
      hop('laptop', 'eth0', 'send', 'ping sends an echo request.', { source: '192.0.2.10', destination: '10.244.1.99', protocol: 'icmp', ttl: 64, detail: 'echo-request id 7 seq 1' }),
      hop('outside', 'eth1', 'receive', 'The outside network’s router receives it.', { source: '192.0.2.10', destination: '10.244.1.99', protocol: 'icmp', ttl: 64 }),
      hop('outside', 'eth0', 'forward', 'The router passes it on.', { source: '192.0.2.10', destination: '10.244.1.99', protocol: 'icmp', ttl: 63 }),
      hop('worker-1', 'eth0', 'receive', 'worker-1 receives it.', { source: '192.0.2.10', destination: '10.244.1.99', protocol: 'icmp', ttl: 64 }),
      hop('worker-1', 'cni0', 'drop', 'Nobody answers ARP for 10.244.1.99 on cni0, so the packet is dropped.', { source: '192.0.2.10', destination: '10.244.1.99', protocol: 'icmp', ttl: 63 }, { explanation: 'drop-no-neighbour' }),
    ],
    reply: [],
  }
}

export function summary(j: Journey): JourneySummary {
  const join = (ip: string, port?: number) => (port === undefined ? ip : `${ip}:${port}`)
  return {
    id: j.id, at: j.at, protocol: j.protocol, from: j.from, to: j.to ?? null, program: j.program ?? null, source: join(j.source, j.sourcePort), destination: join(j.destination, j.destinationPort),
    finalDestination: j.finalDestination ?? null, verdict: j.verdict, reason: j.reason ?? null, hops: j.hops.length + j.reply.length, system: false,
  }
}
