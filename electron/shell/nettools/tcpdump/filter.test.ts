import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFrame } from '../../../engine/network/wire/frame.ts'
import { frameLength } from '../../../engine/network/packets.ts'
import type { Frame, IpPacket } from '../../../engine/network/types.ts'
import { compileFilter, hostNames } from './filter.ts'
import { FilterError } from './filter-parser.ts'
import { frames, filterText } from './filters.samples.ts'

const matches = (text: string, frame: Frame): boolean =>
  compileFilter(text)({ frame, direction: 'in', bytes: () => encodeFrame(frame), length: () => frameLength(frame) })

const ip = (payload: IpPacket['payload'], more: Partial<IpPacket> = {}): Frame => ({
  source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02',
  payload: { kind: 'ip', version: 4, source: '10.244.1.2', destination: '10.244.2.3', ttl: 64, tos: 0, identification: 1, dontFragment: true, payload, meta: { mark: 0 }, ...more },
})
const none = new Uint8Array(0)
const syn = ip({ kind: 'tcp', sourcePort: 40000, destinationPort: 80, sequence: 1, acknowledgement: 0, flags: { syn: true }, window: 64240, mss: 1460, data: none })
const ack = ip({ kind: 'tcp', sourcePort: 80, destinationPort: 40000, sequence: 1, acknowledgement: 2, flags: { ack: true }, window: 64240, data: none })
const dns = ip({ kind: 'udp', sourcePort: 50000, destinationPort: 53, data: new Uint8Array(30) })
const echo = ip({ kind: 'icmp', type: 8, code: 0, id: 1, sequence: 1, data: none })
const arp: Frame = { source: '02:00:00:00:00:01', destination: 'ff:ff:ff:ff:ff:ff', payload: { kind: 'arp', operation: 'request', senderMac: '02:00:00:00:00:01', senderIp: '10.244.1.2', targetMac: '00:00:00:00:00:00', targetIp: '10.244.1.1' } }
const all = { syn, ack, dns, echo, arp }

const which = (text: string): string => Object.entries(all).filter(([, frame]) => matches(text, frame)).map(([name]) => name).join(' ')

describe('a capture filter', () => {
  it.each([
    ['', 'syn ack dns echo arp'],
    ['tcp', 'syn ack'],
    ['arp or icmp', 'echo arp'],
    ['port 80', 'syn ack'],
    ['dst port 80', 'syn'],
    ['tcp dst port http', 'syn'],
    ['udp port domain', 'dns'],
    ['port 80 or 53', 'syn ack dns'],
    ['port (80 or 53)', 'syn ack dns'],
    ['portrange 50-80', 'syn ack dns'],
    ['src host 10.244.1.2 and not arp', 'syn ack dns echo'],
    ['host 10.244.1.1', 'arp'],
    ['net 10.244.2.0/24', 'syn ack dns echo'],
    ['net 10.244', 'syn ack dns echo arp'],
    ['src or dst net 10.244.2.0 mask 255.255.255.0', 'syn ack dns echo'],
    ['ip and not (tcp or udp)', 'echo'],
    ['tcp[tcpflags] & tcp-syn != 0', 'syn'],
    ['tcp[tcpflags] & (tcp-syn|tcp-fin) != 0', 'syn'],
    ['tcp[13] == 2', 'syn'],
    ['icmp[icmptype] == icmp-echo', 'echo'],
    ['ip[8] < 65 and ip[9] = 17', 'dns'],
    ['ether proto 0x0806', 'arp'],
    ['ether dst 02:00:00:00:00:02 and udp', 'dns'],
    ['broadcast', 'arp'],
    ['less 42', 'echo arp'],
    ['len >= 58 && !arp', 'syn dns'],
    ['not port 80 and ip', 'dns echo'],
  ])('"%s" passes: %s', (text, expected) => expect(which(text)).toBe(expected))

  it.each([
    ['tcp prot 80', "can't parse filter expression: syntax error"],
    ['(tcp', "can't parse filter expression: syntax error"],
    ['host', "can't parse filter expression: syntax error"],
    ['port 99999', 'illegal port number 99999 > 65535'],
    ['port nosuch', "unknown port 'nosuch'"],
    ['udp host 10.0.0.1', "'udp' modifier applied to host"],
    ['icmp port 80', "illegal qualifier of 'port'"],
    ['net 10.0.0.1/8', 'non-network bits set in "10.0.0.1/8"'],
    ['host 300.1.1.1', "invalid IPv4 address '300.1.1.1'"],
    ['tcp[0:3] = 1', 'data size must be 1, 2, or 4'],
    ['host web', "unknown host 'web'"],
  ])('"%s" is refused: %s', (text, message) => expect(() => compileFilter(text)).toThrow(message))

  it('names what must be looked up, and matches any of its addresses', () => {
    expect(hostNames('host web or dst host db and not port 80')).toEqual(['web', 'db'])
    const filter = compileFilter('dst host web', new Map([['web', ['10.9.9.9', '10.244.2.3']]]))
    expect(filter({ frame: syn, direction: 'in', bytes: () => none, length: () => 0 })).toBe(true)
  })

  it('looks behind the tags of VLANs where it says so', () => {
    const tagged: Frame = { ...echo, tags: [{ id: 200, protocol: '802.1ad' }, { id: 100 }] }
    const passes = ['vlan', 'vlan 200', 'vlan 200 and vlan 100', 'vlan and vlan and icmp', 'ether src 02:00:00:00:00:01', 'vlan and vlan and ip[8] = 64']
    const fails = ['icmp', 'vlan 100', 'vlan and icmp', 'vlan 100 or vlan 200', 'vlan and vlan and vlan']
    for (const text of passes) expect(`${text}: ${matches(text, tagged)}`).toBe(`${text}: true`)
    for (const text of fails) expect(`${text}: ${matches(text, tagged)}`).toBe(`${text}: false`)
    expect(() => compileFilter('vlan 4096')).toThrow('VLAN tag 4096 greater than maximum 4095')
    // the kernel keeps the outermost tag beside the packet
    const once: Frame = { ...echo, tags: [{ id: 100 }] }
    expect(compileFilter('icmp')({ frame: once, direction: 'in', bytes: () => encodeFrame(echo), length: () => frameLength(echo), live: true })).toBe(true)
  })

  it('behind a tag that is not there takes ARP for IP, as libpcap does', () => {
    const asked = (mac: string): Frame => ({ source: mac, destination: 'ff:ff:ff:ff:ff:ff', payload: { kind: 'arp', operation: 'request', senderMac: mac, senderIp: '10.244.1.3', targetMac: '00:00:00:00:00:00', targetIp: '10.244.2.2' } })
    // the last byte of the sender's MAC address stands where IP has its protocol
    const frame = asked('02:00:00:00:00:06')
    for (const text of ['not vlan and ip', 'not vlan and ip proto 6', 'not vlan and tcp', 'not vlan and ip[9] = 6', 'arp and not vlan']) expect(`${text}: ${matches(text, frame)}`).toBe(`${text}: true`)
    // its ports would be behind its end, and then the whole filter says no
    for (const text of ['not vlan and arp', 'not vlan and udp', 'not vlan and host 10.244.1.3', 'not vlan and tcp port 80', 'not vlan and not tcp port 80', 'not vlan and not tcp[0] = 3', 'not vlan and not vlan and ip']) expect(`${text}: ${matches(text, frame)}`).toBe(`${text}: false`)
    expect(matches('not vlan and not vlan and ip', { ...frame, tags: [{ id: 7 }] })).toBe(false)
    expect(matches('(vlan 9 or not vlan 9) and ip', { ...frame, tags: [{ id: 7 }] })).toBe(true)
  })

  it('says what only the simulation lacks', () => {
    expect(() => compileFilter('mpls 5')).toThrow(expect.objectContaining({ notSimulated: true }))
  })

  it('obeys the laws of logic', () => {
    fc.assert(fc.property(filterText, filterText, frames, (a, b, frame) => {
      const [x, y] = [matches(a, frame), matches(b, frame)]
      expect(matches(`not (${a})`, frame)).toBe(!x)
      expect(matches(`(${a}) and (${b})`, frame)).toBe(x && y)
      expect(matches(`(${a}) or (${b})`, frame)).toBe(x || y)
    }), { numRuns: 300 })
  })

  it('never breaks over any text: it matches or it is refused', () => {
    const word = fc.constantFrom('tcp', 'udp', 'port', 'host', 'net', 'and', 'or', 'not', '(', ')', '80', '10.0.0.1', '[', ']', '&', '=', 'src', 'dst', 'len', '13', ':', '/', '-', 'web', 'proto', 'ether', '\\', '0x', '|')
    fc.assert(fc.property(fc.array(word, { maxLength: 9 }), frames, (words, frame) => {
      try {
        matches(words.join(' '), frame)
      } catch (error) {
        expect(error).toBeInstanceOf(FilterError)
      }
    }), { numRuns: 500 })
  })
})
