import type { Netfilter } from '../../network/types.ts'
import { renderRules, type Chain } from './felix-chains.ts'
import type { TableChains, TableName } from './felix-static.ts'

const UNKNOWN: readonly string[] = ['?']

/**
 * One iptables table as Felix keeps it (felix/iptables/table.go): only chains that changed are written, chains that nothing
 * needs any more go, and rules of others are left alone.
 */
export class FelixTable {
  readonly #netfilter: Netfilter
  readonly #table: TableName
  /** Chain → its rules as they were written. */
  readonly #written = new Map<string, readonly string[]>()
  /** "INPUT" → the rules of ours in it. */
  readonly #hooks = new Map<string, string>()
  readonly #rendered = new WeakMap<Chain, readonly string[]>()
  #looked = false

  constructor(netfilter: Netfilter, table: TableName) {
    this.#netfilter = netfilter
    this.#table = table
  }

  apply({ chains, inserts, appends }: TableChains): void {
    if (!this.#looked) this.#adopt()
    const wanted = new Map(chains.map((c) => [c.name, this.#render(c)]))
    const lines: string[] = []
    const bodies: string[] = []
    for (const [name, rules] of wanted) {
      const old = this.#written.get(name)
      if (old && same(old, rules)) continue
      lines.push(`:${name} - [0:0]`)
      for (const rule of rules) bodies.push(`-A ${name} ${rule}`)
    }
    const gone = [...this.#written.keys()].filter((name) => !wanted.has(name))
    if (lines.length > 0 || gone.length > 0) {
      // first what refers to them is written anew, then they can go
      this.#restore([...lines, ...bodies, ...gone.map((name) => `-F ${name}`), ...gone.map((name) => `-X ${name}`)])
    }
    for (const name of gone) this.#written.delete(name)
    for (const [name, rules] of wanted) this.#written.set(name, rules)
    for (const [chain, rules] of Object.entries(inserts)) this.#hook(chain, renderRules({ name: chain, rules }), false)
    for (const [chain, rules] of Object.entries(appends)) this.#hook(chain, renderRules({ name: chain, rules }, `${chain}*appends*`), true)
  }

  /** Chains that an earlier Felix has left are written anew or go. */
  #adopt(): void {
    this.#looked = true
    for (const line of this.#netfilter.save(this.#table).split('\n')) {
      const chain = /^:(cali-\S+)/.exec(line)?.[1]
      if (chain !== undefined) this.#written.set(chain, UNKNOWN)
    }
  }

  /** Looks at the kernel: what somebody changed there is written again with the next apply. */
  verify(): void {
    const present = new Map<string, string[]>()
    for (const line of this.#netfilter.save(this.#table).split('\n')) {
      const rule = /^-A (\S+) (?:.*--comment "?cali:([\w-]{16}))?/.exec(line)
      const chain = rule?.[1] ?? /^:(\S+)/.exec(line)?.[1]
      if (chain === undefined) continue
      const hashes = present.get(chain) ?? []
      present.set(chain, hashes)
      if (rule) hashes.push(rule[2] ?? '')
    }
    for (const [name, rules] of [...this.#written]) {
      if (!same(present.get(name) ?? ['?'], rules.map(hashIn))) this.#written.delete(name)
    }
    for (const [key, text] of this.#hooks) {
      const [chain] = key.split(' ') as [string]
      const ours = text.split('\n').map(hashIn)
      const there = present.get(chain) ?? []
      if (!ours.every((hash) => there.includes(hash))) this.#hooks.delete(key)
    }
  }

  #hook(chain: string, rules: readonly string[], append: boolean): void {
    const key = `${chain} ${append ? 'append' : 'insert'}`
    const text = rules.join('\n')
    if (this.#hooks.get(key) === text) return
    this.#hooks.set(key, text)
    const ours = new Set(rules.map(hashIn))
    const listed = this.#netfilter.save(this.#table).split('\n').filter((l) => l.startsWith(`-A ${chain} `))
    const stale = listed.flatMap((line, i) => (ours.has(hashIn(line)) ? [i + 1] : []))
    const fresh = append ? rules.map((rule) => `-A ${chain} ${rule}`) : rules.map((rule, i) => `-I ${chain} ${i + 1} ${rule}`)
    this.#restore([...stale.reverse().map((n) => `-D ${chain} ${n}`), ...fresh])
  }

  #restore(lines: readonly string[]): void {
    this.#netfilter.restore(`*${this.#table}\n${lines.join('\n')}\nCOMMIT\n`, { noflush: true })
  }

  #render(chain: Chain): readonly string[] {
    let rules = this.#rendered.get(chain)
    if (!rules) this.#rendered.set(chain, (rules = renderRules(chain)))
    return rules
  }
}

function hashIn(rule: string): string {
  return /--comment "?cali:([\w-]{16})/.exec(rule)?.[1] ?? ''
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, i) => line === b[i])
}
