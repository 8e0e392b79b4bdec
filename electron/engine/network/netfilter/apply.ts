import { BAD_RULE, KernelError, NO_SUCH_CHAIN, NotSimulated, OperationError, toolOf, TryHelp, UsageError, VERSION } from './errors.ts'
import { listChains, listRules, ruleLine } from './list.ts'
import type { ListOptions } from './list.ts'
import { checkChainName, RuleParser } from './parse.ts'
import type { Tokens } from './parse.ts'
import type { Rule, TableName } from './rule.ts'
import { VERDICTS, BUILT_IN } from './table.ts'
import { usage } from './usage.ts'
import type { Table } from './table.ts'

/** Where a command line acts: at the prompt, or as a line of iptables-restore's file. */
export interface CommandScope {
  family: 4 | 6
  inRestore: boolean
  line: number
  tableName: TableName
  /** The table to change or to show; at the prompt a fork that is committed when the command went well. `checked`: the one chain that -C or -S looks at. */
  table(name: TableName, changes: boolean, checked?: string): Table
  hasSet(name: string): boolean
  /** From "[5:300]" before a line. */
  counters?: [number, number]
  print(text: string): void
  warn?(text: string): void
  /** What an address is called, for -L without -n. */
  nameOf?: ((address: string) => string | undefined) | undefined
}

type Verb = 'A' | 'C' | 'D' | 'I' | 'R' | 'L' | 'S' | 'F' | 'Z' | 'N' | 'X' | 'E' | 'P' | 'h' | 'V'

const LONG: Readonly<Record<string, Verb>> = {
  '--append': 'A', '--check': 'C', '--delete': 'D', '--insert': 'I', '--replace': 'R', '--list': 'L', '--list-rules': 'S', '--flush': 'F',
  '--zero': 'Z', '--new-chain': 'N', '--new': 'N', '--delete-chain': 'X', '--rename-chain': 'E', '--policy': 'P', '--help': 'h', '--version': 'V',
}

interface Command {
  scope: CommandScope
  verb?: Verb
  chain?: string
  argument?: string
  position?: number
  /** With -L or -S: -Z stands beside it. */
  zero?: boolean
  list: ListOptions
  wait?: boolean
  waitInterval?: boolean
  numbers: Set<string>
}

/** What has to be asked of the whole line: -h and -V end it where they stand. */
class Ended extends Error {}

/** Reads one command line and does it. Commands are those of iptables(8). For -A without -c it returns what was appended. */
export function applyCommand(words: readonly string[], scope: CommandScope): { chain: string; rules: readonly Rule[] } | undefined {
  const list: ListOptions = { family: scope.family, numeric: false, verbose: false, exact: false, lineNumbers: false, nameOf: scope.nameOf }
  const command: Command = { scope, list, numbers: new Set() }
  const tableName = scope.inRestore ? scope.tableName : tableOf(words)
  const parser = new RuleParser({ family: scope.family, table: tableName, hasSet: scope.hasSet }, { readers: READERS, state: command })
  try {
    parser.read(words)
  } catch (error) {
    if (!(error instanceof Ended)) throw error
    if (command.verb === 'V') scope.print(`${toolOf(scope.family)} ${VERSION}\n`)
    else if (parser.extensions.length > 0) throw new NotSimulated(`the help of ${parser.extensions.join(', ')}`)
    else scope.print(usage(scope.family))
    return undefined
  }
  if (tableName === 'nat' && (command.verb === 'P' ? command.argument === 'DROP' : parser.rule.jump === 'DROP')) throw new UsageError(NAT_IS_NO_FILTER)
  if (command.waitInterval && !command.wait) throw new UsageError('--wait-interval only makes sense with --wait\n')
  if (!command.verb) throw new UsageError('no command specified')
  const { verb, chain } = command
  checkOptions(command, parser.flags)
  if (chain !== undefined && chain.length >= 29) throw new UsageError(`chain name \`${chain}' too long (must be under 29 chars)`)
  const table = scope.table(tableName, !'LSC'.includes(verb) || command.zero === true, 'CS'.includes(verb) ? chain : undefined)
  try {
    const rules = 'ACDIR'.includes(command.verb) ? parser.finish() : []
    const counted = rules.some(isCounted)
    if (scope.counters) for (const rule of rules) [rule.packets, rule.bytes] = scope.counters
    if (rules[0]) checkInterfaces(command.chain!, rules[0])
    perform(command, rules, parser.given, table, list, scope)
    return command.verb === 'A' && !counted ? { chain: command.chain!, rules } : undefined
  } catch (error) {
    if (error instanceof KernelError && !error.message.includes(':')) throw new KernelError(`${error.message}: rule in chain ${command.chain}`)
    throw error
  }
}

/** Whether a rule just read was given counters ("-c"). */
export function isCounted({ packets, bytes }: Rule): boolean {
  return packets > 0 || bytes > 0
}

const READERS = readers()

function readers(): ReadonlyMap<string, (command: Command, tokens: Tokens, option: string) => void> {
  const map = new Map<string, (command: Command, tokens: Tokens, option: string) => void>()
  const add = (names: readonly string[], read: (command: Command, tokens: Tokens, option: string) => void): void => {
    for (const name of names) map.set(name, read)
  }
  const verb = (name: string, v: Verb): void => add([name], (command, tokens, option) => {
    const former = command.verb
    const zeroes = (former === 'Z' && (v === 'L' || v === 'S')) || (v === 'Z' && (former === 'L' || former === 'S'))
    if (v === 'h' || v === 'V') {
      command.verb = v
      throw new Ended()
    }
    if (former && !zeroes) throw new UsageError(`Cannot use -${v} with -${former}`)
    if (zeroes) command.zero = true
    command.verb = zeroes && v === 'Z' ? former! : v
    const shown = command.position
    readArguments(command, v, tokens, option)
    // "-Z CHAIN NUMBER" takes the place of whatever was asked before
    if (zeroes && v === 'Z' && command.position !== shown) command.verb = 'Z'
  })
  for (const v of 'ACDIRLSFZNXEPhV') verb(`-${v}`, v as Verb)
  for (const [name, v] of Object.entries(LONG)) verb(name, v)
  add(['-t', '--table'], ({ scope }, tokens, option) => {
    tokens.need(option)
    if (scope.inRestore) throw new UsageError('The -t option cannot be used in iptables-restore.\n')
  })
  const how = (names: readonly string[], letter: string, set: (list: ListOptions) => void): void => add(names, ({ list, numbers }) => {
    if (numbers.has(letter) && letter !== 'v') throw new UsageError(`multiple -${letter} flags not allowed`)
    numbers.add(letter)
    set(list)
  })
  how(['-n', '--numeric'], 'n', (list) => (list.numeric = true))
  how(['-v', '--verbose'], 'v', (list) => {
    if (list.verbose) throw new NotSimulated('-v twice, which shows what the kernel is sent')
    list.verbose = true
  })
  how(['-x', '--exact'], 'x', (list) => (list.exact = true))
  how(['--line-numbers'], '0', (list) => (list.lineNumbers = true))
  const family = (names: readonly string[], version: 4 | 6): void => add(names, ({ scope }) => {
    if (scope.family !== version) throw new TryHelp()
  })
  family(['-4', '--ipv4'], 4)
  family(['-6', '--ipv6'], 6)
  const seconds = (command: Command, tokens: Tokens, option: string): string | undefined => {
    if (command.scope.inRestore) throw new UsageError(`You cannot use \`${option.slice(0, 2)}' from iptables-restore`)
    return tokens.optional()
  }
  add(['-w', '--wait'], (command, tokens) => {
    const text = seconds(command, tokens, '-w')
    if (text !== undefined && !/^\s*[+-]?\d/.test(text)) throw new UsageError('wait seconds not numeric')
    command.wait = true
  })
  add(['-W', '--wait-interval'], (command, tokens) => {
    const text = seconds(command, tokens, '-W')
    if (text === undefined) throw new UsageError('wait interval value required')
    command.scope.warn?.('Ignoring deprecated --wait-interval option.\n')
    command.waitInterval = true
  })
  return map
}

function readArguments(command: Command, verb: Verb, tokens: Tokens, option: string): void {
  const position = (): void => {
    const next = tokens.optional()
    if (next === undefined) return
    command.position = /^(0x[0-9a-f]+|\d+)$/i.test(next) ? Number(next) : 0
    if (!(command.position >= 1 && command.position <= 0x7fffffff)) throw new UsageError(`Invalid rule number \`${next}'`)
  }
  if ('LSFZX'.includes(verb)) {
    const named = tokens.optional()
    if (named !== undefined) command.chain = named
    if ('LSZ'.includes(verb) && named !== undefined) position()
    return
  }
  command.chain = tokens.need(option)
  if (verb === 'N') return checkChainName(command.chain)
  if (verb === 'P' || verb === 'E') {
    const second = tokens.optional()
    if (second === undefined) throw new UsageError(`-${verb} requires a chain and a ${verb === 'P' ? 'policy' : 'new name'}`.replace('-E requires a chain and a new name', '-E requires old-chain-name and new-chain-name'))
    command.argument = second
  }
  if ('DIR'.includes(verb)) position()
  if (verb === 'R' && command.position === undefined) throw new UsageError('-R requires a rule number')
}

function perform(command: Command, rules: readonly Rule[], given: boolean, table: Table, list: ListOptions, scope: CommandScope): void {
  const { verb, chain, position } = command
  const existing = (name: string): void => {
    if (!table.chains.has(name)) throw new OperationError(NO_SUCH_CHAIN)
  }
  const reachable = ({ jump }: Rule): boolean => {
    if (jump !== undefined && !VERDICTS.has(jump) && !table.chains.has(jump)) throw new UsageError(`Chain '${jump}' does not exist`)
    return true
  }
  const tell = (sentence: (name: string) => string): void => {
    for (const name of chain === undefined ? table.sorted().map((c) => c.name) : [chain]) if (list.verbose) scope.print(sentence(name))
  }
  if (list.verbose && 'AIR'.includes(verb!)) for (const rule of rules) scope.print(ruleLine(rule, scope.family))
  switch (verb) {
    case 'A':
      existing(chain!)
      for (const rule of rules) table.append(chain!, rule, scope.line)
      break
    case 'I':
      existing(chain!)
      for (const rule of rules.toReversed()) table.insert(chain!, position ?? 1, rule, scope.line)
      break
    case 'R':
      existing(chain!)
      if (rules.length > 1) throw new UsageError('Replacement rule does not specify a unique address')
      table.replaceRule(chain!, position!, rules[0]!, scope.line)
      break
    case 'D':
      existing(chain!)
      if (position !== undefined && !given) table.deleteAt(chain!, position)
      else for (const rule of rules.filter(reachable)) table.deleteRule(chain!, rule, () => list.verbose && scope.print(ruleLine(rule, scope.family)))
      break
    case 'C':
      for (const rule of rules) {
        reachable(rule)
        if (!table.chains.has(chain!) || table.indexOf(chain!, rule) < 0) throw new OperationError(BAD_RULE)
        if (list.verbose) scope.print(ruleLine(rule, scope.family))
      }
      break
    case 'N':
      table.create(chain!)
      break
    case 'X':
      for (const name of chain !== undefined ? [chain] : table.sorted().filter((c) => c.policy === undefined).map((c) => c.name)) {
        table.remove(name, scope.line)
        if (list.verbose) scope.print(`Deleting chain \`${name}'\n`)
      }
      if (chain === undefined) table.unload()
      break
    case 'F':
      if (chain !== undefined) existing(chain)
      table.flush(chain)
      tell((name) => `Flushing chain \`${name}'\n`)
      break
    case 'Z':
      if (chain !== undefined) existing(chain)
      if (position === undefined) tell((name) => `Zeroing chain \`${name}'\n`)
      table.zero(chain, position)
      break
    case 'E':
      if (table.isBuiltIn(chain!)) throw new NotSimulated('to rename a built-in chain')
      table.rename(chain!, command.argument!)
      break
    case 'P':
      table.policy(chain!, command.argument!)
      break
    case 'L': case 'S': {
      if (chain !== undefined && !table.chains.has(chain)) {
        throw new IncompatibleChain(`${toolOf(scope.family)} ${VERSION}: chain \`${chain}' in table \`${table.name}' is incompatible, use 'nft' tool.\n`)
      }
      const chains = chain === undefined ? table.sorted() : [table.chain(chain)]
      scope.print(verb === 'S' ? listRules(chains, list.verbose, position) : listChains(table, chains, list, position))
      if (command.zero) {
        tell((name) => `Zeroing chain \`${name}'\n`)
        table.zero(chain)
      }
    }
  }
}

/** Options in the order in which they are looked at, and the commands that take them (xshared.c, commands_v_options). */
const LEGAL: readonly (readonly [string, string])[] = [
  ['n', 'L'], ['s', 'IDRAC'], ['d', 'IDRAC'], ['p', 'IDRAC'], ['j', 'IDRAC'], ['x', 'L'], ['i', 'IDRAC'], ['o', 'IDRAC'], ['0', 'L'], ['c', 'IRAP'], ['f', 'IDRAC'],
]

function checkOptions({ verb, position, numbers }: Command, flags: readonly string[]): void {
  for (const [option, verbs] of LEGAL) {
    if (!numbers.has(option) && !flags.includes(`-${option}`)) continue
    if (!verbs.includes(verb!) || (verb === 'D' && position !== undefined)) throw new UsageError(`Illegal option \`-${option}' with this command`)
  }
}

/** What -L and -S say of a chain that is not there; code 1. */
export class IncompatibleChain extends Error {}

const NAT_IS_NO_FILTER = '\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n'

/** The table that -t names, wherever it stands in the line. */
function tableOf(words: readonly string[]): TableName {
  let name = 'filter'
  words.forEach((word, i) => {
    if (word === '-t' || word === '--table') name = words[i + 1] ?? name
    else if (word.startsWith('--table=')) name = word.slice(8)
    else if (/^-t[a-z]/.test(word)) name = word.slice(2)
  })
  if (!(name in BUILT_IN)) throw new MissingTable(name)
  return name as TableName
}

/** `-t` with a table that the kernel does not have; code 3. */
export class MissingTable extends Error {}

function checkInterfaces(chain: string, rule: Rule): void {
  if (rule.outInterface && (chain === 'PREROUTING' || chain === 'INPUT')) throw new UsageError(`Can't use -o with ${chain}\n`)
  if (rule.inInterface && (chain === 'POSTROUTING' || chain === 'OUTPUT')) throw new UsageError(`Can't use -i with ${chain}\n`)
}
