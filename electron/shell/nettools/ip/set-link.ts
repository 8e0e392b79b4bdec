import { SystemError, type BondLink, type Bridge, type Link, type LinkNotes, type MacvlanLink, type NetworkNamespace } from '../../../engine/cluster.ts'
import { changeKind } from './stacked-kinds.ts'
import { nextWord, numberWord, permit, Refusal, wrong, type Options } from './common.ts'

/** What one line asks for: it is read whole, then done in the order of the kernel's do_setlink (net/core/rtnetlink.c). */
interface Change {
  device?: string
  up?: boolean
  mtu?: number
  name?: string
  mac?: string
  alias?: string
  master?: string
  netns?: NetworkNamespace
  notes: LinkNotes
  arp?: boolean
  kind?: { name: string; words: string[] }
}

const ELSEWHERE = new Set(['xdp', 'xdpgeneric', 'xdpdrv', 'xdpoffload', 'vf', 'vrf', 'mode', 'state', 'addrgenmode', 'addrgen', 'protodown', 'protodown_reason', 'dynamic', 'trailers', 'carrier', 'broadcast', 'brd', 'link-netnsid', 'link', 'numtxqueues', 'numrxqueues', 'gso_max_size', 'gso_max_segs', 'gro_max_size', 'macaddr', 'index'])

/** `ip link set` (ip-link(8), iproute2's iplink_parse). */
export function setLink(network: NetworkNamespace, args: string[], options: Options): string {
  const change = read(network, args, options)
  if (change.device === undefined) throw new Refusal('Not enough information: "dev" argument is required.\n', 255)
  const device = network.links.get(change.device)
  if (!device) throw new Refusal(`Cannot find device "${change.device}"\n`, 1)
  const changeOptions = change.kind && changeKind(network, device, change.kind.name, change.kind.words)
  permit(options)
  changeOptions?.()
  apply(network, device, change)
  return ''
}

function read(network: NetworkNamespace, args: string[], options: Options): Change {
  const change: Change = { notes: {} }
  while (args.length > 0) {
    const word = args.shift()!
    switch (word) {
      case 'up': case 'down': change.up = word === 'up'; break
      case 'name': {
        change.name = nextWord(args)
        if (change.name === '' || change.name.length > 15 || /[\s/]/.test(change.name) || change.name === '.' || change.name === '..') throw new Refusal(`Error: argument "${change.name}" is wrong: "name" not a valid ifname\n`, 255)
        break
      }
      case 'mtu': change.mtu = numberWord(nextWord(args), 'Invalid "mtu" value'); break
      case 'address': change.mac = hardwareAddress(nextWord(args)); break
      case 'txqueuelen': case 'qlen': case 'txqlen': change.notes.queue = numberWord(nextWord(args), 'Invalid "txqueuelen" value'); break
      case 'group': {
        const group = nextWord(args)
        change.notes.group = group === 'default' ? 0 : numberWord(group, 'Invalid "group" value')
        break
      }
      case 'alias': {
        change.alias = nextWord(args)
        if (change.alias.length > 255) throw wrong(change.alias, 'alias too long')
        break
      }
      case 'promisc': change.notes.promiscuous = onOff(word, nextWord(args)); break
      case 'allmulticast': change.notes.allMulticast = onOff(word, nextWord(args)); break
      case 'multicast': change.notes.multicast = onOff(word, nextWord(args)); break
      case 'arp': change.arp = onOff(word, nextWord(args)); break
      case 'nomaster': change.master = ''; break
      case 'master': {
        change.master = nextWord(args)
        if (!network.links.has(change.master)) throw wrong(change.master, 'Device does not exist')
        break
      }
      case 'netns': change.netns = options.netns!(nextWord(args)); break
      case 'type': {
        change.kind = { name: nextWord(args), words: args.splice(0) }
        break
      }
      case 'help': throw new Refusal(`podhop: not simulated: ip link set help (use ip link help)\n`, 69)
      default: {
        if (ELSEWHERE.has(word)) throw new Refusal(`podhop: not simulated: ip link set ${word} (use up, down, name, alias, mtu, address, master, nomaster or netns)\n`, 69)
        const name = word === 'dev' ? nextWord(args) : word
        if (change.device !== undefined) throw new Refusal(`Error: either "dev" is duplicate, or "${name}" is a garbage.\n`, 255)
        change.device = name
      }
    }
  }
  return change
}

function onOff(word: string, value: string): boolean {
  if (value !== 'on' && value !== 'off') throw new Refusal(`Error: argument of "${word}" must be "on" or "off", not "${value}"\n`, 1)
  return value === 'on'
}

/** ll_addr_a2n; what is shorter than an address is refused by its length. */
function hardwareAddress(text: string): string {
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    if (!/^[0-9a-f]+$/i.test(part)) throw new Refusal(i === 0 && parts.length === 1 ? 'Invalid address length 1 - must be 6 bytes\n' : `"${part}" is invalid lladdr.\n`, 1)
    if (parseInt(part, 16) > 255) throw new Refusal(`"${part}" is invalid lladdr.\n`, 1)
  }
  if (parts.length !== 6) throw new Refusal(`Invalid address length ${parts.length} - must be 6 bytes\n`, 1)
  return parts.map((p) => parseInt(p, 16).toString(16).padStart(2, '0')).join(':')
}

function apply(network: NetworkNamespace, device: Link, change: Change): void {
  if (change.netns) {
    if (device.kind === 'loopback') throw new SystemError('EINVAL')
    if (device.kind !== 'veth' && device.lower === undefined) throw new Refusal(`podhop: not simulated: moving a link of kind ${device.kind} (veth, vlan, macvlan and ipvlan can be moved)\n`, 69)
    network.moveLink(device.name, change.netns)
    return
  }
  if (change.mac !== undefined) {
    if (!['veth', 'bridge', 'dummy', 'vlan', 'macvlan', 'bond'].includes(device.kind)) throw new Refusal(`podhop: not simulated: ip link set address of a link of kind ${device.kind} (use a veth, a bridge, a bond, a vlan, a macvlan or a dummy link)\n`, 69)
    if (parseInt(change.mac.slice(0, 2), 16) & 1) throw new SystemError('EADDRNOTAVAIL')
    device.mac = change.mac
  }
  if (change.mtu !== undefined) {
    const [least, most] = device.kind === 'loopback' || device.kind === 'dummy' ? [0, Number.MAX_SAFE_INTEGER] : [68, 65535]
    if (change.mtu < least) throw new Refusal('Error: mtu less than device minimum.\n', 2)
    if (change.mtu > most) throw new Refusal('Error: mtu greater than device maximum.\n', 2)
    if (device.kind === 'vlan' && change.mtu > device.lower!.mtu) throw new Refusal('RTNETLINK answers: Numerical result out of range\n', 2)
    device.mtu = change.mtu
  }
  if (change.name !== undefined && change.name !== device.name) {
    // who made these knows them by name
    if (device.kind === 'nic' || device.kind === 'loopback') throw new Refusal(`podhop: not simulated: another name for ${device.name} (a link that was made here can be renamed)\n`, 69)
    network.renameLink(device.name, change.name)
  }
  if (change.alias !== undefined) note(device, { alias: change.alias === '' ? undefined : change.alias })
  if (change.master !== undefined) enslave(network, device, change.master)
  if (change.arp !== undefined && change.arp !== (device.arp !== false)) throw new Refusal('podhop: not simulated: ip link set arp off (use ip neigh for fixed neighbours)\n', 69)
  if (change.up && !device.up) opens(device)
  if (change.up !== undefined) network.setUp(device.name, change.up)
  if (Object.keys(change.notes).length > 0) note(device, change.notes)
}

/** Whether it can come up at all (vlan_dev_open, macvlan_open). */
function opens(device: Link): void {
  if (device.kind === 'vlan' && !device.lower!.up) throw new SystemError('ENETDOWN')
  if (device.kind === 'macvlan' && (device as MacvlanLink).addressTaken) throw new SystemError('EADDRINUSE')
}

function note(device: Link, more: { [key in keyof LinkNotes]?: LinkNotes[key] | undefined }): void {
  device.notes = { ...device.notes, ...more } as LinkNotes
}

function enslave(network: NetworkNamespace, device: Link, master: string): void {
  if (master === '') {
    device.master?.detach(device)
    device.bond?.release(device)
    return
  }
  const bridge = network.links.get(master)!
  // whatever comes of it, the old one is left (do_set_master)
  if (device.master !== bridge) device.master?.detach(device)
  if (device.bond && device.bond !== bridge) device.bond.release(device)
  if (bridge.kind === 'bond') return enslaveToBond(device, bridge as BondLink)
  if (bridge.kind !== 'bridge') throw new Refusal('RTNETLINK answers: Operation not supported\n', 2)
  if (device.kind === 'loopback') throw new SystemError('EINVAL')
  if (device.kind === 'bridge') throw new Refusal('Error: Can not enslave a bridge to a bridge.\n', 2)
  if (device.master === bridge) return
  ;(bridge as Bridge).attach(device)
}

/** bond_enslave */
function enslaveToBond(device: Link, bond: BondLink): void {
  if (device.bond === bond) return
  if ((device as Link) === bond) throw new Refusal('Error: Cannot enslave bond to itself.\n', 2)
  if (device.kind === 'loopback' || device.kind === 'ipip' || device.kind === 'wireguard') throw new Refusal('RTNETLINK answers: Operation not supported\n', 2)
  if (device.up) throw new Refusal('Error: Device can not be enslaved while up.\n', 2)
  bond.enslave(device)
}
