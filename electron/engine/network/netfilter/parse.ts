import { byName, own } from '../../own.ts'
import { parseAddress } from './address-text.ts'
import { NotSimulated, toolOf, UsageError } from './errors.ts'
import type { Option, OptionTable, Reader } from './extension.ts'
import { MATCHES, UNSIMULATED_MATCHES } from './matches/index.ts'
import { protocolNumber } from './names.ts'
import { sameRule } from './rule.ts'
import type { AddressMatch, InterfaceMatch, Match, Rule, Target } from './rule.ts'
import { VERDICTS } from './table.ts'
import { TARGETS, UNSIMULATED_TARGETS } from './targets/index.ts'

export interface RuleScope {
  family: 4 | 6
  table: string
  hasSet(name: string): boolean
}

/** What a line says beside the rule: commands and what belongs to them. */
export interface CommandOptions<State> {
  /** By the option as it is written: takes the option's own arguments from the tokens. */
  readonly readers: ReadonlyMap<string, (state: State, tokens: Tokens, option: string) => void>
  readonly state: State
}

export class Tokens {
  readonly #list: readonly string[]
  #at = 0
  constructor(list: readonly string[]) {
    this.#list = list
  }

  next(): string | undefined {
    return this.#list[this.#at++]
  }

  peek(): string | undefined {
    return this.#list[this.#at]
  }

  need(option: string): string {
    const value = this.next()
    if (value === undefined) throw new UsageError(`option "${option}" requires an argument`)
    return value
  }

  /** A value that may follow: not an option, not a "!". */
  optional(): string | undefined {
    const value = this.peek()
    return value === undefined || value.startsWith('-') || value === '!' ? undefined : this.next()
  }
}

const LONG: Readonly<Record<string, string>> = byName({
  '--source': '-s', '--src': '-s', '--destination': '-d', '--dst': '-d', '--protocol': '-p', '--proto': '-p', '--in-interface': '-i',
  '--out-interface': '-o', '--jump': '-j', '--goto': '-g', '--match': '-m', '--fragments': '-f', '--fragment': '-f', '--set-counters': '-c',
})

interface Loaded {
  extension: string
  options: OptionTable
  seen: Option[]
}

/** Reads one rule. Several addresses in -s or -d make several rules (iptables(8)). */
export class RuleParser<State> {
  readonly rule: Rule = { matches: [], packets: 0, bytes: 0 }
  /** Whether anything of a rule was given. */
  given = false
  readonly #scope: RuleScope
  readonly #commands: CommandOptions<State>
  readonly #loaded: Loaded[] = []
  readonly #matches: Reader<Match>[] = []
  #target: { name: string; reader: Reader<Target> } | undefined
  #sources: (AddressMatch | undefined)[] = [undefined]
  #destinations: (AddressMatch | undefined)[] = [undefined]
  /** The options of the rule that were given: "-s", "-j"… */
  readonly flags: string[] = []

  constructor(scope: RuleScope, commands: CommandOptions<State>) {
    this.#scope = scope
    this.#commands = commands
  }

  /** "-m limit", "-j REJECT": what was loaded so far. */
  get extensions(): string[] {
    return this.#loaded.map(({ extension }) => (extension === this.#target?.name ? `-j ${extension}` : `-m ${extension}`))
  }

  read(list: readonly string[]): void {
    const tokens = new Tokens(list)
    let not = false
    for (let token = tokens.next(); token !== undefined; token = tokens.next()) {
      if (token === '!') {
        if (not) throw new UsageError('multiple consecutive ! not allowed')
        not = true
        if (tokens.peek() === undefined) throw new UsageError('nothing appropriate following !')
        continue
      }
      if (!token.startsWith('-') || token === '-') throw new UsageError(`Bad argument \`${token}'`, true)
      this.#option(token, tokens, not)
      not = false
    }
  }

  #option(written: string, tokens: Tokens, not: boolean): void {
    const option = LONG[written] ?? written
    const plain = (name: string): void => {
      if (not) throw new UsageError(`unexpected ! flag before ${name}`)
    }
    switch (option) {
      case '-s': case '-d':
        this.#once(option)
        return this.#addresses(option, tokens.need(written), not)
      case '-i': case '-o': {
        this.#once(option)
        const match = parseInterface(tokens.need(written), not)
        if (option === '-i') this.rule.inInterface = match
        else this.rule.outInterface = match
        return
      }
      case '-p':
        this.#once(option)
        return this.#protocol(tokens.need(written), not)
      case '-f':
        if (this.#scope.family === 6) throw new UsageError("`-f' is not supported in IPv6, use -m frag instead")
        this.#once(option)
        this.rule.fragment = { invert: not }
        return
      case '-m':
        plain('--match')
        return this.#match(tokens.need(written))
      case '-j': case '-g':
        if (not) throw new UsageError(`cannot have ! before ${option}`)
        this.#once('-j')
        return this.#jump(tokens.need(written), option === '-g')
      case '-c': {
        plain('-c')
        this.#once('-c')
        const packets = tokens.need(written)
        const bytes = packets.includes(',') ? packets.split(',')[1]! : tokens.optional()
        if (bytes === undefined) throw new UsageError('-c requires packet and byte counter')
        this.rule.packets = Number(packets.split(',')[0])
        this.rule.bytes = Number(bytes)
        if (!Number.isInteger(this.rule.packets)) throw new UsageError('-c packet counter not numeric')
        if (!Number.isInteger(this.rule.bytes)) throw new UsageError('-c byte counter not numeric')
        return
      }
    }
    const command = this.#commands.readers.get(written)
    if (command) {
      plain(written)
      return command(this.#commands.state, tokens, written)
    }
    const equals = written.indexOf('=')
    if (equals > 0 && written.startsWith('--')) {
      const name = written.slice(0, equals)
      if (WHOLE_WORD.has(LONG[name] ?? '')) return this.#option(name, new Tokens([written]), not)
      if (this.#commands.readers.has(name) || LONG[name] !== undefined) return this.#rewind(name, new Tokens([written.slice(equals + 1), ...drain(tokens)]), not)
    }
    if (/^-[A-Za-z]./.test(written) && !written.startsWith('--')) return this.#bundle(written, tokens, not)
    this.#extension(written, tokens, not)
  }

  /** "-nvL": short options in one word; the last may take its value from the same word ("-tnat"). */
  #bundle(written: string, tokens: Tokens, not: boolean): void {
    const first = written.slice(0, 2)
    const rest = written.slice(2)
    // getopt_long(3) gives it the value, but it reads the word before the next one
    if (WHOLE_WORD.has(first)) return this.#option(first, new Tokens([written]), not)
    if ('mgctADIRCNXPEwLSFZ'.includes(first[1]!)) {
      const value = new Tokens([rest, ...drain(tokens)])
      return this.#rewind(first, value, not)
    }
    this.#option(first, tokens, not)
    this.#option(`-${rest}`, tokens, false)
  }

  #rewind(option: string, tokens: Tokens, not: boolean): void {
    this.#option(option, tokens, not)
    this.read(drain(tokens))
  }

  #once(option: string): void {
    if (this.flags.includes(option)) throw new UsageError(`multiple ${option} flags not allowed`)
    this.flags.push(option)
    this.given = true
  }

  #addresses(option: string, text: string, not: boolean): void {
    if (not && text.includes(',')) throw new UsageError(`! not allowed with multiple source or destination IP addresses`)
    const list = text.split(',').map((t) => parseAddress(t, not, this.#scope.family))
    if (option === '-s') this.#sources = list
    else this.#destinations = list
  }

  #protocol(text: string, invert: boolean): void {
    const name = text.toLowerCase()
    const number = /^\d+$/.test(name) ? Number(name) : protocolNumber(name)
    if (!(number >= 0 && number <= 255)) throw new UsageError(`unknown protocol "${text}" specified`)
    if (number === 0) {
      if (invert) throw new UsageError("rule would never match protocol")
      return
    }
    this.rule.protocol = { invert, number }
  }

  #match(name: string): void {
    this.given = true
    const extension = MATCHES.get(name)
    if (!extension || ONE_FAMILY[name] === 10 - this.#scope.family) {
      if (UNSIMULATED_MATCHES.has(name)) throw new NotSimulated(`${toolOf(this.#scope.family)} -m ${name}`)
      throw new UsageError(`Couldn't load match \`${name}':No such file or directory\n`)
    }
    const reader = extension({ rule: this.rule, family: this.#scope.family, table: this.#scope.table, hasSet: this.#scope.hasSet })
    this.#matches.push(reader)
    this.#loaded.push({ extension: name, options: reader.options, seen: [] })
  }

  #jump(name: string, goto: boolean): void {
    if (name.length > 28) throw new UsageError(`Invalid target name \`${name}' (28 chars max)`)
    const extension = goto ? undefined : TARGETS.get(name)
    if (extension) {
      const reader = extension({ rule: this.rule, family: this.#scope.family, table: this.#scope.table, hasSet: this.#scope.hasSet })
      this.#target = { name, reader }
      this.#loaded.push({ extension: name, options: reader.options, seen: [] })
      return
    }
    if (!goto && UNSIMULATED_TARGETS.has(name)) throw new NotSimulated(`${toolOf(this.#scope.family)} -j ${name}`)
    this.rule.jump = name
    if (goto) this.rule.goto = true
  }

  #extension(written: string, tokens: Tokens, not: boolean): void {
    const equals = written.indexOf('=')
    const name = (equals < 0 ? written : written.slice(0, equals)).replace(/^--/, '')
    if (written.startsWith('--')) {
      for (let i = this.#loaded.length - 1; i >= 0; i--) {
        const loaded = this.#loaded[i]!
        const option = own(loaded.options, name)
        if (option) return this.#set(loaded, name, option, equals < 0 ? tokens : new Tokens([written.slice(equals + 1)]), not)
      }
      // "-p tcp" brings its match along as soon as one of its options is used.
      const implied = this.rule.protocol && !this.rule.protocol.invert ? IMPLIED[this.rule.protocol.number] : undefined
      if (implied && !this.#loaded.some((l) => l.extension === implied)) {
        const options = MATCHES.get(implied)!({ rule: this.rule, family: this.#scope.family, table: this.#scope.table, hasSet: this.#scope.hasSet }).options
        if (own(options, name)) {
          this.#match(implied)
          return this.#extension(written, tokens, not)
        }
      }
    }
    throw new UsageError(`unknown option "${written}"`)
  }

  #set(loaded: Loaded, name: string, option: Option, tokens: Tokens, not: boolean): void {
    const label = loaded.extension
    const own = OWN_ONCE.has(label)
    if (loaded.seen.includes(option) && !own) throw new UsageError(`${label}: option "--${name}" can only be used once.\n`)
    loaded.seen.push(option)
    if (not && !option.invertible) throw new UsageError(`${label}: option "--${name}" cannot be inverted.\n`)
    const values: string[] = []
    for (let i = 0; i < option.values; i++) {
      const value = option.values === 2 ? tokens.optional() : tokens.next()
      if (value === undefined) {
        throw new UsageError(option.values === 2 ? `--${name} requires two args.` : `option "--${name}" requires an argument`)
      }
      values.push(value)
    }
    option.set(not, ...values)
  }

  /** The rules that the line stands for. */
  finish(): Rule[] {
    const matches = this.#matches.map((reader) => reader.finish())
    const target = this.#target?.reader.finish()
    const { inInterface, outInterface, protocol, fragment, jump, goto, packets, bytes, to, toStamp } = this.rule
    const rules: Rule[] = []
    for (const source of this.#sources) {
      for (const destination of this.#destinations) {
        // State such as a counter of -m statistic must not be shared between rules.
        const own = rules.length === 0 ? matches : this.#matches.map((reader) => reader.finish())
        const rule = sameRule({ source, destination, inInterface, outInterface, protocol, fragment, matches: own, jump, goto, target, packets, bytes, to, toStamp })
        rule.packets = packets
        rule.bytes = bytes
        rules.push(rule)
      }
    }
    return rules
  }
}

/** iptables 1.8.9 looks for the value of these in the last word that was read, so "-jACCEPT" and "--jump=ACCEPT" name a chain of that name. */
const WHOLE_WORD: ReadonlySet<string> = new Set(['-s', '-d', '-p', '-i', '-o', '-j'])

const IMPLIED: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp6', 132: 'sctp' }
/** Matches that only one of the two tools has. */
const ONE_FAMILY: Readonly<Record<string, 4 | 6>> = byName({ icmp: 4, icmp6: 6, icmpv6: 6, ttl: 4, hl: 6 })
/** These have their own words for an option that comes twice. */
const OWN_ONCE: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp', 'multiport', 'recent', 'physdev'])

function drain(tokens: Tokens): string[] {
  const out: string[] = []
  for (let t = tokens.next(); t !== undefined; t = tokens.next()) out.push(t)
  return out
}

function parseInterface(name: string, invert: boolean): InterfaceMatch | undefined {
  if (name.length > 15) throw new UsageError(`interface name \`${name}' must be shorter than IFNAMSIZ (15)`)
  if (name === '') throw new UsageError('Empty interface is likely to be undesired')
  return name === '+' && !invert ? undefined : { name, invert }
}

const NO_COMMANDS: CommandOptions<undefined> = { readers: new Map(), state: undefined }

/** The rules of a line without its command, which is known to be a good one. */
export function readRules(words: readonly string[], scope: RuleScope): Rule[] {
  const parser = new RuleParser(scope, NO_COMMANDS)
  parser.read(words)
  return parser.finish()
}

/** Words of a line; double quotes keep blanks together, a backslash in them keeps the next character. */
export function splitLine(line: string): string[] {
  const words: string[] = []
  for (let i = 0; i < line.length; i++) {
    if (isBlank(line[i]!)) continue
    const begin = i
    while (i < line.length && line[i] !== '"' && !isBlank(line[i]!)) i++
    let word = line.slice(begin, i)
    for (let quoted = false; i < line.length && (quoted || !isBlank(line[i]!)); i++) {
      if (line[i] === '"') quoted = !quoted
      else word += quoted && line[i] === '\\' && i + 1 < line.length ? line[++i]! : line[i]!
    }
    words.push(word)
  }
  return words
}

const isBlank = (c: string): boolean => c === ' ' || c === '\t' || c === '\n'

export function checkChainName(name: string): void {
  if (name.length >= 29) throw new UsageError(`chain name \`${name}' too long (must be under 29 chars)`)
  if (name.startsWith('-') || name.startsWith('!')) throw new UsageError(`chain name not allowed to start with \`${name[0]}'`)
  if (/[\s]/.test(name)) throw new UsageError(`Invalid chain name \`${name}'`)
  if (VERDICTS.has(name) || TARGETS.has(name)) throw new UsageError(`chain name may not clash with target name`)
}


