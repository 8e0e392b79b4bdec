import { broadcastOf, isValidIp, SystemError, type LinkAddress, type NetworkNamespace } from '../../../engine/cluster.ts'
import { byName } from '../../../engine/own.ts'
import { nextWord, permit, prefixValue, Refusal, requireLink, verbOf, wrong, type Options } from './common.ts'
import { ipJson } from './json.ts'
import { linkFilter } from './link.ts'
import { printAddresses, printAddressesBrief, printAddressesOneLine, selectAddresses, selectLinks, type LinkFilter } from './print.ts'

/** ip-address(8) */
export function address(network: NetworkNamespace, args: string[], options: Options): string {
  const verb = verbOf(args, ['show', 'add', 'change', 'chg', 'replace', 'delete', 'flush', 'save', 'restore', 'showdump'], 'address')
  switch (verb) {
    case 'show': {
      const filter = { ...selector(network, args), ...options }
      if (options.json) return ipJson.addresses(network, filter)
      if (options.brief) return printAddressesBrief(network, filter)
      return options.oneLine ? printAddressesOneLine(network, filter) : printAddresses(network, filter)
    }
    case 'add': {
      const { cidr, device, more } = addressArguments(network, args, options)
      permit(options)
      refused6(cidr, 'EEXIST', 'already assigned', () => network.addAddress(device, cidr, more))
      return ''
    }
    case 'change': case 'chg': case 'replace': {
      const { cidr, device, more } = addressArguments(network, args, options)
      permit(options)
      const known = network.links.get(device)!.addresses.some((a) => `${a.address}/${a.prefixLength}` === cidr)
      // of one that there is, they set how long it is to last: for ever
      if (!known && verb !== 'replace') throw new SystemError('EADDRNOTAVAIL')
      if (!known) network.addAddress(device, cidr, more)
      return ''
    }
    case 'delete': {
      const { cidr, device, bare } = addressArguments(network, args, options)
      permit(options)
      refused6(cidr, 'EADDRNOTAVAIL', 'not found', () => network.removeAddress(device, bare ?? cidr))
      if (bare !== undefined) throw new Refusal(wildcard(bare), 0)
      return ''
    }
    case 'flush': {
      if (args.length === 0) throw new Refusal('Flush requires arguments.\n', 1)
      const filter = { ...selector(network, args), ...(options.family === undefined ? {} : { family: options.family }) }
      permit(options)
      const gone = selectLinks(network, filter).flatMap((link) => selectAddresses(link, filter).map((a) => ({ link, a })))
      for (const { link, a } of gone) if (link.addresses.includes(a)) network.removeAddress(link.name, `${a.address}/${a.prefixLength}`)
      if (!options.statistics) return ''
      return gone.length === 0 ? 'Nothing to flush.\n' : `\n*** Round 1, deleting ${gone.length} addresses ***\n*** Flush is complete after 1 round ***\n`
    }
    default: throw new Refusal(`podhop: not simulated: ip address ${verb} (use ip -j address)\n`, 69)
  }
}

const SCOPES: Readonly<Record<string, LinkAddress['scope']>> = byName({ global: 'global', link: 'link', host: 'host', 0: 'global', 253: 'link', 254: 'host' })

/** The words that choose addresses, beside those that choose links. */
function selector(network: NetworkNamespace, args: string[]): LinkFilter {
  const filter: LinkFilter = {}
  const rest: string[] = []
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'to') filter.to = prefixValue(nextWord(args))
    else if (word === 'scope') {
      const scope = nextWord(args)
      if (scope !== 'all') {
        if (SCOPES[scope] === undefined) throw wrong(scope, 'invalid "scope"')
        filter.scope = SCOPES[scope]!
      }
    } else if (word === 'label') filter.label = nextWord(args)
    else if (word === 'permanent') filter.permanent = true
    else if (word === 'dynamic' || word === 'temporary' || word === 'deprecated' || word === 'tentative' || word === 'dadfailed') filter.permanent = false
    else if (word === 'primary' || word === '-secondary') filter.secondary = false
    else if (word === 'secondary' || word === '-primary') filter.secondary = true
    else rest.push(word, ...(['dev', 'master', 'type', 'group', 'vrf'].includes(word) && args.length > 0 ? [args.shift()!] : []))
  }
  return { ...filter, ...linkFilter(network, rest) }
}

/** What IPv6 refuses it says in words of its own (extended acknowledgements). */
function refused6(cidr: string, code: string, words: string, change: () => void): void {
  try {
    change()
  } catch (error) {
    if (cidr.includes(':') && error instanceof SystemError && error.code === code) throw new Refusal(`Error: ipv6: address ${words}.\n`, 2)
    throw error
  }
}

const LATER = new Set(['peer', 'remote', 'anycast', 'metric', 'priority', 'preference', 'home', 'mngtmpaddr', 'autojoin', 'proto', 'optimistic'])

/** `bare`: an IPv4 address without a length. */
interface Given { cidr: string; bare?: string; device: string; more: Partial<LinkAddress> }

function addressArguments(network: NetworkNamespace, args: string[], { family }: Options): Given {
  const more: Partial<LinkAddress> = {}
  let [cidr, broadcast, device] = [undefined as string | undefined, undefined as string | undefined, undefined as string | undefined]
  const any = family === undefined ? 'any valid' : family === 6 ? 'inet6' : 'inet'
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'dev') device = nextWord(args)
    else if (word === 'brd' || word === 'broadcast') broadcast = nextWord(args)
    else if (word === 'label') more.label = nextWord(args)
    else if (word === 'scope') {
      const scope = nextWord(args)
      if (SCOPES[scope] === undefined) {
        if (/^\d+$/.test(scope)) throw new Refusal(`podhop: not simulated: ip address add scope ${scope} (use global, link or host)\n`, 69)
        throw wrong(scope, 'invalid scope value.')
      }
      more.scope = SCOPES[scope]!
    } else if (word === 'noprefixroute') more.noPrefixRoute = true
    else if (word === 'valid_lft' || word === 'preferred_lft') {
      const time = nextWord(args)
      if (time !== 'forever') throw new Refusal(`podhop: not simulated: ip address add ${word} ${time} (use forever)\n`, 69)
    } else if (word === 'nodad') continue // nobody asks for duplicates here
    else if (LATER.has(word)) throw new Refusal(`podhop: not simulated: ip address add ${word} (use ip address add ADDRESS dev LINK)\n`, 69)
    else {
      const text = word === 'local' ? nextWord(args) : word
      if (cidr !== undefined) throw new Refusal(`Error: either "local" is duplicate, or "${text}" is a garbage.\n`, 255)
      const [ipText, length] = text.split('/')
      if (!isValidIp(ipText!) || (length !== undefined && (!/^\d+$/.test(length) || Number(length) > (ipText!.includes(':') ? 128 : 32)))) throw new Refusal(`Error: ${any} prefix is expected rather than "${text}".\n`, 1)
      cidr = text
    }
  }
  if (device === undefined) throw new Refusal('Not enough information: "dev" argument is required.\n', 1)
  requireLink(network, device, `Cannot find device "${device}"\n`)
  if (cidr === undefined) throw new Refusal('RTNETLINK answers: Operation not supported\n', 2)
  if (cidr.includes(':')) {
    if (more.noPrefixRoute || more.label !== undefined) throw new Refusal(`podhop: not simulated: ip address add ${more.noPrefixRoute ? 'noprefixroute' : 'label'} of IPv6 (use an IPv4 address)\n`, 69)
  } else if (more.label !== undefined && more.label.length > 15) throw wrong(more.label, 'label too long')
  const whole = cidr.includes('/') ? cidr : `${cidr}/${cidr.includes(':') ? 128 : 32}`
  if (broadcast !== undefined) more.broadcast = broadcast === '+' ? broadcastOf(whole) : broadcast === '-' ? lowest(whole) : broadcast
  return { cidr: whole, device, more, ...(cidr === whole || cidr.includes(':') ? {} : { bare: cidr }) }
}

const wildcard = (address: string): string => `Warning: Executing wildcard deletion to stay compatible with old scripts.
         Explicitly specify the prefix length (${address}/32) to avoid this warning.
         This special behaviour is likely to disappear in further releases,
         fix your scripts!
`

/** "brd -": the host's part all zeros. */
const lowest = (cidr: string): string => prefixValue(cidr).split('/')[0]!
