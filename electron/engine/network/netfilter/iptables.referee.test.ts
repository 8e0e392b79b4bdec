import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { makeTables } from './tables.samples.ts'

/**
 * Debian 12's own iptables 1.8.9 (nf_tables) as referee: every sample goes through `iptables-restore`, `iptables-save`
 * and `iptables -L` in a network namespace of its own, and through ours; output, messages and exit codes must be the same.
 * Needs Linux, root and iptables.
 */
const available = (() => {
  try {
    return process.getuid?.() === 0 && execFileSync('unshare', ['-n', 'iptables', '-V'], { encoding: 'utf8' }).includes('v1.8.9 (nf_tables)')
  } catch {
    return false
  }
})()
if (!available) console.warn('SKIPPED: iptables 1.8.9 as root is not here; rules are not compared with the real tool')

const SAMPLES = new URL('./iptables.samples.txt', import.meta.url)
const lines = readFileSync(SAMPLES, 'utf8').split('\n').filter((l) => l !== '' && !l.startsWith('#'))

interface Result {
  code: number
  error: string
  save: string
  list: string
  plain: string
}

/** All in one namespace and one shell, for speed; results come back between marks. */
const SCRIPT = `
import json, subprocess, sys
def run(args, text=''):
    r = subprocess.run(args, input=text, capture_output=True, text=True)
    return r.returncode, r.stdout, r.stderr
out = []
for table, rule in json.load(sys.stdin):
    run(['iptables', '-t', table, '-F']); run(['iptables', '-t', table, '-X'])
    code, _, error = run(['iptables-restore'], '*%s\\n:ALPHA - [0:0]\\n:ZED - [0:0]\\n%s\\nCOMMIT\\n' % (table, rule))
    chain = rule.split()[1] if rule.startswith('-') else 'ALPHA'
    save = [l for l in run(['iptables-save', '-t', table])[1].split('\\n') if l.startswith('-A')]
    out.append({'code': code, 'error': error, 'save': '\\n'.join(save) if code == 0 else '',
      'list': run(['iptables', '-t', table, '-nvL', chain, '--line-numbers'])[1] if code == 0 else '',
      'plain': run(['iptables', '-t', table, '-nL', chain])[1] if code == 0 else ''})
print(json.dumps(out))
`

function real(samples: readonly [string, string][]): Result[] {
  const result = spawnSync('unshare', ['-n', 'python3', '-c', SCRIPT], { input: JSON.stringify(samples), encoding: 'utf8', maxBuffer: 1 << 26 })
  if (result.status !== 0) throw new Error(result.stderr)
  return JSON.parse(result.stdout) as Result[]
}

function ours([table, rule]: [string, string]): Result {
  const { netfilter } = makeTables()
  try {
    netfilter.restore(`*${table}\n:ALPHA - [0:0]\n:ZED - [0:0]\n${rule}\nCOMMIT\n`)
  } catch (error) {
    return { code: (error as { code?: number }).code ?? -1, error: (error as Error).message, save: '', list: '', plain: '' }
  }
  const chain = rule.startsWith('-') ? rule.split(/\s+/)[1]! : 'ALPHA'
  return {
    code: 0, error: '', save: netfilter.save(table).split('\n').filter((l) => l.startsWith('-A')).join('\n'),
    list: netfilter.command(['-t', table, '-nvL', chain, '--line-numbers']).stdout,
    plain: netfilter.command(['-t', table, '-nL', chain]).stdout,
  }
}

describe.skipIf(!available)('iptables 1.8.9 says the same', () => {
  const samples = lines.map((l): [string, string] => [l.slice(0, l.indexOf(' ')), l.slice(l.indexOf(' ') + 1)])
  const expected = available ? real(samples) : []
  samples.forEach((sample, i) => {
    it(sample.join(' '), () => {
      expect(ours(sample)).toEqual(expected[i])
    })
  })

  it('of a session of commands', () => {
    const commands = readFileSync(new URL('./iptables.session.txt', import.meta.url), 'utf8').split('\n').filter((l) => l !== '' && !l.startsWith('#'))
    const script = `
import json, subprocess, sys
out = []
for c in json.load(sys.stdin):
    r = subprocess.run(['iptables'] + c.split(), capture_output=True, text=True)
    out.append([c, r.returncode, r.stdout, r.stderr])
print(json.dumps(out))`
    const result = spawnSync('unshare', ['-n', 'python3', '-c', script], { input: JSON.stringify(commands), encoding: 'utf8' })
    const { netfilter } = makeTables()
    const mine = commands.map((c) => {
      const { code, stdout, stderr } = netfilter.command(c.split(/\s+/))
      return [c, code, stdout, stderr]
    })
    expect(mine).toEqual(JSON.parse(result.stdout))
  })

  it('of whole files with mistakes', () => {
    const files = readFileSync(new URL('./iptables.files.txt', import.meta.url), 'utf8').split('----\n')
    const { netfilter } = makeTables()
    const script = `
import json, subprocess, sys
out = []
for f in json.load(sys.stdin):
    args = ['iptables-restore'] + (['--noflush'] if f.startswith('#noflush') else [])
    r = subprocess.run(args, input=f, capture_output=True, text=True)
    s = subprocess.run(['iptables-save'], capture_output=True, text=True)
    out.append([f, r.returncode, r.stderr, '\\n'.join(l for l in s.stdout.split('\\n') if not l.startswith('#'))])
print(json.dumps(out))`
    const result = spawnSync('unshare', ['-n', 'python3', '-c', script], { input: JSON.stringify(files), encoding: 'utf8' })
    const mine = files.map((f) => {
      let failure: [number, string] = [0, '']
      try {
        netfilter.restore(f, { noflush: f.startsWith('#noflush') })
      } catch (error) {
        failure = [(error as { code?: number }).code ?? -1, (error as Error).message]
      }
      return [f, ...failure, netfilter.save()]
    })
    expect(mine).toEqual(JSON.parse(result.stdout))
  })
})
