import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { ChainBlock, Hook, IpPacket } from '../types.ts'
import { traverse } from './evaluate.ts'
import { Evaluation, ruleMatches } from './rule.ts'
import type { Rule } from './rule.ts'
import { serviceRules } from './service.samples.ts'
import { makeTables } from './tables.samples.ts'

const NO_DATA = new Uint8Array(0)

describe('iptables-save and iptables-restore', () => {
  it('read back what they print', () => {
    const lines = readFileSync(new URL('./iptables.samples.txt', import.meta.url), 'utf8').split('\n').filter((l) => /^(nat|filter|raw|mangle) -A/.test(l))
    fc.assert(fc.property(fc.shuffledSubarray(lines, { maxLength: 12 }), (chosen) => {
      const { netfilter } = makeTables()
      for (const line of chosen) {
        const [table, ...words] = line.split(' ')
        try {
          netfilter.restore(`*${table}\n:ALPHA - [0:0]\n:ZED - [0:0]\n${words.join(' ')}\nCOMMIT\n`, { noflush: true })
        } catch {
          // Some samples are mistakes.
        }
      }
      const printed = netfilter.save()
      const again = makeTables().netfilter
      again.restore(printed)
      expect(again.save()).toBe(printed)
    }), { numRuns: 60 })
  })

  it('print the rules of a Service as kube-proxy’s would be printed', () => {
    const { netfilter } = makeTables()
    netfilter.restore(serviceRules([{ name: 'web', clusterIp: '10.96.0.50', port: 80, endpoints: ['10.244.1.2:8080'] }]), { noflush: true })
    expect(netfilter.save('nat').split('\n').filter((l) => l.startsWith('-A KUBE-SERVICES'))).toEqual([
      expect.stringMatching(/^-A KUBE-SERVICES -d 10\.96\.0\.50\/32 -p tcp -m comment --comment "default\/web cluster IP" -m tcp --dport 80 -j KUBE-SVC-[A-Z0-9]{16}$/),
      '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
    ])
  })

  it('change nothing when a file has a mistake in its last line', () => {
    const { netfilter } = makeTables()
    netfilter.restore('*nat\n:A - [0:0]\n-A A -j ACCEPT\nCOMMIT\n')
    const before = [netfilter.save(), netfilter.generation]
    expect(() => netfilter.restore('*nat\n:B - [0:0]\n-F A\n-A B --nonsense\nCOMMIT\n', { noflush: true })).toThrow('unknown option "--nonsense"')
    expect([netfilter.save(), netfilter.generation]).toEqual(before)
  })

  it('keep the tables that were committed before the mistake', () => {
    const { netfilter } = makeTables()
    expect(() => netfilter.restore('*nat\n:A - [0:0]\nCOMMIT\n*filter\n-A NOPE -j DROP\nCOMMIT\n')).toThrow('line 5 failed')
    expect(netfilter.save()).toContain(':A - [0:0]')
  })

  it('count packets and bytes, and bring counters along', () => {
    const { netfilter, namespace } = makeTables()
    netfilter.restore('*filter\n:INPUT DROP [3:200]\n[5:300] -A INPUT -p udp -j ACCEPT\nCOMMIT\n', { counters: true })
    netfilter.run('input', packet('10.0.0.1', '10.0.0.2', 53), namespace.links.get('lo'), undefined)
    expect(netfilter.save('filter', { counters: true })).toContain('[6:328] -A INPUT -p udp -j ACCEPT')
    expect(netfilter.save('filter', { counters: true })).toContain(':INPUT DROP [3:200]')
    expect(netfilter.command(['-nvL', 'INPUT', '-x']).stdout).toContain('       6      328 ACCEPT     17 ')
  })

  it('count for themselves, also where many namespaces read the same lines', () => {
    const text = '*filter\n-A INPUT -p udp -m statistic --mode nth --every 2 --packet 0 -j ACCEPT\n-A INPUT -p udp -j DROP\nCOMMIT\n'
    const [one, other] = [makeTables().netfilter, makeTables().netfilter]
    for (const netfilter of [one, other, one]) netfilter.restore(text, { noflush: true })
    expect([1, 2, 3].map(() => one.run('input', packet('10.0.0.1', '10.0.0.2', 53), undefined, undefined))).toEqual(['accept', 'drop', 'accept'])
    expect(one.save('filter', { counters: true })).toContain('[1:28] -A INPUT -p udp -j DROP\n[0:0] -A INPUT')
    expect(other.save('filter', { counters: true })).toContain('[0:0] -A INPUT -p udp -j DROP')
    expect(other.run('input', packet('10.0.0.1', '10.0.0.2', 53), undefined, undefined)).toBe('accept')
  })

  it('read a line again as strictly as before', () => {
    const text = '*filter\n-A INPUT -m set --match-set friends src -j ACCEPT\nCOMMIT\n'
    const [one, other] = [makeTables().netfilter, makeTables().netfilter]
    one.sets.create('friends', 'hash:ip')
    one.restore(text)
    expect(() => other.restore(text)).toThrow("Set friends doesn't exist.")
    one.restore('*nat\n:A - [0:0]\n-A A -j ACCEPT\nCOMMIT\n')
    expect(() => other.restore('*nat\n-A A -j ACCEPT\nCOMMIT\n')).toThrow('line 2 failed')
  })

  it('lead a packet to the chain as it is now, also when one was led to a former one', () => {
    const { netfilter } = makeTables()
    const run = (): string => netfilter.run('input', packet('10.0.0.1', '10.0.0.2', 53), undefined, undefined)
    netfilter.restore('*filter\n:A - [0:0]\n-A INPUT -j A\n-A A -j DROP\nCOMMIT\n')
    expect(run()).toBe('drop')
    netfilter.restore('*filter\n:A - [0:0]\n-A A -j RETURN\nCOMMIT\n', { noflush: true })
    expect(run()).toBe('accept')
    netfilter.command(['-I', 'A', '-p', 'udp', '-j', 'DROP'])
    expect(run()).toBe('drop')
  })

  it('keep the counters that a line sets itself, however often it was read before', () => {
    const text = '*filter\n:A - [0:0]\n-A INPUT -c 5 600 -p tcp -j A\n-A A -c 1 2 -j DROP\nCOMMIT\n'
    for (let i = 0; i < 3; i++) {
      const { netfilter } = makeTables()
      netfilter.restore(text)
      expect(netfilter.save('filter', { counters: true })).toMatch(/\[5:600\] -A INPUT -p tcp -j A\n\[1:2\] -A A -j DROP\n/)
    }
  })

  it('say what is not simulated instead of accepting it', () => {
    const { netfilter } = makeTables()
    expect(netfilter.command(['-A', 'INPUT', '-m', 'cpu', '--cpu', '0', '-j', 'DROP'])).toEqual({
      code: 69, stdout: '', stderr: 'podhop: not simulated: iptables -m cpu (use a rule without it)\n',
    })
  })
})

function packet(source: string, destination: string, port: number): IpPacket {
  return {
    kind: 'ip', version: 4, source, destination, ttl: 64, tos: 0, identification: 0, dontFragment: false, meta: { mark: 0 },
    payload: { kind: 'udp', sourcePort: 9, destinationPort: port, data: NO_DATA },
  }
}

describe('blocks of a whole chain', () => {
  const names = ['A', 'B', 'C', 'D']
  const block = fc.record({ at: fc.nat(3), vouched: fc.boolean(), rules: fc.array(fc.tuple(fc.integer({ min: 50, max: 53 }), fc.constantFrom('ACCEPT', 'RETURN', 'next', 'B', 'NOWHERE')), { maxLength: 4 }) })
    .map(({ at, vouched, rules }): ChainBlock => {
      const jumps = rules.map(([, to]) => (to === 'next' ? (names[at + 1] ?? 'DROP') : to))
      return {
        chain: names[at]!, count: rules.length,
        rules: rules.map(([port], i) => `-A ${names[at]} -p udp --dport ${port} -j ${jumps[i]}`),
        ...(vouched && { jumps: [...new Set(jumps)] }),
      }
    })
  const again = fc.record({ node: fc.nat(1), blocks: fc.array(fc.nat(7), { maxLength: 5 }), enter: fc.constantFrom(undefined, ...names), remove: fc.constantFrom(undefined, ...names), ports: fc.array(fc.integer({ min: 50, max: 53 }), { maxLength: 4 }), command: fc.constantFrom('', '-A A -j DROP', '-D B -p udp --dport 50 -j ACCEPT', '-F C', '-Z', '-E D E') })

  it('do what their lines would do, in each of the namespaces that get them', () => {
    fc.assert(fc.property(fc.array(block, { minLength: 8, maxLength: 8 }), fc.array(again, { minLength: 1, maxLength: 8 }), (blocks, steps) => {
      const fast = [makeTables().netfilter, makeTables().netfilter]
      const slow = [makeTables().netfilter, makeTables().netfilter]
      for (const { node, blocks: chosen, enter, remove, ports, command } of steps) {
        const before = ['*filter', ...(enter ? [`-A INPUT -j ${enter}`] : [])]
        const after = [...(remove ? [`:${remove} - [0:0]`, `-X ${remove}`] : []), 'COMMIT']
        const given = chosen.map((i) => blocks[i]!)
        const outcome = (restore: () => void): string => {
          try {
            restore()
            return 'good'
          } catch (error) {
            return (error as Error).message
          }
        }
        const one = outcome(() => fast[node]!.restore([...before, ...given, ...after], { noflush: true }))
        const other = outcome(() => slow[node]!.restore([...before, ...given.flatMap((b) => [`:${b.chain} - [0:0]`, ...b.rules]), ...after].join('\n'), { noflush: true }))
        expect(one === 'good').toBe(other === 'good')
        for (const all of [fast, slow]) {
          if (command) all[node]!.command(command.split(' '))
          for (const port of ports) all[node]!.run('input', packet('10.0.0.1', '10.0.0.2', port), undefined, undefined)
        }
        for (const i of [0, 1]) expect(fast[i]!.save('filter', { counters: true })).toBe(slow[i]!.save('filter', { counters: true }))
      }
    }), { numRuns: 300 })
  })
})

describe('the index of a chain', () => {
  it('decides as trying rule after rule would, in every chain', () => {
    const address = fc.nat(3).map((n) => `10.0.0.${n}`)
    const rule = fc.record({
      destination: fc.option(address), source: fc.option(address), port: fc.option(fc.integer({ min: 50, max: 53 })), invert: fc.boolean(),
      target: fc.constantFrom('A', 'B', 'ACCEPT', 'RETURN', ''),
    }).map(({ destination, source, port, invert, target }) =>
      `${source === null ? '' : ` -s ${source}`}${destination === null ? '' : `${invert ? ' !' : ''} -d ${destination}`}` +
      `${port === null ? '' : ` -p udp --dport ${port}`}${target === '' ? '' : ` -j ${target}`}`)
    // Runs of like rules, so that the index is used.
    const run = fc.record({ kind: fc.constantFrom('-d', '-s', '--dport'), values: fc.array(fc.nat(3), { minLength: 8, maxLength: 14 }), target: fc.constantFrom('A', 'B', 'ACCEPT', 'RETURN') })
      .map(({ kind, values, target }) => values.map((v) => (kind === '--dport' ? ` -p udp --dport ${50 + v} -j ${target}` : ` ${kind} 10.0.0.${v} -j ${target}`)))
    const rules = fc.array(fc.oneof(rule.map((r) => [r]), run), { maxLength: 6 }).map((r) => r.flat())
    const acyclic = (from: string) => (r: string): string => (from === 'B' ? r.replace(/-j [AB]$/, '-j ACCEPT') : from === 'A' ? r.replace(/-j A$/, '-j B') : r)
    fc.assert(fc.property(rules, rules, rules, fc.array(fc.tuple(address, address, fc.integer({ min: 50, max: 53 })), { minLength: 1, maxLength: 10 }), (input, a, b, packets) => {
      const text = ([['INPUT', input], ['A', a], ['B', b]] as const).flatMap(([chain, list]) => list.map(acyclic(chain)).map((r) => `-A ${chain}${r}`)).join('\n')
      const { netfilter: fast } = makeTables()
      fast.restore(`*filter\n:A - [0:0]\n:B - [0:0]\n${text}\nCOMMIT\n`)
      const { netfilter: slow } = makeTables()
      slow.restore(`*filter\n:A - [0:0]\n:B - [0:0]\n${text}\nCOMMIT\n`)
      for (const [source, destination, port] of packets) {
        fast.run('input', packet(source, destination, port), undefined, undefined)
        linear(slow, packet(source, destination, port))
      }
      expect(fast.save('filter', { counters: true })).toBe(slow.save('filter', { counters: true }))
    }), { numRuns: 150 })
  })
})

/** The same walk with chains that have no index. */
function linear(netfilter: ReturnType<typeof makeTables>['netfilter'], p: IpPacket): void {
  const table = netfilter.table('filter')
  for (const chain of table.chains.values()) {
    chain.find = (from, evaluation) => chain.rules.findIndex((r: Rule, i) => i >= from && ruleMatches(r, evaluation))
  }
  const hook: Hook = 'input'
  traverse(table, table.chains.get('INPUT')!, new Evaluation(netfilter, 'filter', hook, p, undefined, undefined), undefined)
}
