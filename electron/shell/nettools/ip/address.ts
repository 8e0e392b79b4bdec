import { broadcastOf, isValidIp, SystemError, type AddressOptions, type LinkAddress, type NetworkNamespace } from '../../../engine/cluster.ts'
import { byName } from '../../../engine/own.ts'
import { Answer, nextWord, numberWord, permit, prefixValue, Refusal, requireLink, verbOf, wrong, type Options } from './common.ts'
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
      const { cidr, device, more, warnings } = addressArguments(network, args, options)
      permit(options)
      refused6(cidr, 'EEXIST', 'already assigned', () => network.addAddress(device, cidr, more))
      if (warnings !== undefined) throw new Answer('', warnings)
      return ''
    }
    case 'change': case 'chg': case 'replace': {
      const { cidr, device, more } = addressArguments(network, args, options)
      permit(options)
      const known = network.links.get(device)!.addresses.some((a) => `${a.address}/${a.prefixLength}` === cidr)
      // of one that there is, they set how long it is to last
      if (!known) network.addAddress(device, cidr, more)
      else network.changeAddress(device, cidr, more)
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
    else if (word === 'dynamic') filter.permanent = false
    else if (word === 'deprecated' || word === '-deprecated') filter.deprecated = word === 'deprecated'
    else if (word === 'temporary' || word === 'tentative' || word === 'dadfailed') filter.never = true
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

const LATER = new Set(['optimistic'])
/** Flags of IPv6 alone. */
const ONLY_6 = new Set(['home', 'homeaddress', 'mngtmpaddr'])

/** `bare`: an IPv4 address without a length. */
interface Given { cidr: string; bare?: string; warnings?: string; device: string; more: AddressOptions }

function addressArguments(network: NetworkNamespace, args: string[], { family }: Options): Given {
  const more: AddressOptions = {}
  let [valid, preferred, peer, warnings] = [Infinity, Infinity, undefined as string | undefined, '']
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
    else if (word === 'valid_lft') {
      valid = seconds(word, nextWord(args))
      if (valid === 0) throw new Refusal('valid_lft is zero\n', 1)
    } else if (word === 'preferred_lft') preferred = seconds(word, nextWord(args))
    else if (word === 'peer' || word === 'remote') peer = prefixWord(nextWord(args), cidr === undefined ? any : cidr.includes(':') ? 'inet6' : 'inet')
    else if (word === 'metric' || word === 'priority' || word === 'preference') more.metric = numberWord(nextWord(args), '"metric" value is invalid')
    else if (word === 'nodad') continue // nobody asks for duplicates here
    else if (ONLY_6.has(word)) warnings += `Warning: ${word === 'homeaddress' ? 'home' : word} option can be set only for IPv6 addresses\n`
    // the kernel does not ask for it
    else if (word === 'anycast') prefixWord(nextWord(args), any)
    else if (word === 'autojoin') throw new Refusal('autojoin needs multicast address\n', 1)
    else if (LATER.has(word)) throw new Refusal(`podhop: not simulated: ip address add ${word} (use ip address add ADDRESS dev LINK)\n`, 69)
    else {
      const text = word === 'local' ? nextWord(args) : word
      if (cidr !== undefined) throw new Refusal(`Error: either "local" is duplicate, or "${text}" is a garbage.\n`, 255)
      cidr = prefixWord(text, any)
    }
  }
  if (device === undefined) throw new Refusal('Not enough information: "dev" argument is required.\n', 1)
  requireLink(network, device, `Cannot find device "${device}"\n`)
  if (cidr === undefined) throw new Refusal('RTNETLINK answers: Operation not supported\n', 2)
  if (cidr.includes(':')) {
    const later = more.noPrefixRoute ? 'noprefixroute' : more.label !== undefined ? 'label' : peer !== undefined ? 'peer' : more.metric ? 'metric' : warnings ? 'home and mngtmpaddr' : undefined
    if (later !== undefined) throw new Refusal(`podhop: not simulated: ip address add ${later} of IPv6 (use an IPv4 address)\n`, 69)
  } else if (more.label !== undefined && more.label.length > 15) throw wrong(more.label, 'label too long')
  if (preferred > valid && (valid !== Infinity && preferred !== Infinity)) throw new Refusal('preferred_lft is greater than valid_lft\n', 1)
  // the peer says how long the prefix is
  const [local, length = peer?.split('/')[1] ?? (cidr.includes(':') ? '128' : '32')] = cidr.split('/') as [string, string?]
  const whole = `${local}/${peer === undefined ? length : (peer.split('/')[1] ?? '32')}`
  if (peer !== undefined) more.peer = peer.split('/')[0]!
  const { now } = network.clock
  if (valid !== Infinity) more.validUntil = now + valid * 1000
  if (preferred !== Infinity || (valid !== Infinity && preferred > valid)) more.preferredUntil = preferred === 0 ? 0 : now + Math.min(preferred, valid) * 1000
  if (broadcast !== undefined) more.broadcast = broadcast === '+' ? broadcastOf(whole) : broadcast === '-' ? lowest(whole) : broadcast
  return { cidr: whole, device, more, ...(cidr === whole || cidr.includes(':') || peer !== undefined ? {} : { bare: cidr }), ...(warnings ? { warnings } : {}) }
}

/** get_addr's "forever", or seconds. */
function seconds(word: string, text: string): number {
  if (text === 'forever') return Infinity
  if (!/^\d+$/.test(text) || Number(text) > 0xffffffff) throw new Refusal(`Error: argument "${text}" is wrong: ${word} value\n`, 255)
  return Number(text)
}

function prefixWord(text: string, any: string): string {
  const [ip, length] = text.split('/') as [string, string?]
  if (!isValidIp(ip) || (length !== undefined && (!/^\d+$/.test(length) || Number(length) > (ip.includes(':') ? 128 : 32)))) throw new Refusal(`Error: ${any} prefix is expected rather than "${text}".\n`, 1)
  return text
}

const wildcard = (address: string): string => `Warning: Executing wildcard deletion to stay compatible with old scripts.
         Explicitly specify the prefix length (${address}/32) to avoid this warning.
         This special behaviour is likely to disappear in further releases,
         fix your scripts!
`

/** "brd -": the host's part all zeros. */
const lowest = (cidr: string): string => prefixValue(cidr).split('/')[0]!
