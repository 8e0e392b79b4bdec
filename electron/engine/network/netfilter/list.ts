import { listAddress } from './address-text.ts'
import type { Chain } from './chain.ts'
import { protocolName } from './names.ts'
import { saveRule } from './rule.ts'
import type { InterfaceMatch, Rule } from './rule.ts'
import { rulesOf } from './shared-chain.ts'
import type { Table } from './table.ts'

export interface ListOptions {
  family: 4 | 6
  numeric: boolean
  verbose: boolean
  exact: boolean
  lineNumbers: boolean
  nameOf?: ((address: string) => string | undefined) | undefined
}

/** Tables as `iptables -L` prints them (iptables/nft-shared.c and nft-ipv4.c). */
export function listChains(table: Table, chains: readonly Chain[], options: ListOptions, only?: number): string {
  return chains.map((chain) => listChain(table, chain, options, only)).join('\n')
}

function listChain(table: Table, chain: Chain, options: ListOptions, only: number | undefined): string {
  let out = ''
  if (only === undefined) {
    const counters = ` ${counter(chain.counts ? chain.packets : 0, options, '')}packets, ${counter(chain.counts ? chain.bytes : 0, options, '')}bytes`
    const state = chain.policy ? `policy ${chain.policy}${options.verbose ? counters : ''}` : `${table.references(chain.name)} references`
    out += `Chain ${chain.name} (${state})\n`
    if (options.lineNumbers) out += 'num  '
    if (options.verbose) out += options.exact ? '    pkts      bytes ' : ' pkts bytes '
    out += `target     prot opt${options.verbose ? ' in     out   ' : ''} source               destination         \n`.replace('out    source', 'out     source')
  }
  rulesOf(chain).forEach((rule, i) => {
    if (only === undefined || only === i + 1) out += listRule(rule, i + 1, options)
  })
  return out
}

function listRule(rule: Rule, number: number, options: ListOptions): string {
  const { numeric, verbose } = options
  const flag = (condition: { invert: boolean } | undefined): string => (condition?.invert ? '!' : ' ')
  const any = numeric ? '*' : 'any'
  let out = options.lineNumbers ? `${String(number).padEnd(4)} ` : ''
  if (verbose) out += counter(rule.packets, options, ' ') + counter(rule.bytes, options, ' ')
  const protocol = rule.protocol ? (numeric ? String(rule.protocol.number) : protocolName(rule.protocol.number)) : numeric ? '0' : 'all'
  out += `${(rule.target?.listName ?? rule.target?.name ?? rule.jump ?? '').padEnd(9)} ${flag(rule.protocol)}${protocol.padEnd(4)} `
  out += rule.fragment ? `${rule.fragment.invert ? '!' : '-'}f ` : '-- '
  if (verbose) {
    const name = (m: InterfaceMatch | undefined): string => (m ? (m.invert ? '!' : '') + m.name : any).padEnd(6)
    out += ` ${name(rule.inInterface)} ${name(rule.outInterface)} `
  }
  out += `${flag(rule.source)}${listAddress(rule.source, numeric, options.family, options.nameOf).padEnd(19)} `
  out += `${flag(rule.destination)}${listAddress(rule.destination, numeric, options.family, options.nameOf).padEnd(19)} `
  if (rule.goto) out += '[goto] '
  for (const match of rule.matches) out += ` ${match.list(numeric)}`
  const tail = rule.target?.list(numeric) ?? ''
  return `${out}${tail === '' ? '' : ` ${tail}`}\n`
}

/** What `-v` prints of a rule that is added, removed or looked for. */
export function ruleLine(rule: Rule, family: 4 | 6): string {
  const flag = (condition: { invert: boolean } | undefined): string => (condition?.invert ? '!' : '')
  const space = (condition: { invert: boolean } | undefined): string => (condition?.invert ? '!' : ' ')
  const name = (m: InterfaceMatch | undefined): string => (m ? flag(m) + m.name : '*')
  const protocol = rule.protocol ? protocolName(rule.protocol.number) : 'all'
  const fragment = rule.fragment ? `${rule.fragment.invert ? '!' : '-'}f` : '--'
  const matches = rule.matches.map((m) => ` ${m.list(true)}`).join('')
  const tail = rule.target?.list(true) ?? ''
  return `${rule.target?.listName ?? rule.target?.name ?? rule.jump ?? ''} ${space(rule.protocol)}${protocol} opt ${fragment} in ${name(rule.inInterface)} out ${name(rule.outInterface)} ` +
    `${space(rule.source)}${listAddress(rule.source, true, family)} ${space(rule.destination)}-> ${listAddress(rule.destination, true, family)} ` +
    `${rule.goto ? '[goto] ' : ''} ${matches}${tail === '' ? '' : ` ${tail}`}\n`
}

/** xtables_print_num: five digits, then thousands, millions… */
function counter(value: number, options: ListOptions, pad: string): string {
  const width = (n: number): number => (pad === '' ? 0 : n)
  if (options.exact) return `${String(value).padStart(width(8))} `
  if (value <= 99_999) return `${String(value).padStart(width(5))} `
  let n = value
  for (const unit of ['K', 'M', 'G']) {
    n = Math.floor((n + 500) / 1000)
    if (n <= 9999 || unit === 'G') return `${String(n).padStart(width(4))}${unit} `
  }
  return ''
}

/** `iptables -S`. */
export function listRules(chains: readonly Chain[], counters: boolean, only?: number): string {
  const count = (packets: number, bytes: number): string => (counters ? ` -c ${packets} ${bytes}` : '')
  let out = ''
  if (only === undefined) {
    for (const c of chains) out += c.policy ? `-P ${c.name} ${c.policy}${c.counts ? count(c.packets, c.bytes) : count(0, 0)}\n` : `-N ${c.name}\n`
  }
  for (const chain of chains) {
    rulesOf(chain).forEach((rule, i) => {
      if (only === undefined || only === i + 1) out += `-A ${chain.name}${saveRule(rule, count(rule.packets, rule.bytes))}\n`
    })
  }
  return out
}
