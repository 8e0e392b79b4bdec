import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { frameLength } from '../../electron/engine/network/packets.ts'
import { encodeFrame } from '../../electron/engine/network/wire/frame.ts'
import { encodePcap } from '../../electron/engine/network/wire/pcap.ts'
import { compileFilter } from '../../electron/shell/nettools/tcpdump/filter.ts'
import { filterText, frames, vlanFilterText } from '../../electron/shell/nettools/tcpdump/filters.samples.ts'

/** libpcap as referee: tcpdump reads the same packets through the same filters. */
function works(): boolean {
  try {
    return execFileSync('sh', ['-c', 'tcpdump --version 2>&1'], { encoding: 'utf8' }).includes('libpcap version 1.10')
  } catch {
    return false
  }
}
const available = works()
if (!available) console.warn('SKIPPED: filters are not compared with libpcap (needs tcpdump with libpcap 1.10)')

describe.skipIf(!available)('libpcap agrees', () => {
  it('on which packets pass which filters', () => {
    const runs = process.env.PODHOP_DEEP ? 1000 : 150
    const packets = fc.sample(frames, { numRuns: 400, seed: 7 })
    const folder = mkdtempSync(join(tmpdir(), 'podhop-'))
    try {
      const path = join(folder, 'packets.pcap')
      // the time tells which packet it is
      writeFileSync(path, encodePcap(packets.map((frame, i) => ({ at: (i + 1) * 1000, frame }))))
      for (const text of [...fc.sample(filterText, { numRuns: runs, seed: 11 }), ...fc.sample(vlanFilterText, { numRuns: runs, seed: 12 })]) {
        const real = spawnSync('tcpdump', ['-ntt', '-r', path, text], { encoding: 'utf8' })
        // it also sees that an expression can never be true, and then does not begin
        if (real.status !== 0 && !real.stderr.includes('expression rejects all packets')) throw new Error(`${text}: ${real.stderr}`)
        const expected = [...real.stdout.matchAll(/^(\d+)\.000000 /gm)].map((m) => Number(m[1]) - 1)
        const filter = compileFilter(text)
        const passed = packets.flatMap((frame, i) => (filter({ frame, direction: 'in', bytes: () => encodeFrame(frame), length: () => frameLength(frame) }) ? [i] : []))
        expect(`${text}: ${passed.join(' ')}`).toBe(`${text}: ${expected.join(' ')}`)
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  }, 120_000)
})
