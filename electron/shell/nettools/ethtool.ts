import type { Link, Process, Task } from '../../engine/cluster.ts'
import { byName } from '../../engine/own.ts'

const USAGE = `ethtool version 6.1
Usage:
        ethtool [ FLAGS ] DEVNAME\tDisplay standard information about device
        ethtool [ FLAGS ] -i|--driver DEVNAME\tShow driver information
        ethtool [ FLAGS ] -k|--show-features|--show-offload DEVNAME\tGet state of protocol offload and other features
        ethtool [ FLAGS ] -S|--statistics DEVNAME\tShow adapter statistics
`
const LONG: Readonly<Record<string, string>> = byName({ '--driver': '-i', '--show-features': '-k', '--show-offload': '-k', '--statistics': '-S', '--show-pause': '-a', '--show-coalesce': '-c', '--show-ring': '-g', '--module-info': '-m', '--help': '-h', '--version': '--version' })

/** ethtool(8) 6.1 for the kinds of links that there are. */
export function* ethtool(process: Process): Task<number> {
  const args = process.argv.slice(1)
  const verb = args[0]?.startsWith('-') ? (LONG[args[0]] ?? args[0]) : ''
  const name = verb === '' ? args[0] : args[1]
  const fail = function* (text: string, code: number): Task<number> {
    yield* process.printError(text)
    return code
  }
  if (verb === '-h') {
    yield* process.print(USAGE)
    return 0
  }
  if (verb === '--version') {
    yield* process.print('ethtool version 6.1\n')
    return 0
  }
  // what a virtual cable has no hardware for
  const hardware = ['-a', '-c', '-g', '-m'].includes(verb)
  if (!hardware && !['', '-i', '-k', '-S'].includes(verb)) return yield* fail(`podhop: not simulated: ethtool ${verb} (use ethtool -i, -k, -S or ip -s link)\n`, 69)
  if (name === undefined) return yield* fail('ethtool: bad command line argument(s)\nFor more information run ethtool -h\n', 1)
  const link = process.network.links.get(name)
  if (!link) {
    if (verb === '-i') return yield* fail('Cannot get driver information: No such device\n', 71)
    if (verb === '-S') return yield* fail('Cannot get stats strings information: No such device\n', 96)
    const lines = 'netlink error: no device matches name (offset 24)\nnetlink error: No such device\n'
    if (verb === '-k' || hardware) return yield* fail(lines, 1)
    yield* process.print('No data available\n')
    return yield* fail(lines.repeat(5), 75)
  }
  if (hardware) {
    if (link.kind !== 'veth') return yield* fail(`podhop: not simulated: ethtool ${verb} of a ${link.kind} (use it on a veth)\n`, 69)
    return yield* fail('netlink error: Operation not supported\n', 1)
  }
  if (verb === '-S') {
    if (link.kind !== 'veth' || !link.peer) return yield* fail('no stats available\n', 94)
    // the program of these counters, XDP, is in no link here
    const queue = ['rx_queue_0_xdp_packets', 'rx_queue_0_xdp_bytes', 'rx_queue_0_drops', 'rx_queue_0_xdp_redirect', 'rx_queue_0_xdp_drops', 'rx_queue_0_xdp_tx', 'rx_queue_0_xdp_tx_errors', 'tx_queue_0_xdp_xmit', 'tx_queue_0_xdp_xmit_errors']
    yield* process.print(`NIC statistics:\n     peer_ifindex: ${link.peer.index}\n${queue.map((q) => `     ${q}: 0\n`).join('')}`)
    return 0
  }
  if (verb === '-k') {
    if (link.kind !== 'veth') return yield* fail(`podhop: not simulated: ethtool -k of a ${link.kind} (use it on a veth)\n`, 69)
    yield* process.print(`Features for ${name}:\n${VETH_FEATURES}`)
    return 0
  }
  if (verb === '-i' && link.kind === 'loopback') return yield* fail('Cannot get driver information: Operation not supported\n', 71)
  yield* process.print(verb === '-i' ? driver(link) : settings(link))
  return 0
}

const DRIVERS: Readonly<Partial<Record<Link['kind'], [name: string, version: string, unknown: string]>>> = {
  veth: ['veth', '1.0', ''], bridge: ['bridge', '2.3', 'N/A'], vxlan: ['vxlan', '0.1', ''], nic: ['virtio_net', '1.0.0', ''], geneve: ['geneve', '0.6', ''], wireguard: ['wireguard', '1.0.0', ''], dummy: ['dummy', '6.1.0-podhop', ''], ipip: ['ipip', '6.1.0-podhop', ''],
}

function driver(link: Link): string {
  const [name, version, unknown] = DRIVERS[link.kind] ?? [link.kind, '', '']
  return `driver: ${name}\nversion: ${version}\nfirmware-version: ${unknown}\nexpansion-rom-version: \nbus-info: ${unknown}\nsupports-statistics: ${link.kind === 'veth' ? 'yes' : 'no'}\nsupports-test: no\nsupports-eeprom-access: no\nsupports-register-dump: no\nsupports-priv-flags: no\n`
}

function settings(link: Link): string {
  const detected = `\tLink detected: ${link.up && link.carrier ? 'yes' : 'no'}\n`
  if (link.kind !== 'veth' && link.kind !== 'bridge') return `Settings for ${link.name}:\n${detected}`
  const modes = `\tSupported ports: [  ]\n\tSupported link modes:   Not reported\n\tSupported pause frame use: No\n\tSupports auto-negotiation: No\n\tSupported FEC modes: Not reported\n\tAdvertised link modes:  Not reported\n\tAdvertised pause frame use: No\n\tAdvertised auto-negotiation: No\n\tAdvertised FEC modes: Not reported\n`
  if (link.kind === 'bridge') return `Settings for ${link.name}:\n${modes}\tSpeed: ${link.carrier ? '10000Mb/s' : 'Unknown!'}\n\tDuplex: Unknown! (255)\n\tAuto-negotiation: off\n\tPort: Other\n\tPHYAD: 0\n\tTransceiver: internal\n${detected}`
  return `Settings for ${link.name}:\n${modes}\tSpeed: 10000Mb/s\n\tDuplex: Full\n\tAuto-negotiation: off\n\tPort: Twisted Pair\n\tPHYAD: 0\n\tTransceiver: internal\n\tMDI-X: Unknown\n${detected}`
}

/** drivers/net/veth.c of Linux 6.1: "+" is on, "-" off, "!" off for good; a tab before what belongs to the one above. */
const VETH_FEATURES = [
  '+rx-checksumming', '+tx-checksumming', '\t!tx-checksum-ipv4', '\t+tx-checksum-ip-generic', '\t!tx-checksum-ipv6', '\t!tx-checksum-fcoe-crc', '\t+tx-checksum-sctp', '+scatter-gather', '\t+tx-scatter-gather', '\t+tx-scatter-gather-fraglist',
  '+tcp-segmentation-offload', '\t+tx-tcp-segmentation', '\t+tx-tcp-ecn-segmentation', '\t+tx-tcp-mangleid-segmentation', '\t+tx-tcp6-segmentation', '+generic-segmentation-offload', '-generic-receive-offload', '!large-receive-offload',
  '+rx-vlan-offload', '+tx-vlan-offload', '!ntuple-filters', '!receive-hashing', '+highdma', '!rx-vlan-filter', '!vlan-challenged', '!tx-lockless', '!netns-local', '!tx-gso-robust', '!tx-fcoe-segmentation', '+tx-gre-segmentation', '+tx-gre-csum-segmentation',
  '+tx-ipxip4-segmentation', '+tx-ipxip6-segmentation', '+tx-udp_tnl-segmentation', '+tx-udp_tnl-csum-segmentation', '!tx-gso-partial', '!tx-tunnel-remcsum-segmentation', '+tx-sctp-segmentation', '!tx-esp-segmentation', '+tx-udp-segmentation', '+tx-gso-list',
  '-tx-nocache-copy', '!loopback', '!rx-fcs', '!rx-all', '+tx-vlan-stag-hw-insert', '+rx-vlan-stag-hw-parse', '!rx-vlan-stag-filter', '!l2-fwd-offload', '!hw-tc-offload', '!esp-hw-offload', '!esp-tx-csum-hw-offload', '!rx-udp_tunnel-port-offload',
  '!tls-hw-tx-offload', '!tls-hw-rx-offload', '!rx-gro-hw', '!tls-hw-record', '-rx-gro-list', '!macsec-hw-offload', '-rx-udp-gro-forwarding', '!hsr-tag-ins-offload', '!hsr-tag-rm-offload', '!hsr-fwd-offload', '!hsr-dup-offload',
].map((word) => {
  const [, tab, state, feature] = /^(\t?)([-+!])(.*)$/.exec(word)!
  return `${tab}${feature}: ${state === '+' ? 'on' : state === '-' ? 'off' : 'off [fixed]'}\n`
}).join('')
