import type { Bridge, NetworkNamespace } from '../../../engine/cluster.ts'
import { addLink } from './add-link.ts'
import { permit, Refusal, requireLink, verbOf, type Options } from './common.ts'
import { ipJson } from './json.ts'
import { printLinks, printLinksBrief, type LinkFilter } from './print.ts'

/** "dev X", "up", "master B", "type T", or a bare device name. */
export function linkFilter(network: NetworkNamespace, args: string[]): LinkFilter {
  const filter: LinkFilter = {}
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'up') filter.up = true
    else if (word === 'master') filter.master = requireLink(network, args.shift())
    else if (word === 'type') filter.type = args.shift() ?? ''
    else filter.device = requireLink(network, word === 'dev' ? args.shift() : word)
  }
  return filter
}

/** ip-link(8) */
export function link(network: NetworkNamespace, args: string[], options: Options): string {
  switch (verbOf(args, ['show', 'set', 'delete', 'add'], 'link')) {
    case 'show': {
      const filter = linkFilter(network, args)
      if (options.json) return ipJson.links(network, { ...filter, ...(options.netnsName ? { netnsName: options.netnsName } : {}) }, options.pretty)
      return options.brief ? printLinksBrief(network, filter) : printLinks(network, { ...filter, ...options })
    }
    case 'set': return setLink(network, args, options)
    case 'delete': {
      const name = args[0] === 'dev' ? args[1] : args[0]
      requireLink(network, name, `Cannot find device "${name ?? ''}"\n`)
      permit(options)
      const { kind } = network.links.get(name!)!
      if (kind === 'loopback') throw new Refusal('RTNETLINK answers: Operation not supported\n', 2)
      if (kind === 'nic') throw new Refusal(`podhop: not simulated: ip link delete of a network card (use ip link set ${name} down)\n`, 69)
      network.removeLink(name!)
      return ''
    }
    default: return addLink(network, args, options)
  }
}

function setLink(network: NetworkNamespace, args: string[], options: Options): string {
  if (args[0] === 'dev') args.shift()
  const name = args.shift()
  if (name === undefined) throw new Refusal('Not enough information: "dev" argument is required.\n', 255)
  const device = network.links.get(requireLink(network, name, `Cannot find device "${name}"\n`))!
  if (args.length > 0) permit(options)
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'up' || word === 'down') network.setUp(name, word === 'up')
    else if (word === 'mtu') {
      const mtu = Number(args.shift())
      if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65535) throw new Refusal(mtu < 68 ? 'Error: mtu less than device minimum.\n' : 'Error: mtu greater than device maximum.\n', 2)
      device.mtu = mtu
    } else if (word === 'nomaster') device.master?.detach(device)
    else if (word === 'master') {
      const bridge = network.links.get(args.shift() ?? '')
      if (bridge?.kind !== 'bridge') throw new Refusal('Error: Device does not exist.\n', 1)
      ;(bridge as Bridge).attach(device)
    } else if (word === 'netns') {
      const target = options.netns!(args.shift() ?? '')
      if (device.kind === 'loopback') throw new Refusal('RTNETLINK answers: Invalid argument\n', 2)
      if (device.kind !== 'veth') throw new Refusal(`podhop: not simulated: moving a link of kind ${device.kind} (an end of a veth pair can be moved)\n`, 69)
      network.moveLink(name, target)
    } else throw new Refusal(`podhop: not simulated: ip link set ${word} (use up, down, mtu, master, nomaster or netns)\n`, 69)
  }
  return ''
}
