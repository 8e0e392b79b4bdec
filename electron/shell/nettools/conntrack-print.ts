import type { ConntrackEntry, ConntrackTuple, NetworkNamespace } from '../../engine/cluster.ts'
import { NUMBERS } from './conntrack-filter.ts'

/** How rows are shown: -o. `use`: who holds it, one more while it is looked up by itself. */
export interface Output { extended: boolean; id: boolean; timestamp: boolean; xml: boolean; save: boolean }

/** All entries as `conntrack -L` lists them. */
export function printConntrack(network: NetworkNamespace): string {
  return network.netfilter.conntrack.list().map((e) => conntrackLine(e, network.clock.now)).join('')
}

const isIcmp = ({ protocol }: ConntrackTuple): boolean => protocol === 'icmp' || protocol === 'icmpv6'
const isIpv6 = (e: ConntrackEntry): boolean => e.original.source.includes(':')
/** Whole seconds; a moment of the last one is always gone when somebody looks. */
const secondsLeft = (e: ConntrackEntry, now: number): number => Math.max(0, Math.ceil((e.expiresAt - now) / 1000) - 1)

export function conntrackLine(e: ConntrackEntry, now: number, output?: Output, use = 1): string {
  const { protocol } = e.original
  const tuple = (t: ConntrackTuple): string =>
    isIcmp(t) ? `src=${t.source} dst=${t.destination} type=${t.destinationPort >> 8} code=${t.destinationPort & 255} id=${t.sourcePort}` : protocol === 'ipip' ? `src=${t.source} dst=${t.destination}` : `src=${t.source} dst=${t.destination} sport=${t.sourcePort} dport=${t.destinationPort}`
  const state = e.tcpState ? `${e.tcpState} ` : ''
  // libnetfilter_conntrack knows no name for IP in IP
  const layer3 = output?.extended ? (isIpv6(e) ? 'ipv6     10 ' : 'ipv4     2 ') : ''
  return `${layer3}${(protocol === 'ipip' ? 'unknown' : protocol).padEnd(8)} ${NUMBERS[protocol]} ${secondsLeft(e, now)} ${state}${tuple(e.original)} ${e.seenReply ? '' : '[UNREPLIED] '}${tuple(e.reply)} ${e.assured ? '[ASSURED] ' : ''}mark=${e.mark} use=${use}${output?.id ? ` id=${e.id}` : ''}\n`
}

export const XML_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<conntrack>\n'
export const XML_END = '</conntrack>\n'

export function conntrackXml(e: ConntrackEntry, now: number, use = 1): string {
  const layer3 = isIpv6(e) ? 'protonum="10" protoname="ipv6"' : 'protonum="2" protoname="ipv4"'
  const direction = (name: string, t: ConntrackTuple): string => {
    const ports = isIcmp(t) || t.protocol === 'ipip' ? '' : `<sport>${t.sourcePort}</sport><dport>${t.destinationPort}</dport>`
    return `<meta direction="${name}"><layer3 ${layer3}><src>${t.source}</src><dst>${t.destination}</dst></layer3><layer4 protonum="${NUMBERS[t.protocol]}" protoname="${t.protocol === 'ipip' ? 'unknown' : t.protocol}">${ports}</layer4></meta>`
  }
  const state = e.tcpState ? `<state>${e.tcpState}</state>` : ''
  const own = `${state}<timeout>${secondsLeft(e, now)}</timeout><mark>${e.mark}</mark><use>${use}</use><id>${e.id}</id>${e.assured ? '<assured/>' : ''}${e.seenReply ? '' : '<unreplied/>'}`
  return `<flow>${direction('original', e.original)}${direction('reply', e.reply)}<meta direction="independent">${own}</meta></flow>\n`
}

/** As conntrack -R reads it again: `command` is the letter that the line begins with. */
export function conntrackSaved(e: ConntrackEntry, now: number, command: string): string {
  const { original: o, reply: r } = e
  const status = [...(e.seenReply ? ['SEEN_REPLY'] : []), ...(e.assured ? ['ASSURED'] : [])].join(',') || 'UNSET'
  const ports = isIcmp(o) ? ` --icmp-type ${o.destinationPort >> 8} --icmp-code ${o.destinationPort & 255} --icmp-id ${o.sourcePort}` : o.protocol === 'ipip' ? '' : ` --sport ${o.sourcePort} --dport ${o.destinationPort} --reply-port-src ${r.sourcePort} --reply-port-dst ${r.destinationPort}`
  const replyEnds = ` ${r.source === o.destination ? '-r' : '-g'} ${r.source} ${r.destination === o.source ? '-q' : '-n'} ${r.destination}`
  return `-${command} -t ${secondsLeft(e, now)} -u ${status} -s ${o.source} -d ${o.destination}${replyEnds} -p ${o.protocol}${ports}${e.tcpState ? ` --state ${e.tcpState}` : ''}\n`
}
