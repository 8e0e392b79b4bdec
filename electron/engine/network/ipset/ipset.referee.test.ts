import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { makeTables } from '../netfilter/tables.samples.ts'
import { ipsetCommand } from './command.ts'

/**
 * Debian 12's ipset 7.17 and the kernel's sets as referee: a session of commands goes through both. Not compared: the order
 * of a hash's elements, its seed and size in memory; how many seconds are left. Needs Linux with ip_set, root and ipset.
 */
const available = (() => {
  try {
    return process.getuid?.() === 0 && spawnSync('unshare', ['-n', 'ipset', 'create', 'a', 'hash:ip,port,net']).status === 0 &&
      execFileSync('unshare', ['-n', 'ipset', 'version'], { encoding: 'utf8' }).startsWith('ipset v7.17')
  } catch {
    return false
  }
})()
if (!available) console.warn('SKIPPED: ipset 7.17 as root, or ip_set in the kernel, is not here; sets are not compared with the real ones')

const lines = readFileSync(new URL('./session.txt', import.meta.url), 'utf8').split('\n').filter((l) => l !== '' && !l.startsWith('#'))

function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|\S+/g)].map((m) => (m[1] === undefined ? m[0] : m[1].replace(/\\"/g, '"')))
}

const SCRIPT = `
import json, subprocess, sys
out = []
for args in json.load(sys.stdin):
    r = subprocess.run(['ipset'] + args, input='', capture_output=True, text=True)
    out.append('%s%s[%d]' % (r.stdout, r.stderr, r.returncode))
print(json.dumps(out))
`

function real(): string[] {
  const result = spawnSync('unshare', ['-n', 'python3', '-c', SCRIPT], { input: JSON.stringify(lines.map(wordsOf)), encoding: 'utf8', maxBuffer: 1 << 26 })
  if (result.status !== 0) throw new Error(result.stderr)
  return JSON.parse(result.stdout) as string[]
}

/** Elements in one order, without what is chance. */
function plain(text: string): string {
  const sorted: string[] = []
  const members: string[] = []
  const flush = (): void => void sorted.push(...members.splice(0).sort())
  for (const line of text.split('\n')) {
    const clean = line.replace(/(initval>? ?)0x[0-9a-f]{8}/, '$1X').replace(/^Size in memory: .*|<memsize>.*/, 'SIZE').replace(/timeout(>| )\d+/, 'timeout$1T')
    if (/^(add |\d|fd|<member>)/.test(line)) members.push(clean)
    else {
      flush()
      sorted.push(clean)
    }
  }
  flush()
  return sorted.join('\n')
}

describe.skipIf(!available)('ipset 7.17 says the same', () => {
  it('of a session of commands', () => {
    const expected = real()
    const { netfilter } = makeTables()
    lines.forEach((line, i) => {
      const { code, stdout, stderr } = ipsetCommand(netfilter.sets, wordsOf(line), 0)
      expect(`$ ${line}\n${plain(`${stdout}${stderr}[${code}]`)}`).toBe(`$ ${line}\n${plain(expected[i]!)}`)
    })
  })
})
