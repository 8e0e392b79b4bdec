import { byName } from '../../own.ts'
import { NftError } from './errors.ts'
import type { RuleReader } from './parse-rule.ts'
import { META } from './selectors.ts'
import { compare, reject } from './statements.ts'

const ICMP_REJECT: Readonly<Record<string, [number, number]>> = byName({
  'net-unreachable': [0, 0], 'host-unreachable': [1, 3], 'prot-unreachable': [2, 4], 'port-unreachable': [3, 4], 'net-prohibited': [9, 1], 'host-prohibited': [10, 1], 'admin-prohibited': [13, 1],
})
const ICMPV6_REJECT: Readonly<Record<string, number>> = byName({ 'no-route': 0, 'admin-prohibited': 1, 'addr-unreachable': 3, 'port-unreachable': 4, 'policy-fail': 5, 'reject-route': 6 })
const ICMPX_REJECT: Readonly<Record<string, [number, number]>> = byName({ 'port-unreachable': [3, 4], 'admin-prohibited': [13, 1], 'no-route': [0, 0], 'host-unreachable': [1, 3] })

/** "reject with tcp reset", "reject with icmp host-unreachable"… */
export function readReject(reader: RuleReader): void {
  const { cursor } = reader
  const start = cursor.take().at
  if (!cursor.skip('with')) return reader.add(reject({ reset: false, code4: 3, code6: 4, text: 'reject', json: { type: reader.context.family === 'inet' ? 'icmpx' : reader.context.family === 'ip6' ? 'icmpv6' : 'icmp', expr: 'port-unreachable' } }))
  const what = cursor.skipAny('icmp', 'icmpv6', 'icmpx', 'tcp')
  if (!what) throw cursor.unexpected('icmp or icmpv6 or tcp or icmpx')
  if (what === 'tcp') {
    cursor.expect('reset')
    if (reader.transport && reader.transport.protocol !== 'tcp') {
      throw new NftError('you cannot use tcp reset with this protocol', start, reader.transport.at)
    }
    if (!reader.transport) {
      const l4proto = META.get('l4proto')!
      reader.add(compare({ selector: l4proto, mask: undefined, operator: '==', span: { from: 6, to: 6 } }))
    }
    return reader.add(reject({ reset: true, code4: 0, code6: 0, text: 'reject with tcp reset', json: { type: 'tcp reset' } }))
  }
  cursor.skip('type')
  const code = cursor.word()
  const table = what === 'icmp' ? ICMP_REJECT : what === 'icmpx' ? ICMPX_REJECT : ICMPV6_REJECT
  const found = table[code.text]
  if (found === undefined) throw new NftError(`Could not parse ${what === 'icmp' ? 'ICMP' : what === 'icmpv6' ? 'ICMPv6' : 'icmpx'} code`, code.at)
  if (what !== 'icmpx' && reader.network && reader.network.index >= 0) reader.forget(reader.network)
  const [code4, code6] = typeof found === 'number' ? [3, found] : found
  const plain = code.text === 'port-unreachable' && (what === 'icmpx' ? reader.context.family === 'inet' : reader.context.family !== 'inet')
  reader.add(reject({ reset: false, code4, code6, text: plain ? 'reject' : `reject with ${what} ${code.text}`, ...(what === 'icmp' && { only: 4 }), ...(what === 'icmpv6' && { only: 6 }), json: { type: what, expr: code.text }, ...(!plain && { code: what === 'icmpv6' ? code6 : code4 }) }))
}
