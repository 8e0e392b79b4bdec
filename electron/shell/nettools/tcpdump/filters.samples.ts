import fc from 'fast-check'
import { frame } from '../../../engine/network/wire/arbitrary.samples.ts'
import type { Frame, IpPacket } from '../../../engine/network/types.ts'

/** Frames with few addresses and ports, so that filters meet some of them. */
const addresses = fc.constantFrom('10.244.1.2', '10.244.1.3', '10.244.2.2', '172.18.0.2', '10.96.0.10')
const ports = fc.constantFrom(22, 53, 80, 443, 8080, 40000, 50000)
const small = fc.uint8Array({ maxLength: 40 })
const flag = fc.boolean()

const transport: fc.Arbitrary<IpPacket['payload']> = fc.oneof(
  fc.record({ sourcePort: ports, destinationPort: ports, data: small, syn: flag, ack: flag, fin: flag, rst: flag, psh: flag }).map(({ sourcePort, destinationPort, data, ...flags }) =>
    ({ kind: 'tcp' as const, sourcePort, destinationPort, sequence: 7, acknowledgement: 9, flags, window: 64240, data })),
  fc.record({ sourcePort: ports, destinationPort: ports, data: small }).map((p) => ({ kind: 'udp' as const, ...p })),
  fc.record({ type: fc.constantFrom(0, 8), id: fc.nat(9), sequence: fc.nat(9), data: small }).map((p) => ({ kind: 'icmp' as const, code: 0, ...p })),
)

const near: fc.Arbitrary<Frame> = fc.record({ source: addresses, destination: addresses, ttl: fc.integer({ min: 1, max: 64 }), payload: transport }).map(({ source, destination, ttl, payload }) => ({
  source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02',
  payload: { kind: 'ip', version: 4, source, destination, ttl, tos: 0, identification: 1, dontFragment: true, payload, meta: { mark: 0 } },
}))

const arp: fc.Arbitrary<Frame> = fc.record({ senderIp: addresses, targetIp: addresses, request: flag }).map(({ senderIp, targetIp, request }) => ({
  source: '02:00:00:00:00:01', destination: 'ff:ff:ff:ff:ff:ff',
  payload: { kind: 'arp', operation: request ? 'request' : 'reply', senderMac: '02:00:00:00:00:01', senderIp, targetMac: '00:00:00:00:00:00', targetIp },
}))

const addresses6 = fc.constantFrom('fd00::1', 'fd00::2', 'fd00:1::1', 'fe80::1', 'ff02::1')
const near6: fc.Arbitrary<Frame> = fc.record({ source: addresses6, destination: addresses6, payload: transport }).map(({ source, destination, payload }) => ({
  source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02',
  payload: {
    kind: 'ip', version: 6, source, destination, ttl: 64, tos: 0, identification: 0, dontFragment: true, meta: { mark: 0 },
    payload: payload.kind === 'icmp' ? { ...payload, type: payload.type === 0 ? 129 : 128 } : payload,
  },
}))

const tags = fc.array(fc.record({ id: fc.constantFrom(7, 100, 4094) }), { minLength: 1, maxLength: 2 })
const tagged: fc.Arbitrary<Frame> = fc.tuple(fc.oneof(near, near6, arp), tags).map(([plain, outer]) => ({ ...plain, tags: outer }))

export const frames: fc.Arbitrary<Frame> = fc.oneof({ weight: 2, arbitrary: tagged }, { weight: 6, arbitrary: near }, { weight: 2, arbitrary: near6 }, { weight: 1, arbitrary: arp }, { weight: 1, arbitrary: frame })

const words = (...parts: (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string> =>
  fc.tuple(...parts.map((p) => (typeof p === 'string' ? fc.constant(p) : p))).map((all) => all.filter((w) => w !== '').join(' '))

const direction = fc.constantFrom('', 'src', 'dst', 'src or dst', 'src and dst')
const portText = ports.map(String)

const primitive = fc.oneof(
  fc.constantFrom('tcp', 'udp', 'icmp', 'icmp6', 'arp', 'ip', 'ip6', 'ip6 multicast', 'ip6 proto 58', 'ip6 proto 6', 'ether broadcast', 'ether multicast', 'ip multicast', 'ip proto 6', 'ip proto 17', 'ether proto 0x800'),
  words(direction, 'host', addresses),
  words(fc.constantFrom('ip', 'arp'), direction, 'host', addresses),
  words(direction, 'net', fc.constantFrom('10.244.1.0/24', '10.244.0.0/16', '10', '172.18', '10.244.0.0 mask 255.255.0.0', '0.0.0.0/0')),
  words(fc.constantFrom('', 'ip6'), direction, 'host', addresses6),
  words(direction, 'net', fc.constantFrom('fd00::/64', 'fd00::/16', '::/0')),
  words(direction, 'port', portText),
  words(fc.constantFrom('tcp', 'udp'), direction, 'port', portText),
  words(direction, 'portrange', fc.constantFrom('22-80', '400-9000', '80-80')),
  words('port', portText, 'or', portText),
  words('host', addresses, 'or', addresses, 'and port', portText),
  words('ether', direction, 'host', fc.constantFrom('02:00:00:00:00:01', '02:00:00:00:00:02')),
  words(fc.constantFrom('less', 'greater'), fc.constantFrom('54', '60', '74')),
  words(fc.constantFrom('tcp[tcpflags]', 'tcp[13]', 'ip[8]', 'ip[2:2]', 'icmp[icmptype]', 'udp[4:2]', 'len', 'ether[12:2]', 'ip[0] & 0xf', '(ip[0] & 0xf) << 2', 'tcp[12] >> 4', 'ip[8] + 3 * 2 - 1', 'tcp[tcpflags] & (tcp-syn|tcp-ack)', 'ip[8] / 4', 'ip[8] % 7', 'ip[8] ^ 5 & 3 | 1'), fc.constantFrom('=', '!=', '<', '>', '<=', '>='), fc.constantFrom('0', '2', '6', '0x10', '20', '60', '18', '2048', 'tcp-syn', 'icmp-echo')),
)

/** Filters as people write them, well-formed. */
const filtersOf = (primitive: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.letrec<{ filter: string }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3 },
    primitive,
    words('not', primitive),
    words(tie('filter'), fc.constantFrom('and', 'or', '&&', '||'), tie('filter')),
    words('(', tie('filter'), ')', fc.constantFrom('and', 'or'), 'not (', tie('filter'), ')'),
  ),
})).filter

export const filterText = filtersOf(primitive)
/** `vlan` moves what stands after it, so that these are no expressions of logic. */
export const vlanFilterText = filtersOf(fc.oneof({ weight: 3, arbitrary: primitive }, { weight: 1, arbitrary: fc.constantFrom('vlan', 'vlan 100', 'vlan 7') }))
