import { canonicalIp, capable, decodeUtf8, isValidIp, privateKeyOf, publicKeyOf, tryParseCidr, type NetworkNamespace, type Process, type Task, type WireguardLink, type WireguardPeer } from '../../engine/cluster.ts'

/** wg(8), wireguard-tools 1.0.20210914: show, set, genkey, pubkey. */
export function* wg(process: Process): Task<number> {
  const [verb = 'show', ...args] = process.argv.slice(1)
  try {
    switch (verb) {
      case 'show':
        yield* process.print(show(process, args))
        return 0
      case 'set':
        set(process, args)
        return 0
      case 'genkey':
        yield* process.print(`${privateKeyOf(randomBytes(process))}\n`)
        return 0
      case 'pubkey':
        yield* process.print(`${keyOf(decodeUtf8(yield* process.readAll()).trim(), publicKeyOf)}\n`)
        return 0
      case 'help': case '--help': case '-h':
        yield* process.print('Usage: wg <cmd> [<args>]\n\nAvailable subcommands:\n  show: Shows the current configuration and device information\n  set: Change the current configuration, add peers, remove peers, or change peers\n  genkey: Generates a new private key and writes it to stdout\n  pubkey: Reads a private key from stdin and writes a public key to stdout\n')
        return 0
      case 'showconf': case 'setconf': case 'addconf': case 'syncconf': case 'genpsk':
        yield* process.printError(`podhop: not simulated: wg ${verb} (use wg set and wg show)\n`)
        return 69
      default:
        yield* process.printError(`Invalid subcommand: \`${verb}'\nUsage: wg <cmd> [<args>]\n`)
        return 1
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    yield* process.printError(error.message)
    return error.code
  }
}

class Problem extends Error {
  readonly code: number
  constructor(text: string, code = 1) {
    super(text)
    this.code = code
  }
}

function links(network: NetworkNamespace): WireguardLink[] {
  return [...network.links.values()].filter((l) => l.kind === 'wireguard').map((l) => l as WireguardLink)
}

function show(process: Process, args: readonly string[]): string {
  const { network } = process
  if (!capable(process, 'NET_ADMIN')) throw new Problem(`Unable to access interface: Operation not permitted\n`)
  const [name = 'all', what] = args
  if (what !== undefined) throw new Problem(`podhop: not simulated: wg show INTERFACE ${what} (use wg show)\n`, 69)
  if (name === 'interfaces') return `${links(network).map((l) => l.name).join(' ')}\n`
  const chosen = name === 'all' ? links(network) : links(network).filter((l) => l.name === name)
  if (name !== 'all' && chosen.length === 0) throw new Problem('Unable to access interface: No such device\n')
  return chosen.map((l) => describe(l, process.clock.now)).join('\n')
}

function describe(link: WireguardLink, now: number): string {
  let text = `interface: ${link.name}\n`
  if (link.publicKey) text += `  public key: ${link.publicKey}\n`
  if (link.privateKey) text += '  private key: (hidden)\n'
  if (link.listenPort) text += `  listening port: ${link.listenPort}\n`
  if (link.fwmark) text += `  fwmark: 0x${link.fwmark.toString(16)}\n`
  // the one with the latest handshake first
  const peers = [...link.peers].sort((a, b) => (b.latestHandshake ?? -1) - (a.latestHandshake ?? -1))
  for (const peer of peers) text += `\n${describePeer(peer, now)}`
  return text
}

function describePeer(peer: WireguardPeer, now: number): string {
  let text = `peer: ${peer.publicKey}\n`
  if (peer.endpoint) text += `  endpoint: ${endpointText(peer.endpoint)}\n`
  text += `  allowed ips: ${peer.allowedIps.join(', ') || '(none)'}\n`
  if (peer.latestHandshake !== undefined) text += `  latest handshake: ${ago(now - peer.latestHandshake)}\n`
  if (peer.received || peer.sent) text += `  transfer: ${amount(peer.received)} received, ${amount(peer.sent)} sent\n`
  if (peer.keepalive) text += `  persistent keepalive: every ${seconds(peer.keepalive)}\n`
  return text
}

const endpointText = ({ address, port }: { address: string; port: number }): string => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`)

/** pretty_time of show.c */
function seconds(total: number): string {
  const parts: string[] = []
  let left = total
  for (const [name, size] of [['year', 31_536_000], ['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1]] as const) {
    const n = Math.floor(left / size)
    left -= n * size
    if (n > 0) parts.push(`${n} ${name}${n === 1 ? '' : 's'}`)
  }
  return parts.join(', ')
}

function ago(ms: number): string {
  const s = Math.floor(ms / 1000)
  return s === 0 ? 'Now' : `${seconds(s)} ago`
}

function amount(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  for (const [unit, size] of [['KiB', 1024], ['MiB', 1024 ** 2], ['GiB', 1024 ** 3]] as const) if (bytes < size * 1024) return `${(bytes / size).toFixed(2)} ${unit}`
  return `${(bytes / 1024 ** 4).toFixed(2)} TiB`
}

function keyOf(text: string, use: (key: string) => string): string {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) throw new Problem('wg: Key is not the correct length or format\n')
  return use(text)
}

function randomBytes(process: Process): Uint8Array {
  return Uint8Array.from({ length: 32 }, () => process.clock.random.below(256))
}

/** `wg set IF [listen-port N] [fwmark M] [private-key FILE] [peer KEY [remove] [endpoint A:P] [persistent-keepalive S] [allowed-ips …]]…` */
function set(process: Process, args: readonly string[]): void {
  const [name, ...rest] = args
  if (name === undefined) throw new Problem('Usage: wg set <interface> [listen-port <port>] [fwmark <mark>] [private-key <file path>] [peer <base64 public key> [remove] [preshared-key <file path>] [endpoint <ip>:<port>] [persistent-keepalive <interval seconds>] [allowed-ips <ip1>/<cidr1>[,<ip2>/<cidr2>]...] ]...\n')
  const link = links(process.network).find((l) => l.name === name)
  if (!capable(process, 'NET_ADMIN')) throw new Problem('Unable to modify interface: Operation not permitted\n')
  if (!link) throw new Problem('Unable to modify interface: No such device\n')
  let peer: string | undefined
  while (rest.length > 0) {
    const word = rest.shift()!
    const value = (): string => {
      const next = rest.shift()
      if (next === undefined) throw new Problem(`Invalid argument: ${word}\n`)
      return next
    }
    if (word === 'listen-port') link.listenPort = number(value(), 65_535)
    else if (word === 'fwmark') link.fwmark = number(value(), 0xffffffff)
    else if (word === 'private-key') {
      const path = value()
      if (!process.fs.exists(path)) throw new Problem('fopen: No such file or directory\n')
      link.privateKey = keyOf(process.fs.readText(path).trim(), (key) => key)
      link.publicKey = publicKeyOf(link.privateKey)
    } else if (word === 'peer') {
      peer = keyOf(value(), (key) => key)
      if (rest[0] !== 'remove') link.setPeer(peer, {})
    } else if (peer === undefined) throw new Problem(`Invalid argument: ${word}\n`)
    else if (word === 'remove') link.removePeer(peer)
    else if (word === 'endpoint') link.setPeer(peer, { endpoint: endpoint(value()) })
    else if (word === 'persistent-keepalive') {
      const text = value()
      link.setPeer(peer, { keepalive: text === 'off' ? 0 : number(text, 65_535) })
    } else if (word === 'allowed-ips') link.setPeer(peer, { allowedIps: value().split(',').map((text) => allowed(text.trim())) })
    else throw new Problem(word === 'preshared-key' ? 'podhop: not simulated: wg set … preshared-key (leave it out)\n' : `Invalid argument: ${word}\n`, word === 'preshared-key' ? 69 : 1)
  }
}

function number(text: string, most: number): number {
  const n = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : text === 'off' ? 0 : Number.NaN
  if (!(n <= most)) throw new Problem(`Unable to parse number: \`${text}'\n`)
  return n
}

function endpoint(text: string): { address: string; port: number } {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(text) ?? []
  const address = canonicalIp(host.replace(/^\[|\]$/g, ''))
  if (address === undefined) throw new Problem(`podhop: not simulated: the endpoint ${text} (use an address and a port)\n`, 69)
  return { address, port: Number(port) }
}

function allowed(text: string): string {
  const cidr = text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`
  if (!tryParseCidr(cidr) || !isValidIp(cidr.split('/')[0]!)) throw new Problem(`Unable to parse IP address: \`${text}'\n`)
  return cidr
}
