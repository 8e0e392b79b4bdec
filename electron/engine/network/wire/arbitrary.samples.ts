import fc from 'fast-check'
import { formatIpv4, formatIpv6 } from '../address.ts'
import type { Frame, IcmpMessage, IpPacket, TcpSegment, UdpDatagram } from '../types.ts'

/** Any frame that the simulation can make, for properties. */
export const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((b) => Array.from(b, (x) => x.toString(16).padStart(2, '0')).join(':'))
export const ipv4 = fc.nat(0xffffffff).map(formatIpv4)
const ipv6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(formatIpv6)
const u16 = fc.nat(0xffff)
const u32 = fc.nat(0xffffffff)
const data = fc.uint8Array({ maxLength: 60 })
const flag = fc.constantFrom(undefined, true)

const flags = fc.record({ syn: flag, ack: flag, fin: flag, rst: flag, psh: flag, urg: flag }).map((f) =>
  Object.fromEntries(Object.entries(f).filter(([, on]) => on)))

const tcp: fc.Arbitrary<TcpSegment> = fc.record({
  kind: fc.constant('tcp' as const), sourcePort: u16, destinationPort: u16, sequence: u32, acknowledgement: u32, flags, window: u16, data,
  mss: fc.option(u16, { nil: undefined }), times: fc.option(fc.tuple(u32, u32), { nil: undefined }), sackPermitted: flag, windowScale: fc.option(fc.nat(14), { nil: undefined }),
  sack: fc.option(fc.array(fc.tuple(u32, u32), { minLength: 1, maxLength: 3 }), { nil: undefined }),
}).map(({ mss, times, sackPermitted, windowScale, sack, ...rest }) => ({
  ...rest, ...(times && { timestamp: times[0], echo: times[1] }),
  ...(rest.flags['syn'] ? { ...(mss !== undefined && { mss }), ...(sackPermitted && { sackPermitted }), ...(windowScale !== undefined && { windowScale }) } : sack && { sack }),
}))

const udp: fc.Arbitrary<UdpDatagram> = fc.record({
  kind: fc.constant('udp' as const), sourcePort: u16, destinationPort: u16.filter((p) => p !== 8472 && p !== 4789), data,
})

const echo: fc.Arbitrary<IcmpMessage> = fc.record({
  kind: fc.constant('icmp' as const), type: fc.constantFrom(0, 8), code: fc.constant(0), id: u16, sequence: u16, data,
})

const echo6: fc.Arbitrary<IcmpMessage> = echo.map((e) => ({ ...e, type: e.type === 8 ? 128 : 129 }))

const neighbourMessage: fc.Arbitrary<IcmpMessage> = fc.tuple(fc.boolean(), ipv6, fc.option(mac, { nil: undefined }), fc.boolean(), fc.boolean(), fc.boolean()).map(
  ([asks, target, address, router, solicited, override]) => ({
    kind: 'icmp' as const, type: asks ? 135 : 136, code: 0, data: new Uint8Array(0),
    nd: { target, ...(address !== undefined && { mac: address }), ...(!asks && { router, solicited, override }) },
  }),
)

const ip = (payload: fc.Arbitrary<IpPacket['payload']>, payload6 = payload): fc.Arbitrary<IpPacket> => fc.oneof(
  fc.record({
    kind: fc.constant('ip' as const), version: fc.constant(4 as const), source: ipv4, destination: ipv4, ttl: fc.nat(255), tos: fc.nat(255),
    identification: u16, dontFragment: fc.boolean(), payload, meta: fc.constant({ mark: 0 }),
  }),
  fc.record({
    kind: fc.constant('ip' as const), version: fc.constant(6 as const), source: ipv6, destination: ipv6, ttl: fc.nat(255), tos: fc.nat(255),
    identification: fc.constant(0), dontFragment: fc.constant(true), payload: payload6, meta: fc.constant({ mark: 0 }),
  }),
)

const error: fc.Arbitrary<IcmpMessage> = fc.record({
  kind: fc.constant('icmp' as const), type: fc.constantFrom(3, 11), code: fc.nat(3), data: fc.constant(new Uint8Array(0)),
  about: ip(fc.oneof(tcp, udp, echo), fc.oneof(tcp, udp, echo6)),
})
const error6: fc.Arbitrary<IcmpMessage> = error.chain((e) => fc.tuple(fc.constantFrom(1, 2, 3, 4), u32).map(([type, mtu]) => ({ ...e, type, ...(type === 2 && { mtu }) })))
const tooBig: fc.Arbitrary<IcmpMessage> = error.chain((e) => u16.map((mtu) => ({ ...e, type: 3, code: 4, mtu })))

const arp = fc.record({
  kind: fc.constant('arp' as const), operation: fc.constantFrom('request' as const, 'reply' as const), senderMac: mac, senderIp: ipv4, targetMac: mac, targetIp: ipv4,
})

const plain: fc.Arbitrary<Frame> = fc.record({ source: mac, destination: mac, payload: fc.oneof(arp, ip(fc.oneof(tcp, udp, echo, error, tooBig), fc.oneof(tcp, udp, echo6, error6, neighbourMessage))) })

/** IEEE 802.1Q, in a second tag of a provider or not. */
const inner = fc.record({ id: fc.nat(4094), priority: fc.integer({ min: 1, max: 7 }) }, { requiredKeys: ['id'] })
const outer = fc.record({ id: fc.nat(4094), protocol: fc.constant('802.1ad' as const) })
const tagged: fc.Arbitrary<Frame> = fc.tuple(plain, fc.oneof(fc.tuple(inner), fc.tuple(outer, inner))).map(([carried, tags]) => ({ ...carried, tags }))

export const frame: fc.Arbitrary<Frame> = fc.oneof({ weight: 4, arbitrary: plain }, { weight: 1, arbitrary: tagged }, {
  weight: 1,
  arbitrary: fc.tuple(plain, mac, mac, ipv4, ipv4, u16, fc.nat(0xffffff)).map(([carried, source, destination, from, to, port, vni]): Frame => ({
    source, destination,
    payload: {
      kind: 'ip', version: 4, source: from, destination: to, ttl: 64, tos: 0, identification: 7, dontFragment: false, meta: { mark: 0 },
      payload: { kind: 'udp', sourcePort: port, destinationPort: 8472, data: new Uint8Array(0), vxlan: { vni, frame: carried } },
    },
  })),
})
