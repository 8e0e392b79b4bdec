import { parseNumber } from '../netfilter/extension.ts'
import { addressRange, bitmapSize, expand, plainPorts } from './elements.ts'
import { IpSetError, IpSetNotSimulated, NO_SUCH_SET, syntax, usage } from './errors.ts'
import type { ListOptions } from './format.ts'
import { formatSets } from './format.ts'
import { HELP } from './help.ts'
import type { ElementOptions } from './set.ts'
import type { SetOptions, SetType } from './set-types.ts'
import { SET_TYPES, TYPE_ALIASES, UNSIMULATED_TYPES } from './set-types.ts'
import type { IpSets } from './sets.ts'

/** The command line of ipset(8) 7.17 and the files that `ipset restore` reads. */

export const IPSET_VERSION = 'v7.17'

type CommandName = 'create' | 'add' | 'del' | 'test' | 'destroy' | 'list' | 'save' | 'restore' | 'flush' | 'rename' | 'swap' | 'help' | 'version'

/** The command, and how many words it wants and may have. */
const COMMANDS: Readonly<Record<CommandName, { short: string; least: number; most: number }>> = {
  list: { short: '-L', least: 0, most: 1 }, save: { short: '-S', least: 0, most: 1 }, create: { short: '-N', least: 2, most: Infinity },
  add: { short: '-A', least: 2, most: Infinity }, del: { short: '-D', least: 2, most: Infinity }, test: { short: '-T', least: 2, most: Infinity },
  destroy: { short: '-X', least: 0, most: 1 }, flush: { short: '-F', least: 0, most: 1 }, rename: { short: '-E', least: 2, most: 2 },
  swap: { short: '-W', least: 2, most: 2 }, restore: { short: '-R', least: 0, most: 0 }, help: { short: '-h', least: 0, most: 1 },
  version: { short: '-V', least: 0, most: 0 },
}

interface Options extends ListOptions {
  exist: boolean
  quiet: boolean
  file: string | undefined
}

export interface CommandResult {
  code: number
  stdout: string
  stderr: string
}

/** What a command line asks of files; the one that runs it reads and writes them. */
export interface Invocation {
  /** The command reads what `restore` reads. */
  readsInput: boolean
  /** Instead of standard input or output (-file). */
  file: string | undefined
}

export function invocationOf(args: readonly string[]): Invocation {
  try {
    const { words, options } = readOptions(args)
    return { readsInput: commandOf(words[0] ?? '') === 'restore', file: options.file }
  } catch {
    return { readsInput: false, file: undefined }
  }
}

/** Runs one command line without the leading "ipset"; `input` is what `restore` reads. */
export function ipsetCommand(sets: IpSets, args: readonly string[], now: number, input = ''): CommandResult {
  let quiet = false
  let line = 0
  try {
    const { words, options } = readOptions(args)
    quiet = options.quiet
    const name = words[0] === undefined ? usage('No command specified.') : commandOf(words[0])
    if (name !== 'restore') return run(sets, name, words.slice(1), options, now)
    if (words.length > 1) usage(`No command specified: unknown argument ${words[1]}`)
    for (const text of input.split('\n')) {
      line++
      const trimmed = text.trim()
      if (trimmed === '' || trimmed.startsWith('#') || trimmed === 'COMMIT') continue
      const inner = readOptions(splitWords(trimmed), options)
      const command = commandOf(inner.words[0]!)
      if (command !== 'list' && command !== 'save') run(sets, command, inner.words.slice(1), inner.options, now)
    }
    return { code: 0, stdout: '', stderr: '' }
  } catch (error) {
    return failure(error, quiet, line)
  }
}

function failure(error: unknown, quiet: boolean, line: number): CommandResult {
  if (error instanceof IpSetNotSimulated) {
    const [, what, instead] = /^(.*?)(?: \((.*)\))?$/.exec(error.message)!
    return { code: 69, stdout: '', stderr: `podhop: not simulated: ${what} (${instead ?? 'leave it out'})\n` }
  }
  if (!(error instanceof IpSetError)) throw error
  if (quiet) return { code: error.code, stdout: '', stderr: '' }
  const where = line > 0 && error.code === 1 ? `Error in line ${line}: ` : ''
  const help = error.code === 2 ? "Try `ipset help' for more information.\n" : ''
  return { code: error.code, stdout: '', stderr: `ipset ${IPSET_VERSION}: ${where}${error.message}\n${help}` }
}

function commandOf(word: string): CommandName {
  for (const [name, { short }] of Object.entries(COMMANDS)) {
    if (word === name || word === short || word === `--${name}` || (word === '-H' && name === 'help') || (word === '-v' && name === 'version')) return name as CommandName
  }
  return usage(`No command specified: unknown argument ${word}`)
}

function readOptions(args: readonly string[], inherited?: Options): { words: string[]; options: Options } {
  const options: Options = inherited ? { ...inherited } : { output: 'plain', sorted: false, terse: false, namesOnly: false, exist: false, quiet: false, file: undefined }
  const words: string[] = []
  const value = (i: number): string => args[i + 1] ?? usage(`Missing mandatory argument to option ${args[i]!.startsWith('-o') ? '-o' : '-f'}`)
  for (let i = 0; i < args.length; i++) {
    switch (args[i]) {
      case '-!': case '-exist': options.exist = true; break
      case '-q': case '-quiet': options.quiet = true; break
      case '-s': case '-sorted': options.sorted = true; break
      case '-t': case '-terse': options.terse = true; break
      case '-n': case '-name': options.namesOnly = true; break
      case '-r': case '-resolve': throw new IpSetNotSimulated('ipset -resolve (addresses are shown as they are)')
      case '-o': case '-output': {
        const mode = value(i++)
        if (mode !== 'plain' && mode !== 'save' && mode !== 'xml') syntax(`unknown output mode '${mode}'`)
        options.output = mode as Options['output']
        break
      }
      case '-f': case '-file': options.file = value(i++); break
      default: words.push(args[i]!)
    }
  }
  return { words, options }
}

function run(sets: IpSets, name: CommandName, words: readonly string[], options: Options, now: number): CommandResult {
  const { least, most } = COMMANDS[name]
  if (words.length < least) usage(`Missing ${words.length === 0 ? '' : 'second '}mandatory argument to command ${name}`)
  if (words.length > most) usage(`Unknown argument ${words[most]}`)
  const [first, second] = words as [string, string]
  const done = { code: 0, stdout: '', stderr: '' }
  switch (name) {
    case 'create': {
      const type = SET_TYPES.get(TYPE_ALIASES[second] ?? second)
      sets.create(first, second, type ? createOptions(type, words.slice(2)) : {}, { exist: options.exist })
      return done
    }
    case 'add': case 'del': case 'test': return element(sets, name, words, options)
    case 'destroy': sets.destroy(first); return done
    case 'flush': sets.flush(first); return done
    case 'rename': sets.rename(first, second); return done
    case 'swap': sets.swap(first, second); return done
    case 'version': return { ...done, stdout: `ipset ${IPSET_VERSION}, protocol version: 7\n` }
    case 'help':
      if (first === undefined) return { ...done, stdout: HELP }
      if (SET_TYPES.has(first) || TYPE_ALIASES[first] !== undefined || UNSIMULATED_TYPES.has(first)) throw new IpSetNotSimulated('ipset help of a type')
      return usage(`Unknown settype: \`${first}'`)
    default: {
      if (first !== undefined && !sets.has(first)) throw new IpSetError(NO_SUCH_SET)
      const output = name === 'save' && options.output === 'plain' ? 'save' : options.output
      const names = first === undefined ? sets.names() : [first]
      return { ...done, stdout: formatSets(sets, names, now, { ...options, output }) }
    }
  }
}

// ---- create --------------------------------------------------------------------------------------------------

function number(option: string, text: string | undefined, from: number, to: number): number {
  if (text === undefined) return usage(`Missing mandatory argument of option \`${option}'`)
  const value = parseNumber(text)
  if (value === undefined) return syntax(`'${text}' is invalid as number`)
  if (value < from || value > to) syntax(`'${text}' is out of range ${from}-${to}`)
  return value
}

const MAX_TIMEOUT = 2147483

function createOptions(type: SetType, words: readonly string[]): Partial<SetOptions> {
  const out: Partial<SetOptions> = {}
  const hash = type.kind === 'hash'
  let addresses: string | undefined
  const family = (value: string): void => {
    if (out.family !== undefined) syntax('family already specified')
    if (value !== 'inet' && value !== 'inet6') syntax(`unknown inet family ${value}`)
    out.family = value as SetOptions['family']
  }
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    const next = (): string | undefined => words[++i]
    if (word === 'timeout') out.timeout = number(word, next(), 0, MAX_TIMEOUT)
    else if (word === 'counters') out.counters = true
    else if (word === 'comment') out.comment = true
    else if (word === 'skbinfo' || (hash && word === 'bitmask')) throw new IpSetNotSimulated(`ipset ${word}`)
    else if (hash && word === 'family') family(next() ?? usage("Missing mandatory argument of option `family'"))
    else if (hash && (word === '-4' || word === '-6')) family(word === '-4' ? 'inet' : 'inet6')
    else if (hash && word === 'hashsize') out.hashsize = number(word, next(), 0, 0xffffffff)
    else if (hash && word === 'maxelem') out.maxelem = number(word, next(), 0, 0xffffffff)
    else if (hash && word === 'bucketsize') out.bucketsize = number(word, next(), 0, 255)
    else if (hash && word === 'initval') out.initval = number(word, next(), 0, 0xffffffff)
    else if (hash && word === 'forceadd') out.forceadd = true
    else if ((type.name === 'hash:ip' || type.name === 'bitmap:ip') && word === 'netmask') out.netmask = netmask(next(), out.family)
    else if (type.kind === 'list' && word === 'size') out.size = Math.max(4, number(word, next(), 0, 0xffffffff))
    else if (type.name === 'bitmap:ip' && word === 'range') addresses = next() ?? usage("Missing mandatory argument of option `range'")
    else if (type.kind === 'bitmap' && word === 'range') out.range = portRange(next())
    else usage(`Unknown argument: \`${word}'`)
  }
  if (addresses !== undefined) {
    out.range = addressRange(addresses, out.netmask)
    if (bitmapSize(out.range, out.netmask) > 65_536) throw new IpSetError('The range you specified exceeds the size limit of the set type')
  }
  if (type.kind === 'bitmap' && !out.range) usage("Mandatory option `range' is missing")
  return out
}

function netmask(text: string | undefined, family: string | undefined): number {
  const limit = family === 'inet6' ? 128 : 32
  const value = number('netmask', text, 0, 0xffffffff)
  if (value < 1 || value > limit) syntax(`'${text}' is out of range 1-${limit}\nSyntax error: netmask is out of the inclusive range of 1-${limit}`)
  return value
}

function portRange(text: string | undefined): readonly [number, number] {
  if (text === undefined) return usage("Missing mandatory argument of option `range'")
  if (!text.includes('-')) usage("Mandatory option `to' is missing")
  return plainPorts(text)
}

function firstOf(all: Iterable<string>): string | undefined {
  for (const one of all) return one
  return undefined
}

// ---- elements ------------------------------------------------------------------------------------------------

function element(sets: IpSets, command: 'add' | 'del' | 'test', words: readonly string[], { exist, quiet }: Options): CommandResult {
  const [name, text] = words as [string, string]
  const set = sets.get(name)
  if (!set) throw new IpSetError(NO_SUCH_SET)
  const options = elementOptions(set, command, words.slice(2))
  options.exist = exist
  const done = { code: 0, stdout: '', stderr: '' }
  if (command === 'add') sets.add(name, text, options)
  else if (command === 'del') sets.remove(name, text, options)
  else {
    // a port is shown with its protocol
    const asked = set.type.kind === 'hash' && set.type.parts.includes('port') ? firstOf(expand(set.type, set.options, text)) ?? text : text
    const shown = options.before === undefined && options.after === undefined ? asked : `${asked} after ${options.before ?? options.after}`
    if (sets.test(name, text, options)) return quiet ? done : { ...done, stderr: `Warning: ${shown} is in set ${name}.\n` }
    return { code: 1, stdout: '', stderr: quiet ? '' : `${shown} is NOT in set ${name}.\n` }
  }
  return done
}

function elementOptions(set: { type: SetType; options: SetOptions }, command: string, words: readonly string[]): ElementOptions {
  const out: ElementOptions = {}
  const { type, options } = set
  const adding = command === 'add'
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    const next = (): string => words[++i] ?? usage(`Missing mandatory argument of option \`${word}'`)
    if (adding && word === 'timeout') out.timeout = number(word, next(), 0, MAX_TIMEOUT)
    else if (adding && word === 'packets') out.packets = number(word, next(), 0, Number.MAX_SAFE_INTEGER)
    else if (adding && word === 'bytes') out.bytes = number(word, next(), 0, Number.MAX_SAFE_INTEGER)
    else if (adding && word === 'comment') {
      out.comment = next()
      if (out.comment.includes('"')) syntax('" character is not permitted in comments')
    } else if (command !== 'del' && type.nets && word === 'nomatch') out.nomatch = true
    else if (adding && type.name === 'hash:net,iface' && word === 'wildcard') out.wildcard = true
    else if (type.kind === 'list' && (word === 'before' || word === 'after')) out[word] = next()
    else if (adding && /^skb(mark|prio|queue)$/.test(word)) throw new IpSetNotSimulated(`ipset ${word}`)
    else usage(`Unknown argument: \`${word}'`)
  }
  if (out.timeout !== undefined && options.timeout === undefined) throw new IpSetError('Timeout cannot be used: set was created without timeout support')
  if ((out.packets ?? out.bytes) !== undefined && !options.counters) throw new IpSetError('Packet/byte counters cannot be used: set was created without counter support')
  if (out.comment !== undefined && !options.comment) throw new IpSetError('Comment cannot be used: set was created without comment support')
  return out
}

/** The words of a line of a saved file: divided by blanks, except between double quotes. */
function splitWords(line: string): string[] {
  const words: string[] = []
  for (const match of line.matchAll(/"([^"]*)("?)|[^\s"]+/g)) {
    if (match[1] !== undefined && match[2] === '') usage('Missing close quote!')
    words.push(match[1] ?? match[0])
  }
  return words
}
