import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Clock } from '../../clock.ts'
import { Nftables } from './nftables.ts'

/** nft 1.0.6 of Debian 12 and the kernel: the same commands in both, the same listings and the same messages. */
const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`
const version = spawnSync('unshare', ['-n', 'nft', '--version'], { env: { PATH }, encoding: 'utf8' })
const available = version.status === 0 && version.stdout.includes('v1.0.6')
if (!available) console.warn('SKIPPED: nft against nft 1.0.6 and the Linux kernel (needs root, unshare and that nft)')

const sample = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8')

/** Runs command lines one after the other in a new network namespace; what each printed. */
function real(lines: readonly string[]): string[] {
  const script = 'while IFS= read -r l; do nft "$l" 2>&1; printf "\\0"; done'
  const out = execFileSync('unshare', ['-n', 'bash', '-c', script], { env: { PATH }, encoding: 'utf8', input: `${lines.join('\n')}\n`, maxBuffer: 1 << 26 })
  return out.split('\0').slice(0, -1)
}

function ours(lines: readonly string[]): string[] {
  const nft = new Nftables(new Clock({ seed: 1 }), () => undefined)
  return lines.map((line) => {
    const { stdout, stderr } = nft.run(line)
    return stdout + stderr
  })
}

/** Time goes by in the kernel. */
const plain = (text: string): string => text.replaceAll(/expires [\dhms]+/g, 'expires …')

describe.skipIf(!available)('nft', () => {
  test.each(sample('./session.txt').split('# ---\n').filter((s) => s !== '').map((s, i) => [i + 1, s] as const))('does and says what the real one does: session %i', (_, session) => {
    const lines = session.trim().split('\n')
    const expected = real(lines)
    for (const [i, text] of ours(lines).entries()) expect(`> ${lines[i]!}\n${plain(text)}`).toBe(`> ${lines[i]!}\n${plain(expected[i]!)}`)
  })

  test('reads a file as it does', () => {
    const nft = new Nftables(new Clock({ seed: 1 }), () => undefined)
    expect(nft.run(sample('./files.nft'), { file: 'x' })).toEqual({ code: 0, stdout: '', stderr: '' })
    const lists = ['list ruleset', 'list tables', 'list chains', 'list sets', 'list maps']
    for (const flags of ['', '-a', '-n', '-s', '-t', '-y']) {
      const expected = execFileSync('unshare', ['-n', 'bash', '-c', `nft -f - && for w in ${lists.map((l) => `"${l}"`).join(' ')}; do nft ${flags} "$w"; done`], { env: { PATH }, encoding: 'utf8', input: sample('./files.nft') })
      const options = { '-a': { handles: true }, '-n': { numeric: true }, '-s': { stateless: true }, '-t': { terse: true }, '-y': { numericPriority: true } }[flags] ?? {}
      expect(lists.map((l) => nft.run(l, options).stdout).join('')).toBe(expected)
    }
  })

  test.each(sample('./session.txt').split('# ---\n').filter((s) => s !== '').map((s, i) => [i + 1, s] as const))('lists as JSON what session %i made', (_, session) => {
    const lines = session.trim().split('\n').filter((l) => !l.startsWith('list'))
    const commands = ['list ruleset', 'list tables', 'list chains', 'list sets', 'list maps', 'list counters']
    const script = 'while IFS= read -r l; do nft "$l" >/dev/null 2>&1; done; ' + commands.map((c) => `nft -j ${c}; nft -s -t -j ${c}`).join('; ')
    const expected = execFileSync('unshare', ['-n', 'bash', '-c', script], { env: { PATH }, encoding: 'utf8', input: `${lines.join('\n')}\n`, maxBuffer: 1 << 26 })
    const nft = new Nftables(new Clock({ seed: 1 }), () => undefined)
    for (const line of lines) nft.run(line)
    const flat = (text: string): string => text.replaceAll(/"expires": \d+/g, '"expires": N').replaceAll('}}, ', '}},\n')
    expect(flat(commands.map((c) => nft.run(c, { json: true }).stdout + nft.run(c, { json: true, stateless: true, terse: true }).stdout).join(''))).toBe(flat(expected))
  })

  test('what it lists it reads again, and lists the same', () => {
    const nft = new Nftables(new Clock({ seed: 1 }), () => undefined)
    nft.run(sample('./files.nft'), { file: 'x' })
    const listing = nft.run('list ruleset').stdout
    const again = new Nftables(new Clock({ seed: 1 }), () => undefined)
    expect(again.run(listing, { file: 'x' }).stderr).toBe('')
    expect(again.run('list ruleset').stdout).toBe(listing)
  })

  const port = fc.integer({ min: 1, max: 65_535 })
  const ip = fc.tuple(fc.integer({ min: 1, max: 223 }), fc.nat(255), fc.nat(255), fc.nat(255)).filter(([a]) => a !== 127).map((p) => p.join('.'))
  const prefix = fc.tuple(ip, fc.integer({ min: 1, max: 32 })).map(([a, l]) => `${a}/${l}`)
  const ports = fc.oneof(port.map(String), fc.tuple(port, port).filter(([a, b]) => a < b).map(([a, b]) => `${a}-${b}`))
  const set = (item: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.uniqueArray(item, { minLength: 1, maxLength: 5 }).map((all) => `{ ${all.join(', ')} }`)
  const not = fc.constantFrom('', '', '!= ')
  const match = fc.oneof(
    fc.tuple(fc.constantFrom('ip saddr', 'ip daddr'), not, fc.oneof(ip, prefix, set(ip))).map((p) => p.join(' ')),
    fc.tuple(fc.constantFrom('tcp dport', 'tcp sport'), not, fc.oneof(ports, set(port.map(String)))).map((p) => p.join(' ')),
    fc.tuple(fc.constantFrom('ct state'), not, fc.subarray(['new', 'established', 'related', 'invalid'], { minLength: 1 }).map((s) => s.join(','))).map((p) => p.join(' ')),
    fc.tuple(fc.constantFrom('iifname', 'oifname'), not, fc.constantFrom('"eth0"', 'lo', '"veth*"', '{ "eth0", "lo" }')).map((p) => p.join(' ')),
    fc.tuple(fc.constantFrom('meta mark', 'ct mark'), fc.constantFrom('', '& 0xff == ', '!= ', '& 0x4000 != '), fc.nat(255).map(String)).map((p) => p.join(' ')),
    fc.constantFrom('meta l4proto tcp', 'fib daddr type local', 'fib saddr type != local', 'ip protocol tcp', 'meta nfproto ipv4', 'ct direction original', 'ct status dnat', 'counter'),
  )
  const end = fc.constantFrom('accept', 'drop', 'return', 'counter', 'jump other', 'goto other', 'meta mark set mark or 0x10', 'ct mark set meta mark and 0xff', 'log prefix "x "', 'limit rate 3/minute burst 7 packets accept', '')
  const rule = fc.tuple(fc.array(match, { minLength: 1, maxLength: 3 }), end, fc.constantFrom('', '', 'comment "why"')).map(([matches, verdict, comment]) => [...matches, verdict, comment].filter((p) => p !== '').join(' '))

  test('prints random rules as the real one does', () => {
    fc.assert(
      fc.property(fc.constantFrom('ip', 'inet'), fc.array(rule, { minLength: 20, maxLength: 20 }), (family, rules) => {
        const lines = [`add table ${family} t`, `add chain ${family} t other`, `add chain ${family} t c`, ...rules.map((r) => `add rule ${family} t c ${r}`), `list table ${family} t`]
        expect(ours(lines).map((text, i) => [lines[i], text])).toEqual(real(lines).map((text, i) => [lines[i], text]))
      }),
      { numRuns: 10, seed: Number(process.env['PODHOP_SEED'] ?? 1), endOnFailure: true },
    )
  }, 120_000)
})
