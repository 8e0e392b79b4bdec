import { KERNEL, type Link, type Process, type Task } from '../../engine/cluster.ts'

const USAGE = `ethtool version 6.1
Usage:
        ethtool [ FLAGS ] DEVNAME	Display standard information about device
        ethtool [ FLAGS ] -i|--driver DEVNAME	Show driver information
        ethtool [ FLAGS ] -k|--show-features|--show-offload DEVNAME	Get state of protocol offload and other features
        ethtool [ FLAGS ] -S|--statistics DEVNAME	Show adapter statistics
        ethtool [ FLAGS ] -l|--show-channels DEVNAME	Query Channels
        ethtool [ FLAGS ] -T|--show-time-stamping DEVNAME	Show time stamping capabilities
        ethtool [ FLAGS ] -P|--show-permaddr DEVNAME	Show permanent hardware address
        ethtool [ FLAGS ] -a|--show-pause DEVNAME	Show pause options
        ethtool [ FLAGS ] -c|--show-coalesce DEVNAME	Show coalesce options
        ethtool [ FLAGS ] -g|--show-ring DEVNAME	Query RX/TX ring parameters
        ethtool [ FLAGS ] -m|--dump-module-eeprom|--module-info DEVNAME	Query/Decode Module EEPROM information and optical diagnostics if available
        ethtool [ FLAGS ] -h|--help	Show this help
        ethtool [ FLAGS ] --version	Show version number

FLAGS:
	--debug MASK	turn on debugging messages
	-I|--include-statistics	request device statistics related to the command (not supported by all commands)
`
const LONG: ReadonlyMap<string, string> = new Map([
  ['--driver', '-i'], ['--show-features', '-k'], ['--show-offload', '-k'], ['--features', '-K'], ['--offload', '-K'], ['--statistics', '-S'], ['--show-pause', '-a'], ['--pause', '-A'], ['--show-coalesce', '-c'], ['--coalesce', '-C'], ['--show-ring', '-g'], ['--set-ring', '-G'], ['--module-info', '-m'], ['--dump-module-eeprom', '-m'],
  ['--show-channels', '-l'], ['--set-channels', '-L'], ['--show-time-stamping', '-T'], ['--show-permaddr', '-P'], ['--change', '-s'], ['--show-nfc', '-n'], ['--show-ntuple', '-n'], ['--show-rxfh-indir', '-x'], ['--show-rxfh', '-x'], ['--register-dump', '-d'], ['--eeprom-dump', '-e'], ['--negotiate', '-r'], ['--identify', '-p'], ['--test', '-t'], ['--get-dump', '-w'], ['--help', '-h'],
])
/** What the kernel has no operation for on links without hardware, and what ethtool then says and exits with. */
const UNSUPPORTED: ReadonlyMap<string, readonly [text: string, code: number]> = new Map<string, readonly [text: string, code: number]>([
  ...['-a', '-c', '-g', '-m', '-C', '--show-eee', '--show-fec', '--show-priv-flags'].map((verb) => [verb, ['netlink error: Operation not supported\n', 1]] as const),
  ['-A', ['netlink error: Operation not supported\n', 76]], ['-G', ['netlink error: Operation not supported\n', 81]], ['-n', ['Cannot get RX rings: Operation not supported\nrxclass: Cannot get RX class rule count: Operation not supported\nRX classification rule retrieval failed\n', 1]], ['-x', ['Cannot get RX ring count: Operation not supported\n', 1]],
  ['-d', ['Cannot get register dump: Operation not supported\n', 74]], ['-e', ['Cannot get EEPROM data: Operation not supported\n', 74]], ['-r', ['Cannot restart autonegotiation: Operation not supported\n', 255]], ['-p', ['Cannot identify NIC: Operation not supported\n', 255]], ['-t', ['Cannot test: Operation not supported\n', 74]], ['-w', ['Can not get dump level: Operation not supported\n', 1]],
])
const VIRTUAL = new Set<Link['kind']>(['veth', 'bridge', 'loopback', 'vxlan', 'dummy', 'ipip', 'geneve', 'wireguard', 'vlan', 'macvlan', 'ipvlan', 'bond'])
const NO_DEVICE = 'netlink error: no device matches name (offset 24)\nnetlink error: No such device\n'

/** ethtool(8) 6.1 for the kinds of links that there are. */
export function* ethtool(process: Process): Task<number> {
  const args = process.argv.slice(1)
  while (args[0] === '-I' || args[0] === '--include-statistics' || args[0] === '--debug') args.splice(0, args[0] === '--debug' ? 2 : 1)
  const json = args[0] === '--json'
  if (json) args.shift()
  const first = args[0] ?? ''
  const verb = first.startsWith('-') ? (LONG.get(first) ?? first) : ''
  const [name, ...more] = verb === '' ? args : args.slice(1)
  const fail = function* (text: string, code: number): Task<number> {
    yield* process.printError(text)
    return code
  }
  const known = ['', '-h', '--version', '-i', '-k', '-K', '-S', '-l', '-L', '-T', '-P', '-s'].includes(verb) || UNSUPPORTED.has(verb)
  if (verb === '-h' || verb === '--version') {
    yield* process.print(verb === '-h' ? USAGE : 'ethtool version 6.1\n')
    return 0
  }
  if (!known && /^-[BEfFNUuQqXzyY]$|^--(set|reset|rxfh|config|flash|cable|flow|per-queue|phy|get|reset|monitor|module|tunnels|show)/.test(first) && name !== undefined && !['-B', '-y', '-Y', '-z'].includes(first)) return yield* fail(`podhop: not simulated: ethtool ${first} (use ethtool -i, -k, -S or ip -s link)\n`, 69)
  if (!known || name === undefined || (verb === '' && more.length > 0) || (json && verb !== '-k')) return yield* fail('ethtool: bad command line argument(s)\nFor more information run ethtool -h\n', 1)
  if (json) return yield* fail('podhop: not simulated: ethtool --json (use ethtool -k)\n', 69)
  const link = process.network.links.get(name)
  if (!link) {
    if (verb === '-i') return yield* fail('Cannot get driver information: No such device\n', 71)
    if (verb === '-S') return yield* fail('Cannot get stats strings information: No such device\n', 96)
    if (verb === '-P') return yield* fail('netlink error: No such device\n', 1)
    if (verb !== '') return yield* fail(NO_DEVICE, verb === '-K' ? 92 : 1)
    yield* process.print('No data available\n')
    return yield* fail(NO_DEVICE.repeat(5), 75)
  }
  const unsupported = UNSUPPORTED.get(verb)
  if ((unsupported || verb === '-l') && !VIRTUAL.has(link.kind)) return yield* fail(`podhop: not simulated: ethtool ${verb} of a ${link.kind} (use it on a veth)\n`, 69)
  if (unsupported) return yield* fail(...unsupported)
  switch (verb) {
    case '-K':
      if (more.length === 0) return yield* fail('Could not change any device features\n', 1)
      return yield* fail('podhop: not simulated: ethtool -K (nothing is offloaded here; packets always carry their checksums)\n', 69)
    case '-L':
    case '-s':
      if (more.length === 0) return 0
      return yield* fail(`podhop: not simulated: ethtool ${verb} (links here have one queue and no speed)\n`, 69)
    case '-l':
      if (link.kind !== 'veth') return yield* fail('netlink error: Operation not supported\n', 1)
      yield* process.print(`Channel parameters for ${name}:\nPre-set maximums:\nRX:\t\t2\nTX:\t\t2\nOther:\t\tn/a\nCombined:\tn/a\nCurrent hardware settings:\nRX:\t\t1\nTX:\t\t1\nOther:\t\tn/a\nCombined:\tn/a\n`)
      return 0
    case '-T':
      yield* process.print(`Time stamping parameters for ${name}:\nCapabilities:\n${link.kind === 'bridge' ? '' : '\tsoftware-transmit\n'}\tsoftware-receive\n\tsoftware-system-clock\nPTP Hardware Clock: none\nHardware Transmit Timestamp Modes: none\nHardware Receive Filter Modes: none\n`)
      return 0
    case '-P':
      yield* process.print(link.kind === 'nic' ? `Permanent address: ${link.mac}\n` : 'Permanent address: not set\n')
      return 0
    case '-S': {
      if (link.kind !== 'veth' || !link.peer) return yield* fail('no stats available\n', 94)
      // the program of these counters, XDP, is in no link here
      const queue = ['rx_queue_0_xdp_packets', 'rx_queue_0_xdp_bytes', 'rx_queue_0_drops', 'rx_queue_0_xdp_redirect', 'rx_queue_0_xdp_drops', 'rx_queue_0_xdp_tx', 'rx_queue_0_xdp_tx_errors', 'tx_queue_0_xdp_xmit', 'tx_queue_0_xdp_xmit_errors']
      yield* process.print(`NIC statistics:\n     peer_ifindex: ${link.peer.index}\n${queue.map((q) => `     ${q}: 0\n`).join('')}`)
      return 0
    }
    case '-k':
      if (link.kind !== 'veth') return yield* fail(`podhop: not simulated: ethtool -k of a ${link.kind} (use it on a veth)\n`, 69)
      yield* process.print(`Features for ${name}:\n${VETH_FEATURES}`)
      return 0
    case '-i':
      if (link.kind === 'loopback') return yield* fail('Cannot get driver information: Operation not supported\n', 71)
      yield* process.print(driver(link))
      return 0
  }
  yield* process.print(settings(link))
  return 0
}

const DRIVERS: Readonly<Partial<Record<Link['kind'], [name: string, version: string, unknown: string]>>> = {
  veth: ['veth', '1.0', ''], bridge: ['bridge', '2.3', 'N/A'], vxlan: ['vxlan', '0.1', ''], nic: ['virtio_net', '1.0.0', ''], geneve: ['geneve', '0.6', ''], wireguard: ['wireguard', '1.0.0', ''], dummy: ['dummy', KERNEL.release, ''], ipip: ['ipip', KERNEL.release, ''],
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
