import { SystemError, isValidIp, networkOf, tryParseCidr, type NetworkNamespace, type Process } from '../../../engine/cluster.ts'

/** What all objects of ip(8) share: options, refusals, and how words are read. */
export interface Options {
  /** -4, -6 */
  family?: 4 | 6
  /** -s twice */
  errors?: boolean
  /** -h: in thousands (k) or in 1024s (Ki) */
  human?: 'k' | 'Ki'
  /** -N: numbers in place of names. */
  numeric?: boolean
  oneLine: boolean; brief: boolean; details: boolean; statistics: boolean; json: boolean; pretty: boolean; mayChange: boolean
  /** The name that another network namespace has on this machine, for link-netns. */
  netnsName?: (network: NetworkNamespace) => string | undefined
  /** The network namespace that a name or a process id stands for. Throws {@link Refusal}. */
  netns?: (word: string) => NetworkNamespace
}

/** A command that is to be run in another network namespace. */
export class Elsewhere extends Error {
  readonly network: NetworkNamespace
  readonly argv: string[]
  constructor(network: NetworkNamespace, argv: string[]) {
    super('elsewhere')
    this.network = network
    this.argv = argv
  }
}

export function netnsOf(process: Process, word: string): NetworkNamespace {
  const found = process.machine.netns?.get(word) ?? (/^\d+$/.test(word) ? process.machine.pids.table().get(Number(word))?.network : undefined)
  if (found) return found
  throw /^\d+$/.test(word) ? new Refusal('RTNETLINK answers: No such process\n', 2) : new Refusal(`Error: argument "${word}" is wrong: Invalid "netns" value\n\n`, 255)
}

/** A refusal: the text for stderr and the exit code (1 for syntax, 2 for what the kernel refused). */
export class Refusal extends Error {
  readonly code: number
  constructor(text: string, code: number) {
    super(text)
    this.code = code
  }
}

export const notSimulated = (what: string, instead: string): Refusal => new Refusal(`podhop: not simulated: ${what} (${instead})\n`, 69)

/** What is printed with a warning on stderr. */
export class Answer extends Error {
  readonly warning: string
  constructor(text: string, warning: string) {
    super(text)
    this.warning = warning
  }
}

/** What a Pod may not do without the capability NET_ADMIN. */
export function permit(options: Options): void {
  if (!options.mayChange) throw new SystemError('EPERM')
}

/** The verb: a prefix of one of these; `show` when there is none. */
export function verbOf(args: string[], verbs: readonly string[], object: string): string {
  const word = args[0]
  if (word === undefined) return 'show'
  const verb = verbs.find((v) => v.startsWith(word)) ?? ('list'.startsWith(word) || 'lst'.startsWith(word) ? 'show' : undefined)
  if (!verb) throw new Refusal(`Command "${word}" is unknown, try "ip ${object} help".\n`, 255)
  args.shift()
  return verb
}

export function requireLink(network: NetworkNamespace, name: string | undefined, text = `Device "${name}" does not exist.\n`): string {
  if (name === undefined || !network.links.has(name)) throw new Refusal(text, 1)
  return name
}

export function ipValue(text: string): string {
  if (!isValidIp(text)) throw new Refusal(`Error: any valid address is expected rather than "${text}".\n`, 1)
  return text
}

/** Of IPv6 when it is written so; "default" is of the family that the command is about. */
export function prefixValue(text: string, family: 4 | 6 = 4): string {
  const cidr = wholePrefix(text, family)
  if (!tryParseCidr(cidr)) throw new Refusal(`Error: any valid prefix is expected rather than "${text}".\n`, 1)
  return networkOf(cidr)
}

export function wholePrefix(text: string, family: 4 | 6): string {
  if (text === 'default' || text === 'any' || text === 'all') return family === 6 ? '::/0' : '0.0.0.0/0'
  return text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`
}

export function incomplete(): Refusal {
  return new Refusal('Command line is not complete. Try option "help"\n', 255)
}

/** The next word, which an option cannot do without. */
export function nextWord(args: string[]): string {
  const next = args.shift()
  if (next === undefined) throw incomplete()
  return next
}

/** invarg() of iproute2 */
export function wrong(word: string, why: string): Refusal {
  return new Refusal(`Error: argument "${word}" is wrong: ${why}\n\n`, 255)
}

export function numberWord(text: string, why: string, most = 0xffffffff): number {
  const value = /^(0x[0-9a-f]+|[0-9]+)$/i.test(text) ? Number(text) : NaN
  if (!(value <= most)) throw wrong(text, why)
  return value
}

export function device(network: NetworkNamespace, name: string, more = ''): string {
  return requireLink(network, name, `Cannot find device "${name}"\n${more}`)
}
