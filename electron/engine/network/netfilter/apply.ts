import { BAD_RULE, KernelError, NO_SUCH_CHAIN, OperationError, toolOf, UsageError, VERSION } from './errors.ts'
import { listChains, listRules } from './list.ts'
import type { ListOptions } from './list.ts'
import { checkChainName, RuleParser } from './parse.ts'
import type { Tokens } from './parse.ts'
import type { Rule, TableName } from './rule.ts'
import { BUILT_IN } from './table.ts'
import type { Table } from './table.ts'

/** Where a command line acts: at the prompt, or as a line of iptables-restore's file. */
export interface CommandScope {
  family: 4 | 6
  inRestore: boolean
  line: number
  tableName: TableName
  /** The table to change or to show; at the prompt a fork that is committed when the command went well. */
  table(name: TableName): Table
  hasSet(name: string): boolean
  /** From "[5:300]" before a line. */
  counters?: [number, number]
  print(text: string): void
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
  list: ListOptions
}

/** Reads one command line and does it. Commands are those of iptables(8). For -A without -c it returns what was appended. */
export function applyCommand(words: readonly string[], scope: CommandScope): { chain: string; rules: readonly Rule[] } | undefined {
  const list: ListOptions = { family: scope.family, numeric: false, verbose: false, exact: false, lineNumbers: false }
  const command: Command = { scope, list }
  const tableName = scope.inRestore ? scope.tableName : tableOf(words)
  const parser = new RuleParser({ family: scope.family, table: tableName, hasSet: scope.hasSet }, { readers: READERS, state: command })
  parser.read(words)
  if (!command.verb) throw new UsageError('no command specified')
  if (command.verb === 'V') {
    scope.print(`${toolOf(scope.family)} ${VERSION}\n`)
    return undefined
  }
  const table = scope.table(tableName)
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
    if (command.verb && !(command.verb === 'Z' || v === 'Z')) throw new UsageError(`Cannot use -${v} with -${command.verb}`)
    command.verb = v
    readArguments(command, v, tokens, option)
  })
  for (const v of 'ACDIRLSFZNXEPhV') verb(`-${v}`, v as Verb)
  for (const [name, v] of Object.entries(LONG)) verb(name, v)
  add(['-t', '--table'], ({ scope }, tokens, option) => {
    tokens.need(option)
    if (scope.inRestore) throw new UsageError('The -t option cannot be used in iptables-restore.\n')
  })
  add(['-n', '--numeric'], ({ list }) => (list.numeric = true))
  add(['-v', '--verbose'], ({ list }) => (list.verbose = true))
  add(['-x', '--exact'], ({ list }) => (list.exact = true))
  add(['--line-numbers'], ({ list }) => (list.lineNumbers = true))
  add(['-4', '--ipv4', '-6', '--ipv6'], () => {})
  add(['-w', '--wait', '-W', '--wait-interval'], (_, tokens) => void tokens.optional())
  return map
}

function readArguments(command: Command, verb: Verb, tokens: Tokens, option: string): void {
  const position = (): void => {
    const next = tokens.peek()
    if (next === undefined || !/^\d+$/.test(next)) return
    command.position = Number(tokens.next())
    if (command.position === 0) throw new UsageError(`Invalid rule number \`${next}'`)
  }
  if (verb === 'h' || verb === 'V') return
  if ('LSFZX'.includes(verb)) {
    command.chain = tokens.optional()
    if ('LSZ'.includes(verb) && command.chain !== undefined) position()
    return
  }
  command.chain = tokens.need(option)
  if (verb === 'N') return checkChainName(command.chain)
  if (verb === 'P' || verb === 'E') {
    const second = tokens.optional()
    if (second === undefined) throw new UsageError(`-${verb} requires a chain and a ${verb === 'P' ? 'policy' : 'new name'}`.replace('-E requires a chain and a new name', '-E requires old-chain-name and new-chain-name'))
    command.argument = second
    if (verb === 'E') checkChainName(second)
  }
  if ('DIR'.includes(verb)) position()
  if (verb === 'R' && command.position === undefined) throw new UsageError('-R requires a rule number')
}

function perform(command: Command, rules: readonly Rule[], given: boolean, table: Table, list: ListOptions, scope: CommandScope): void {
  const { verb, chain, position } = command
  const existing = (name: string): void => {
    if (!table.chains.has(name)) throw new OperationError(NO_SUCH_CHAIN)
  }
  if (table.name === 'nat' && rules.some((r) => r.jump === 'DROP')) throw new UsageError(NAT_IS_NO_FILTER)
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
      else for (const rule of rules) table.deleteRule(chain!, rule)
      break
    case 'C':
      for (const rule of rules) if (!table.chains.has(chain!) || table.indexOf(chain!, rule) < 0) throw new OperationError(BAD_RULE)
      break
    case 'N':
      table.create(chain!)
      break
    case 'X':
      if (chain !== undefined) table.remove(chain, scope.line)
      else for (const c of table.sorted()) if (c.policy === undefined) table.remove(c.name, scope.line)
      break
    case 'F':
      if (chain !== undefined) existing(chain)
      table.flush(chain)
      break
    case 'Z':
      if (chain !== undefined) existing(chain)
      table.zero(chain)
      break
    case 'E':
      table.rename(chain!, command.argument!)
      break
    case 'P':
      if (table.name === 'nat' && command.argument === 'DROP') throw new UsageError(NAT_IS_NO_FILTER)
      table.policy(chain!, command.argument!)
      break
    case 'L': case 'S': {
      if (chain !== undefined && !table.chains.has(chain)) {
        throw new IncompatibleChain(`${toolOf(scope.family)} ${VERSION}: chain \`${chain}' in table \`${table.name}' is incompatible, use 'nft' tool.\n`)
      }
      const chains = chain === undefined ? table.sorted() : [table.chain(chain)]
      scope.print(verb === 'S' ? listRules(chains, list.verbose, position) : listChains(table, chains, list, position))
    }
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
