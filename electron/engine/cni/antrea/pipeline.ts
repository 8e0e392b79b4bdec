import type { Cidr, Ip, Mac } from '../../network/types.ts'
import type { FlowSpec } from './ovs/bridge.ts'

/** The flows of Antrea v2.4 (docs/design/ovs-pipeline.md, pkg/agent/openflow of antrea-io/antrea); what names addresses is there once a family. */

/** Tables in the order of their numbers: what is realised with AntreaProxy, AntreaPolicy and Egress, without multicast and traffic control. */
const TABLES = [
  'PipelineRootClassifier', 'ARPSpoofGuard', 'ARPResponder', 'Classifier', 'SpoofGuard', 'IPv6', 'UnSNAT', 'ConntrackZone', 'ConntrackState', 'PreRoutingClassifier', 'SessionAffinity', 'ServiceLB',
  'EndpointDNAT', 'AntreaPolicyEgressRule', 'EgressRule', 'EgressDefaultRule', 'EgressMetric', 'L3Forwarding', 'EgressMark', 'L3DecTTL', 'SNATMark', 'SNAT', 'L2ForwardingCalc',
  'IngressSecurityClassifier', 'AntreaPolicyIngressRule', 'IngressRule', 'IngressDefaultRule', 'IngressMetric', 'ConntrackCommit', 'Output',
] as const

type TableName = (typeof TABLES)[number]

/** The table IPv6 is there in clusters that have it. */
export function tablesFor(ipv6: boolean): readonly TableName[] {
  return ipv6 ? TABLES : TABLES.filter((table) => table !== 'IPv6')
}

export type Category = 'Default' | 'PodConnectivity' | 'NetworkPolicy' | 'Service' | 'Egress'
const CATEGORIES: readonly Category[] = ['Default', 'PodConnectivity', 'NetworkPolicy', 'Service', 'Egress']

/** pkg/agent/openflow/cookie: the agent's round, the category, and an object's number. */
export function cookie(round: number, category: Category, object = 0): string {
  return `0x${((BigInt(round) << 48n) | (BigInt(CATEGORIES.indexOf(category)) << 40n) | BigInt(object)).toString(16)}`
}

/** Every remote gateway has this address as far as flows are concerned. */
export const VIRTUAL_MAC: Mac = 'aa:bb:cc:dd:ee:ff'
/** How the flows of a family call its protocols and fields; its zones of connection tracking. */
export const WORDS = {
  4: { ip: 'ip', protocol: (name: string): string => name, src: 'nw_src', dst: 'nw_dst', tunnel: 'tun_dst', zone: 65_520, snatZone: 65_521, virtualService: '169.254.0.253' },
  6: { ip: 'ipv6', protocol: (name: string): string => `${name}6`, src: 'ipv6_src', dst: 'ipv6_dst', tunnel: 'tun_ipv6_dst', zone: 65_510, snatZone: 65_511, virtualService: 'fc01::aabb:ccdd:eeff' },
} as const

export function versionOf(ip: Ip | Cidr): 4 | 6 {
  return ip.includes(':') ? 6 : 4
}
export const TUNNEL_PORT = 32_768
export const GATEWAY_PORT = 32_769
export const GATEWAY = 'antrea-gw0'
export const TUNNEL = 'antrea-tun0'

export interface PipelineFacts {
  round: number
  gatewayMac: Mac
  tunnel: boolean
  families: readonly FamilyFacts[]
}

export interface FamilyFacts { version: 4 | 6; gatewayIp: Ip; nodeIp: Ip; podCidr: Cidr; serviceCidr: Cidr }

/** "Classifier, 200, ip,in_port=…" with what it does: one flow. */
type Row = readonly [table: TableName, priority: number, match: string, actions: string]

function specs(round: number, category: Category, rows: readonly Row[]): FlowSpec[] {
  return rows.map(([table, priority, match, actions]) => ({ table, priority, match, actions, cookie: cookie(round, category) }))
}

export const TO_GATEWAY = 'set_field:0x20/0xf0->reg0'
export const TO_TUNNEL = 'set_field:0x10/0xf0->reg0'
const SOURCE_TO_MARK = 'move:NXM_NX_REG0[0..3]->NXM_NX_CT_MARK[0..3]'
const OUT = 'set_field:0x200000/0x600000->reg0'

/** The flows of a table for what no other flow of it wants: on to the next table, or nowhere. */
function missFlows(round: number, tables: readonly TableName[]): FlowSpec[] {
  const dropping = new Set<string>(['PipelineRootClassifier', 'ARPSpoofGuard', 'ARPResponder', 'Classifier', 'SpoofGuard', 'Output'])
  const special = new Set<string>(['ConntrackState', 'SessionAffinity', 'L3Forwarding', 'EgressMark'])
  const next: Partial<Record<string, string>> = { L3Forwarding: 'L2ForwardingCalc', EgressMark: 'L2ForwardingCalc' }
  return specs(round, 'Default', tables.flatMap((table, i): Row[] => {
    if (special.has(table)) return []
    return [[table, 0, '', dropping.has(table) ? 'drop' : `goto_table:${next[table] ?? tables[i + 1]!}`]]
  }))
}

export function initialFlows(facts: PipelineFacts): FlowSpec[] {
  const { round, families } = facts
  const ipv6 = families.some((f) => f.version === 6)
  const each = (rows: (facts: PipelineFacts, family: FamilyFacts) => Row[]): Row[] => families.flatMap((family) => rows(facts, family))
  const root = families.flatMap(({ version }): Row[] => [...(version === 4 ? [['PipelineRootClassifier', 200, 'arp', 'goto_table:ARPSpoofGuard'] as const] : []), ['PipelineRootClassifier', 200, WORDS[version].ip, 'goto_table:Classifier']])
  return [
    ...specs(round, 'Default', root), ...missFlows(round, tablesFor(ipv6)),
    ...specs(round, 'PodConnectivity', [...podRows(facts), ...(ipv6 ? ipv6Rows() : []), ...each(podFamilyRows)]),
    ...specs(round, 'NetworkPolicy', [...each(policyFamilyRows), ...policyRows()]),
    ...specs(round, 'Service', [...serviceRows(facts), ...each(serviceFamilyRows)]),
    ...specs(round, 'Egress', each(egressFamilyRows)),
    ...specs(round, 'Egress', [['EgressMark', 0, '', `${TO_GATEWAY},goto_table:L2ForwardingCalc`]]),
  ]
}

const FROM_GATEWAY = `in_port="${GATEWAY}"`

function podRows({ gatewayMac, tunnel }: PipelineFacts): Row[] {
  return [
    ['ARPResponder', 190, 'arp', 'NORMAL'],
    ['Classifier', 200, FROM_GATEWAY, 'set_field:0x2/0xf->reg0,set_field:0x8000000/0x8000000->reg4,goto_table:SpoofGuard'],
    ['ConntrackState', 0, '', 'goto_table:PreRoutingClassifier'],
    ['L3Forwarding', 0, '', `${TO_GATEWAY},goto_table:L2ForwardingCalc`],
    ['L2ForwardingCalc', 200, `dl_dst=${gatewayMac}`, `set_field:0x${GATEWAY_PORT.toString(16)}->reg1,${OUT},goto_table:IngressSecurityClassifier`],
    ['Output', 200, 'reg0=0x200000/0x600000', 'output:NXM_NX_REG1[]'],
    ...(tunnel ? [
      ['Classifier', 200, `in_port="${TUNNEL}"`, 'set_field:0x1/0xf->reg0,set_field:0x200/0x200->reg0,goto_table:UnSNAT'] as const,
      ['L2ForwardingCalc', 200, `dl_dst=${VIRTUAL_MAC}`, `set_field:0x${TUNNEL_PORT.toString(16)}->reg1,${OUT},goto_table:IngressSecurityClassifier`] as const,
    ] : []),
  ]
}

/** What neighbours say to one another is switched as by any bridge. */
function ipv6Rows(): Row[] {
  return [
    ['SpoofGuard', 200, 'ipv6,ipv6_src=fe80::/10', 'goto_table:IPv6'],
    ['IPv6', 200, 'icmp6,icmp_type=135,icmp_code=0', 'NORMAL'],
    ['IPv6', 200, 'icmp6,icmp_type=136,icmp_code=0', 'NORMAL'],
    ['IPv6', 200, 'ipv6,ipv6_dst=ff00::/8', 'NORMAL'],
  ]
}

function podFamilyRows({ gatewayMac }: PipelineFacts, { version, gatewayIp, podCidr }: FamilyFacts): Row[] {
  const { ip, src, dst, zone } = WORDS[version]
  return [
    ...(version === 4 ? [['ARPSpoofGuard', 200, `arp,${FROM_GATEWAY},arp_spa=${gatewayIp},arp_sha=${gatewayMac}`, 'goto_table:ARPResponder'] as const] : []),
    ['Classifier', 210, `${ip},${FROM_GATEWAY},${src}=${gatewayIp}`, 'set_field:0x2/0xf->reg0,set_field:0x10000000/0x10000000->reg4,goto_table:SpoofGuard'],
    ['SpoofGuard', 200, `${ip},${FROM_GATEWAY}`, version === 4 ? 'goto_table:UnSNAT' : 'goto_table:IPv6'],
    ['ConntrackZone', 200, ip, `ct(table=ConntrackState,zone=${zone},nat)`],
    ['ConntrackState', 200, `ct_state=+inv+trk,${ip}`, 'drop'],
    ['ConntrackState', 190, `ct_state=-new+trk,ct_mark=0x0/0x10,${ip}`, 'goto_table:AntreaPolicyEgressRule'],
    ['L3Forwarding', 210, `${ip},${dst}=${gatewayIp}`, `set_field:${gatewayMac}->eth_dst,${TO_GATEWAY},goto_table:L3DecTTL`],
    ['L3Forwarding', 210, `ct_state=+rpl+trk,ct_mark=0x2/0xf,${ip}`, `set_field:${gatewayMac}->eth_dst,${TO_GATEWAY},goto_table:L3DecTTL`],
    ['L3Forwarding', 200, `${ip},reg0=0x0/0x200,${dst}=${podCidr}`, 'goto_table:L2ForwardingCalc'],
    ['L3DecTTL', 210, `${ip},reg0=0x2/0xf`, 'goto_table:SNATMark'],
    ['L3DecTTL', 200, ip, 'dec_ttl,goto_table:SNATMark'],
    ['IngressSecurityClassifier', 210, `pkt_mark=0x80000000/0x80000000,ct_state=-rpl+trk,${ip}`, 'goto_table:ConntrackCommit'],
    ['ConntrackCommit', 200, `ct_state=+new+trk-snat,ct_mark=0x0/0x10,${ip}`, `ct(commit,table=Output,zone=${zone},exec(${SOURCE_TO_MARK}))`],
  ]
}

function policyFamilyRows(_: PipelineFacts, { version }: FamilyFacts): Row[] {
  const { ip } = WORDS[version]
  return (['est', 'rel'] as const).flatMap((state): Row[] => [['AntreaPolicyEgressRule', 64_990, `ct_state=-new+${state},${ip}`, 'goto_table:EgressMetric'], ['AntreaPolicyIngressRule', 64_990, `ct_state=-new+${state},${ip}`, 'goto_table:IngressMetric']])
}

function policyRows(): Row[] {
  return [
    ['IngressSecurityClassifier', 200, 'reg0=0x20/0xf0', 'goto_table:IngressMetric'],
    ['IngressSecurityClassifier', 200, 'reg0=0x10/0xf0', 'goto_table:IngressMetric'],
    ['IngressSecurityClassifier', 200, 'reg0=0x40/0xf0', 'goto_table:IngressMetric'],
    ['IngressSecurityClassifier', 200, 'ct_mark=0x40/0x40', 'goto_table:ConntrackCommit'],
    ...(['01', '02', '03', '04', '05', '06', '07'] as const).map((operation, i): Row => ['Output', 200, `reg0=0x${(0x2400000 + i * 0x2000000).toString(16)}/0xfe600000`, `meter:256,controller(id=32776,reason=no_match,userdata=01.${operation},max_len=65535)`]),
  ]
}

function serviceRows({ gatewayMac }: PipelineFacts): Row[] {
  return [
    ['SessionAffinity', 0, '', 'set_field:0x10000/0x70000->reg4'],
    ['EndpointDNAT', 200, 'reg0=0x4000/0x4000', 'controller(id=32776,reason=no_match,userdata=04,max_len=65535)'],
    ['EndpointDNAT', 190, 'reg4=0x20000/0x70000', 'set_field:0x10000/0x70000->reg4,resubmit(,ServiceLB)'],
    ['L3Forwarding', 190, 'ct_mark=0x10/0x10,reg0=0x202/0x20f', `set_field:${gatewayMac}->eth_dst,${TO_GATEWAY},goto_table:L3DecTTL`],
    ['Output', 210, 'ct_mark=0x40/0x40,reg0=0x200000/0x600000', 'IN_PORT'],
  ]
}

function serviceFamilyRows(_: PipelineFacts, { version, gatewayIp }: FamilyFacts): Row[] {
  const { ip, dst, zone, snatZone, virtualService } = WORDS[version]
  const marks = 'set_field:0x10/0x10->ct_mark,set_field:0x20/0x20->ct_mark'
  return [
    ['UnSNAT', 200, `${ip},${dst}=${virtualService}`, `ct(table=ConntrackZone,zone=${snatZone},nat)`],
    ['UnSNAT', 200, `${ip},${dst}=${gatewayIp}`, `ct(table=ConntrackZone,zone=${snatZone},nat)`],
    ['ConntrackState', 190, `ct_state=-new+trk,ct_mark=0x10/0x10,${ip}`, 'set_field:0x200/0x200->reg0,goto_table:AntreaPolicyEgressRule'],
    ['PreRoutingClassifier', 200, ip, 'resubmit(,SessionAffinity),resubmit(,ServiceLB)'],
    ['SNATMark', 200, `ct_state=+new+trk,${ip},reg0=0x22/0xff`, `ct(commit,table=SNAT,zone=${zone},exec(set_field:0x20/0x20->ct_mark,set_field:0x40/0x40->ct_mark,${SOURCE_TO_MARK}))`],
    ['SNATMark', 200, `ct_state=+new+trk,${ip},reg0=0x12/0xff,reg4=0x200000/0x2200000`, `ct(commit,table=SNAT,zone=${zone},exec(set_field:0x20/0x20->ct_mark,${SOURCE_TO_MARK}))`],
    ['SNAT', 200, `ct_state=+new+trk,ct_mark=0x40/0x40,${ip},reg0=0x2/0xf`, `ct(commit,table=L2ForwardingCalc,zone=${snatZone},nat(src=${virtualService}),exec(${marks},set_field:0x40/0x40->ct_mark))`],
    ['SNAT', 200, `ct_state=+new+trk,ct_mark=0x40/0x40,${ip},reg0=0x3/0xf`, `ct(commit,table=L2ForwardingCalc,zone=${snatZone},nat(src=${gatewayIp}),exec(${marks},set_field:0x40/0x40->ct_mark))`],
    ['SNAT', 200, `ct_state=-new-rpl+trk,ct_mark=0x20/0x20,${ip}`, `ct(table=L2ForwardingCalc,zone=${snatZone},nat)`],
    ['SNAT', 190, `ct_state=+new+trk,ct_mark=0x20/0x20,${ip},reg0=0x2/0xf`, `ct(commit,table=L2ForwardingCalc,zone=${snatZone},nat(src=${gatewayIp}),exec(${marks}))`],
  ]
}

function egressFamilyRows({ gatewayMac }: PipelineFacts, { version, nodeIp, serviceCidr }: FamilyFacts): Row[] {
  const { ip, dst } = WORDS[version]
  return [
    ['L3Forwarding', 190, `ct_state=-rpl+trk,${ip},reg0=0x3/0xf,reg4=0x0/0x100000`, 'goto_table:EgressMark'],
    ['L3Forwarding', 190, `ct_state=-rpl+trk,${ip},reg0=0x1/0xf`, `set_field:${gatewayMac}->eth_dst,goto_table:EgressMark`],
    ['EgressMark', 210, `${ip},${dst}=${nodeIp}`, `${TO_GATEWAY},goto_table:L2ForwardingCalc`],
    ['EgressMark', 210, `${ip},${dst}=${serviceCidr}`, `${TO_GATEWAY},goto_table:L2ForwardingCalc`],
    ['EgressMark', 190, `ct_state=+new+trk,${ip},reg0=0x1/0xf`, 'drop'],
  ]
}

/** Another node: its gateway's address is answered here, its Pods are behind the tunnel (or, without one, behind the node's own routes). */
export function nodeFlows({ round, gatewayMac, tunnel }: PipelineFacts, { end, families }: { end: Ip; families: readonly { ip: Ip; gateway: Ip; podCidr: Cidr }[] }): FlowSpec[] {
  return families.flatMap(({ ip: node, gateway, podCidr }) => {
    const version = versionOf(podCidr)
    const { ip, dst } = WORDS[version]
    const answer = `move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],set_field:${VIRTUAL_MAC}->eth_src,set_field:2->arp_op,move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],set_field:${VIRTUAL_MAC}->arp_sha,move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],set_field:${gateway}->arp_spa,IN_PORT`
    return [
      ...specs(round, 'PodConnectivity', [
        ...(version === 4 ? [['ARPResponder', 200, `arp,arp_tpa=${gateway},arp_op=1`, answer] as const] : []),
        tunnel
          ? ['L3Forwarding', 200, `${ip},${dst}=${podCidr}`, `set_field:${gatewayMac}->eth_src,set_field:${VIRTUAL_MAC}->eth_dst,set_field:${end}->${WORDS[versionOf(end)].tunnel},${TO_TUNNEL},goto_table:L3DecTTL`]
          : ['L3Forwarding', 200, `${ip},reg4=0x0/0x100000,${dst}=${podCidr}`, `set_field:${gatewayMac}->eth_dst,${TO_GATEWAY},goto_table:L3DecTTL`],
      ]),
      ...specs(round, 'Egress', [['EgressMark', 210, `${ip},${dst}=${node}`, `${TO_GATEWAY},goto_table:L2ForwardingCalc`]]),
    ]
  })
}

export function podFlows({ round, gatewayMac }: PipelineFacts, pod: { port: number; name: string; ips: readonly Ip[]; mac: Mac }): FlowSpec[] {
  const at = `in_port="${pod.name}"`
  return specs(round, 'PodConnectivity', [
    ['Classifier', 190, at, 'set_field:0x3/0xf->reg0,set_field:0x10000000/0x10000000->reg4,goto_table:SpoofGuard'],
    ...pod.ips.flatMap((address): Row[] => {
      const version = versionOf(address)
      const { ip, src, dst } = WORDS[version]
      return [
        ...(version === 4 ? [['ARPSpoofGuard', 200, `arp,${at},arp_spa=${address},arp_sha=${pod.mac}`, 'goto_table:ARPResponder'] as const] : []),
        ['SpoofGuard', 200, `${ip},${at},dl_src=${pod.mac},${src}=${address}`, version === 4 ? 'goto_table:UnSNAT' : 'goto_table:IPv6'],
        ['L3Forwarding', 200, `${ip},reg0=0x200/0x200,${dst}=${address}`, `set_field:${gatewayMac}->eth_src,set_field:${pod.mac}->eth_dst,goto_table:L3DecTTL`],
      ]
    }),
    ['L2ForwardingCalc', 200, `dl_dst=${pod.mac}`, `set_field:0x${pod.port.toString(16)}->reg1,${OUT},goto_table:IngressSecurityClassifier`],
  ])
}
