import { ACCEPT, ALL_MARKS, clearMark, DROP, ENDPOINT_MARK, FOREIGN_MARK, goTo, jump, MARK, markClear, markIsNot, markNotClear, markSet, RETURN, setMark, type Chain, type Rule } from './felix-chains.ts'
import type { FelixSettings } from './felix-config.ts'
import { IPIP_DEVICE, VXLAN_DEVICES, VXLAN_PORT, WIREGUARD_DEVICE, type Version } from './names.ts'

/** The chains that Felix has on every node (felix/rules/static.go, nat.go). */
export type TableName = 'raw' | 'mangle' | 'filter' | 'nat'

export interface StaticOptions {
  version: Version
  ipip: boolean
  vxlan: boolean
  /** The port. */
  wireguard: number | undefined
  natOutgoing: boolean
  /** kube-proxy's mode is ipvs: what it forwards passes INPUT and OUTPUT instead of FORWARD. The node ports' range. */
  ipvs: { from: number; to: number } | undefined
  endpointToHost: FelixSettings['endpointToHost']
}

export interface TableChains {
  chains: Chain[]
  /** Rules at the top of the kernel's own chains. */
  inserts: Record<string, Rule[]>
  /** Rules at their end. */
  appends: Record<string, Rule[]>
}

export const ALL_POOLS = 'all-ipam-pools'
export const MASQ_POOLS = 'masq-ipam-pools'
export const ALL_HOSTS = 'all-hosts-net'
export const THIS_HOST = 'this-host'
export const ALL_VXLAN = 'all-vxlan-net'
/** What a router has to hear from its Pods, whatever their egress policies say: multicast listeners, router and neighbour solicitations, advertisements. */
const ICMP6_TO_HOST = [130, 131, 132, 133, 135, 136]
const WORKLOADS = 'cali+'
const IPIP = '-p 4'
const VXLAN = `-p 17 -m multiport --destination-ports ${VXLAN_PORT}`
const HEP_ACCEPTED = 'Host endpoint policy accepted packet.'
const accepted = markSet(MARK.accept)

export function staticChains(options: StaticOptions): Record<TableName, TableChains> {
  return { raw: raw(options), mangle: mangle(options), filter: filter(options), nat: nat(options) }
}

/** "cali40" and "cali60", and then what Felix calls the set. */
export function setName(version: Version, name: string): string {
  return `cali${version}0${name}`
}

const empty = (name: string): Chain => ({ name, rules: [] })
const inserted = (chain: string): Rule[] => [{ action: jump(chain) }]

function raw({ vxlan }: StaticOptions): TableChains {
  const noTrack: Rule[] = vxlan ? [{ match: `-p udp --dport ${VXLAN_PORT}`, action: jump('NOTRACK') }] : []
  const fromWorkload = markSet(MARK.scratch0)
  return {
    chains: [
      {
        name: 'cali-PREROUTING',
        rules: [
          { action: clearMark(ALL_MARKS) },
          ...noTrack,
          { match: `--in-interface ${WORKLOADS}`, action: setMark(MARK.scratch0) },
          { match: fromWorkload, action: jump('cali-rpf-skip') },
          { match: `${fromWorkload} -m rpfilter --invert --validmark`, action: DROP },
          { match: markClear(MARK.scratch0), action: jump('cali-from-host-endpoint') },
          { match: accepted, action: ACCEPT },
        ],
      },
      { name: 'cali-OUTPUT', rules: [{ action: clearMark(ALL_MARKS) }, { action: jump('cali-to-host-endpoint') }, ...noTrack, { match: accepted, action: ACCEPT }] },
      empty('cali-rpf-skip'),
      empty('cali-from-host-endpoint'),
      empty('cali-to-host-endpoint'),
    ],
    inserts: { PREROUTING: inserted('cali-PREROUTING'), OUTPUT: inserted('cali-OUTPUT') },
    appends: {},
  }
}

function mangle({ ipvs }: StaticOptions): TableChains {
  return {
    chains: [
      {
        name: 'cali-PREROUTING',
        rules: [
          { match: '-m conntrack --ctstate RELATED,ESTABLISHED', action: ACCEPT },
          { match: accepted, action: ACCEPT },
          { action: jump('cali-from-host-endpoint') },
          { match: accepted, action: ACCEPT, comments: [HEP_ACCEPTED] },
        ],
      },
      {
        name: 'cali-POSTROUTING',
        rules: [
          { match: accepted, action: RETURN },
          ...(ipvs ? [{ match: markNotClear(ENDPOINT_MARK), action: RETURN }] : []),
          { action: clearMark(ALL_MARKS) },
          { match: '-m conntrack --ctstate DNAT', action: jump('cali-to-host-endpoint') },
          { match: accepted, action: RETURN, comments: [HEP_ACCEPTED] },
        ],
      },
      empty('cali-from-host-endpoint'),
      empty('cali-to-host-endpoint'),
    ],
    inserts: { PREROUTING: inserted('cali-PREROUTING'), POSTROUTING: inserted('cali-POSTROUTING') },
    appends: {},
  }
}

function filter({ version, ipip, vxlan, wireguard, ipvs, endpointToHost }: StaticOptions): TableChains {
  const set = (name: string): string => setName(version, name)
  const family = `IPv${version}`
  const tunnelsIn: Rule[] = [
    ...(ipip ? [
      { match: `${IPIP} -m set --match-set ${set(ALL_HOSTS)} src -m addrtype --dst-type LOCAL`, action: ACCEPT, comments: ['Allow IPIP packets from Calico hosts'] },
      { match: IPIP, action: DROP, comments: ['Drop IPIP packets from non-Calico hosts'] },
    ] : []),
    ...(vxlan ? [
      { match: `${VXLAN} -m set --match-set ${set(ALL_VXLAN)} src -m addrtype --dst-type LOCAL`, action: ACCEPT, comments: [`Allow ${family} VXLAN packets from allowed hosts`] },
      { match: `${VXLAN} -m addrtype --dst-type LOCAL`, action: DROP, comments: [`Drop ${family} VXLAN packets from non-allowed hosts`] },
    ] : []),
    ...(wireguard === undefined ? [] : [{ match: `-p 17 -m multiport --destination-ports ${wireguard} -m addrtype --dst-type LOCAL`, action: ACCEPT, comments: [`Allow incoming ${family} Wireguard packets`] }]),
  ]
  const tunnelsOut: Rule[] = [
    ...(ipip ? [{ match: `${IPIP} -m set --match-set ${set(ALL_HOSTS)} dst -m addrtype --src-type LOCAL`, action: ACCEPT, comments: ['Allow IPIP packets to other Calico hosts'] }] : []),
    ...(vxlan ? [{ match: `${VXLAN} -m addrtype --src-type LOCAL -m set --match-set ${set(ALL_VXLAN)} dst`, action: ACCEPT, comments: [`Allow ${family} VXLAN packets to other allowed hosts`] }] : []),
    ...(wireguard === undefined ? [] : [{ match: `-p 17 -m multiport --destination-ports ${wireguard} -m addrtype --src-type LOCAL`, action: ACCEPT, comments: [`Allow outgoing ${family} Wireguard packets`] }]),
  ]
  const hostEndpoint = (match: string | undefined, chain: string): Rule[] => [
    { action: clearMark(ALL_MARKS) },
    { match, action: jump(chain) },
    { match: accepted, action: ACCEPT, comments: [HEP_ACCEPTED] },
  ]
  return {
    chains: [
      {
        name: 'cali-FORWARD',
        rules: [
          { action: clearMark(ALL_MARKS & ~MARK.accept) },
          { match: markClear(MARK.accept), action: jump('cali-from-hep-forward') },
          { match: `--in-interface ${WORKLOADS}`, action: jump('cali-from-wl-dispatch') },
          { match: `--out-interface ${WORKLOADS}`, action: jump('cali-to-wl-dispatch') },
          { action: jump('cali-to-hep-forward') },
          { action: jump('cali-cidr-block') },
        ],
      },
      { name: 'cali-INPUT', rules: [...tunnelsIn, ...(ipvs ? FORWARD_CHECK : []), { match: `--in-interface ${WORKLOADS}`, action: goTo('cali-wl-to-host') }, { match: accepted, action: ACCEPT }, ...hostEndpoint(undefined, 'cali-from-host-endpoint')] },
      { name: 'cali-OUTPUT', rules: [{ match: accepted, action: ACCEPT }, ...(ipvs ? [{ match: markNotClear(ENDPOINT_MARK), action: goTo('cali-forward-endpoint-mark') }] : []), { match: `--out-interface ${WORKLOADS}`, action: RETURN }, ...tunnelsOut, ...hostEndpoint('-m conntrack ! --ctstate DNAT', 'cali-to-host-endpoint')] },
      { name: 'cali-wl-to-host', rules: [...(version === 6 ? ICMP6_TO_HOST.map((type) => ({ match: `-p 58 -m icmp6 --icmpv6-type ${type}`, action: ACCEPT })) : []), { action: jump('cali-from-wl-dispatch') }, { action: jump(endpointToHost), comments: ['Configured DefaultEndpointToHostAction'] }] },
      ...(ipvs ? ipvsChains(set(THIS_HOST), ipvs) : []),
      ...['cali-from-hep-forward', 'cali-to-hep-forward', 'cali-from-host-endpoint', 'cali-to-host-endpoint', 'cali-cidr-block'].map(empty),
    ],
    inserts: { INPUT: inserted('cali-INPUT'), FORWARD: inserted('cali-FORWARD'), OUTPUT: inserted('cali-OUTPUT') },
    appends: { FORWARD: [{ match: accepted, action: ACCEPT, comments: ['Policy explicitly accepted packet.'] }, { action: setMark(MARK.accept) }] },
  }
}

const FORWARD_CHECK: readonly Rule[] = [
  { action: clearMark(ENDPOINT_MARK) },
  { action: jump('cali-forward-check') },
  { match: markNotClear(ENDPOINT_MARK), action: RETURN },
]

/** Packets to Services are marked with where they came from, and are judged in OUTPUT, when IPVS has chosen where they go. */
function ipvsChains(thisHost: string, { from, to }: { from: number; to: number }): Chain[] {
  const nodePort = (protocol: string): Rule => ({ match: `-p ${protocol} -m multiport --destination-ports ${from}:${to} -m set --match-set ${thisHost} dst`, action: goTo('cali-set-endpoint-mark'), comments: ['To kubernetes NodePort service'] })
  return [
    {
      name: 'cali-forward-check',
      rules: [
        { match: '-m conntrack --ctstate RELATED,ESTABLISHED', action: RETURN },
        nodePort('tcp'),
        nodePort('udp'),
        { match: `-m set ! --match-set ${thisHost} dst`, action: jump('cali-set-endpoint-mark'), comments: ['To kubernetes service'] },
      ],
    },
    {
      name: 'cali-forward-endpoint-mark',
      rules: [
        { match: markIsNot(FOREIGN_MARK, ENDPOINT_MARK), action: jump('cali-from-endpoint-mark') },
        { match: `--out-interface ${WORKLOADS}`, action: jump('cali-to-wl-dispatch') },
        { action: jump('cali-to-hep-forward') },
        { action: clearMark(ENDPOINT_MARK) },
        { match: accepted, action: ACCEPT, comments: ['Policy explicitly accepted packet.'] },
      ],
    },
  ]
}

function nat({ version, ipip, vxlan, wireguard, natOutgoing }: StaticOptions): TableChains {
  const masquerade = '--jump MASQUERADE --random-fully'
  const tunnels = [...(ipip ? [IPIP_DEVICE] : []), ...(vxlan ? [VXLAN_DEVICES[version]] : []), ...(wireguard === undefined ? [] : [WIREGUARD_DEVICE])]
  return {
    chains: [
      { name: 'cali-PREROUTING', rules: [{ action: jump('cali-fip-dnat') }] },
      {
        name: 'cali-POSTROUTING',
        rules: [
          { action: jump('cali-fip-snat') },
          { action: jump('cali-nat-outgoing') },
          // what a process of the node sends into a tunnel with another of its addresses could not be answered
          ...tunnels.map((device) => ({ match: `--out-interface ${device} -m addrtype ! --src-type LOCAL --limit-iface-out -m addrtype --src-type LOCAL`, action: masquerade })),
        ],
      },
      { name: 'cali-OUTPUT', rules: [{ action: jump('cali-fip-dnat') }] },
      empty('cali-fip-dnat'),
      empty('cali-fip-snat'),
      { name: 'cali-nat-outgoing', rules: natOutgoing ? [{ match: `-m set --match-set ${setName(version, MASQ_POOLS)} src -m set ! --match-set ${setName(version, ALL_POOLS)} dst`, action: masquerade }] : [] },
    ],
    inserts: { PREROUTING: inserted('cali-PREROUTING'), OUTPUT: inserted('cali-OUTPUT') },
    // last, so that kube-proxy's own masquerading comes first and clears its mark
    appends: { POSTROUTING: inserted('cali-POSTROUTING') },
  }
}
