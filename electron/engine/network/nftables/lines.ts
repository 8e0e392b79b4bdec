import { Commands } from './commands.ts'
import { Cursor } from './cursor.ts'
import type { Location } from './lex.ts'
import type { Family, NftTable, Ruleset } from './model.ts'
import { readRule, type ReadRule } from './parse-rule.ts'
import type { Transaction } from './transaction.ts'

/**
 * What an agent writes comes as thousands of lines, a command each, that are alike on every node. They are read one by
 * one, and a rule of the same text is read once.
 */
const KEPT = 500_000
const rules = new Map<string, ReadRule>()
const NOWHERE: Location = { line: 1, from: 0, to: 1 }

/** `add rule|add chain|flush chain FAMILY TABLE CHAIN …` */
const COMMON = /^(add rule|add chain|flush chain) (ip6?|inet) (\S+) (\S+)(?: (.*))?$/

export function applyLine(line: string, ruleset: Ruleset, changes: Transaction, now: number): void {
  const common = COMMON.exec(line)
  if (common) {
    const [, verb, family, tableName, chainName, rest] = common as unknown as [string, string, Family, string, string, string?]
    const table = ruleset.tables.get(`${family} ${tableName}`)
    if (table && applyCommon(verb, table, chainName, rest, changes)) return
  }
  const cursor = new Cursor(`${line}\n`)
  const commands = new Commands(cursor, ruleset, changes, {}, now)
  commands.next()
  const [mistake] = commands.mistakes
  if (mistake) throw mistake
}

/** False for what only the whole grammar can read. */
function applyCommon(verb: string, table: NftTable, name: string, rest: string | undefined, changes: Transaction): boolean {
  if (verb === 'add chain') {
    if (rest !== undefined) return false
    changes.addChain(table, { name, at: NOWHERE }, { command: NOWHERE })
    return true
  }
  const chain = table.chains.get(name)
  if (!chain) return false
  if (verb === 'flush chain') {
    changes.flushChain(chain)
    return true
  }
  if (rest === undefined) return false
  const key = `${table.family} ${rest}`
  let read = rules.get(key)
  if (!read) {
    read = readRule(new Cursor(rest), { family: table.family, set: (set) => table.sets.get(set)?.definition })
    if (rules.size >= KEPT) rules.clear()
    rules.set(key, read)
  }
  changes.addRule(chain, read.body, read.targets, { place: 'last', index: 0 }, NOWHERE)
  return true
}
