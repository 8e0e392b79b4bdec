import type { NetworkNamespace } from '../../../engine/cluster.ts'
import { addLink } from './add-link.ts'
import { nextWord, numberWord, permit, Refusal, requireLink, verbOf, wrong, type Options } from './common.ts'
import { ipJson } from './json.ts'
import { setLink } from './set-link.ts'
import { printLinks, printLinksBrief, type LinkFilter } from './print.ts'

/** "dev X", "up", "master B", "type T", "group G", or a bare device name. */
export function linkFilter(network: NetworkNamespace, args: string[]): LinkFilter {
  const filter: LinkFilter = {}
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'up') filter.up = true
    else if (word === 'master') {
      filter.master = nextWord(args)
      if (!network.links.has(filter.master)) throw wrong(filter.master, 'Device does not exist')
    } else if (word === 'type') filter.type = nextWord(args)
    else if (word === 'group') {
      const group = nextWord(args)
      filter.group = group === 'default' ? 0 : numberWord(group, 'Invalid "group" value')
    } else if (word === 'vrf') throw wrong(nextWord(args), 'Not a valid VRF name')
    else {
      const name = word === 'dev' ? nextWord(args) : word
      if (filter.device !== undefined) throw new Refusal(`Error: either "dev" is duplicate, or "${name}" is a garbage.\n`, 255)
      filter.device = name
    }
  }
  if (filter.device !== undefined) requireLink(network, filter.device)
  return filter
}

/** ip-link(8) */
export function link(network: NetworkNamespace, args: string[], options: Options): string {
  switch (verbOf(args, ['add', 'set', 'change', 'replace', 'delete', 'show', 'property', 'afstats', 'xstats'], 'link')) {
    case 'show': {
      const filter = linkFilter(network, args)
      if (options.json) return ipJson.links(network, { ...filter, ...(options.netnsName ? { netnsName: options.netnsName } : {}), ...(options.numeric ? { numeric: true } : {}) }, options)
      return options.brief ? printLinksBrief(network, filter) : printLinks(network, { ...filter, ...options })
    }
    case 'set':
    case 'change': return setLink(network, args, options)
    case 'delete': {
      let name: string | undefined
      while (args.length > 0) {
        const word = args.shift()!
        if (word === 'type') {
          nextWord(args)
          break
        }
        const device = word === 'dev' ? nextWord(args) : word
        if (name !== undefined) throw new Refusal(`Error: either "dev" is duplicate, or "${device}" is a garbage.\n`, 255)
        name = device
      }
      if (name === undefined) throw new Refusal('Not enough information: "dev" argument is required.\n', 255)
      requireLink(network, name, `Cannot find device "${name}"\n`)
      permit(options)
      const { kind } = network.links.get(name)!
      if (kind === 'loopback') throw new Refusal('RTNETLINK answers: Operation not supported\n', 2)
      if (kind === 'nic') throw new Refusal(`podhop: not simulated: ip link delete of a network card (use ip link set ${name} down)\n`, 69)
      network.removeLink(name)
      return ''
    }
    case 'add': return addLink(network, args, options)
    case 'replace': {
      if (!args.includes('type')) throw new Refusal('Not enough information: "type" argument is required\n', 1)
      throw new Refusal('podhop: not simulated: ip link replace (use ip link set or ip link add)\n', 69)
    }
    default: throw new Refusal('podhop: not simulated: ip link property, afstats and xstats (use ip -s link)\n', 69)
  }
}
