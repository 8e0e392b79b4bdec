import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { decodePcapng, type Hop } from '../../engine/cluster.ts'
import { house } from '../house.samples.ts'
import { PODS, WORLDS } from './reasons.samples.ts'

/** Every way to fail that a journey knows, each brought about by packets, and told in each of the ways that `hop` tells it. */
const PAGES = new URL('../../../assets/explanations/', import.meta.url)
const tshark = ((): boolean => {
  try {
    return execFileSync('tshark', ['--version'], { stdio: ['ignore', 'pipe', 'ignore'] }).length > 0
  } catch {
    return false
  }
})()
if (!tshark) console.warn('SKIPPED: tshark is not here; the capture files of failed journeys are not checked')

/** What tshark has to complain of in a file. */
function complaints(bytes: Uint8Array, name: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'podhop-'))
  try {
    writeFileSync(join(folder, name), bytes)
    const checks = ['ip.check_checksum:TRUE', 'tcp.check_checksum:TRUE', 'udp.check_checksum:TRUE', 'sctp.checksum:TRUE'].flatMap((o) => ['-o', o])
    const status = ['ip', 'tcp', 'udp', 'icmp', 'icmpv6', 'sctp'].map((p) => `${p}.checksum.status`)
    const fields = ['_ws.malformed', ...status].flatMap((f) => ['-e', f])
    const text = execFileSync('tshark', ['-r', join(folder, name), '-d', 'udp.port==8472,vxlan', ...checks, '-T', 'fields', '-E', 'separator=;', ...fields], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return text.split('\n').filter((line) => line !== '').filter((line) => line.split(';')[0] !== '' || line.split(';').slice(1).some((s) => s.split(',').includes('0')))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface Trace { verdict: string; reason: string | null; finalDestination: string | null; sourceSeenByServer: string | null; hops: Hop[]; reply: Hop[] }

describe('the reasons why a journey fails', () => {
  it.each(WORLDS)('$reason: $verdict', ({ reason, verdict, config, manifests, setup, prepare, trace, act }) => {
    const { cluster, run } = house(config)
    cluster.explain = (id) => (existsSync(new URL(`${id}.md`, PAGES)) ? readFileSync(new URL(`${id}.md`, PAGES), 'utf8') : undefined)
    const applied = run('kubectl apply -f - > /dev/null', [PODS, ...(manifests === undefined ? [] : [manifests])].join('---'))
    expect(applied).toEqual({ output: '', code: 0 })
    cluster.settle()
    if (setup !== undefined) run(setup)
    prepare?.(cluster)
    const page = run(`hop explain ${reason}`)
    expect(page.code).toBe(0)
    expect(page.output).toMatch(/^# /)

    if (!trace) {
      const first = cluster.journeys.recent.at(-1)?.id ?? 0
      run(act!)
      const found = cluster.journeys.recent.filter((j) => j.id > first && j.reason === reason)
      expect(found.map((j) => j.verdict)).toContain(verdict)
      expect([...found[0]!.hops, ...found[0]!.reply].some((h) => h.explanation === reason)).toBe(true)
      return
    }
    const { output, code } = run(`hop trace ${trace[0]} "${trace[1]}" -o json --pcap /tmp/t.pcapng`)
    const told = JSON.parse(output) as Trace
    expect(told).toMatchObject({ verdict, reason })
    expect(code).toBe(1)
    expect(Object.keys(told).slice(0, 6)).toEqual(['verdict', 'reason', 'finalDestination', 'sourceSeenByServer', 'hops', 'reply'])
    expect(told.finalDestination === null || /^(\[[\da-f:]+\]|[\d.]+):\d+$|^[\da-f:.]+$/.test(told.finalDestination)).toBe(true)
    // a server that was never reached has seen nobody
    if (verdict !== 'refused') expect(told.sourceSeenByServer === null || told.reply.length > 0).toBe(true)
    // silence and a message out of nowhere have no place; every other failure says where it was
    const failed = [...told.hops, ...told.reply].find((h) => h.explanation === reason)
    expect(failed !== undefined || reason === 'timeout-no-answer' || reason === 'unreachable-icmp').toBe(true)
    if (failed) expect(failed.text).toMatch(/^[^\n]+\.$/)

    const section = decodePcapng(cluster.laptop.fs.readFile('/tmp/t.pcapng'))
    for (const comment of section.packets.flatMap((p) => p.comments)) expect(comment).toMatch(/^[a-z-]+: .+ Decided by \w+( in \S+)?: ./)
    if (tshark && section.packets.length > 0) expect(complaints(cluster.laptop.fs.readFile('/tmp/t.pcapng'), 't.pcapng')).toEqual([])

    const text = run(`hop trace ${trace[0]} "${trace[1]}" --pcap /tmp/t.pcap`).output
    if (reason !== 'unreachable-icmp') expect(text).toContain(`verdict: ${verdict} (${reason}; see: hop explain ${reason})\n`)
    if (tshark) expect(complaints(cluster.laptop.fs.readFile('/tmp/t.pcap'), 't.pcap')).toEqual([])
  })
})
