import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { SmallCluster } from '../cni/small-cluster.samples.ts'
import { findImage } from './images/catalog.ts'
import { pi } from './perl.ts'

/** What the perl of this machine says of π; undefined: there is none with bignum. */
function asked(digits: number): string | undefined {
  try {
    return execFileSync('perl', ['-Mbignum=bpi', '-we', `print bpi(${digits})`], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }) || undefined
  } catch {
    return undefined
  }
}

describe('perl counts π', () => {
  // Math::BigInt of some releases loses itself beyond a few hundred digits
  const referee = asked(5) === undefined
  it.skipIf(referee)('rounded as Math::BigFloat rounds it', () => {
    for (const digits of [1, 2, 3, 5, 10, 20, 41, 100, 140]) expect(pi(digits), String(digits)).toBe(asked(digits))
  })

  it('carries over the six nines behind its 761st decimal', () => {
    expect([pi(768).slice(-9), pi(770).slice(-11), pi(775).slice(-13)]).toEqual(['135000000', '13499999984', '9999998372978'])
    expect(pi(2000)).toHaveLength(2001)
  })

  it('and does nothing else', () => {
    const cluster = new SmallCluster('bridge', ['worker-1'])
    const run = (name: string, ...command: string[]): [number | undefined, string] => {
      const pod = cluster.pod(name, 'worker-1', 'perl:5.34.0', { command })
      cluster.clock.runFor(10_000)
      return [pod.process.status?.code, pod.output()]
    }
    expect(run('pi', 'perl', '-Mbignum=bpi', '-wle', 'print bpi(20)')).toEqual([0, '3.1415926535897932385\n'])
    expect(run('bare', 'perl', '-Mbignum=bpi', '-we', 'print bpi(3);')).toEqual([0, '3.14'])
    expect(run('else', 'perl', '-e', 'print 1')).toEqual([69, expect.stringMatching(/^podhop: not simulated: perl -e print 1 \(/)])
    expect(run('endless', 'perl', '-Mbignum=bpi', '-wle', 'print bpi(999999999)')).toEqual([69, expect.stringContaining('not simulated')])
    expect(['perl', 'perl:5.34', 'perl:5.40-slim', 'perl:5.35', 'perl:6'].map((name) => findImage(name) !== undefined)).toEqual([true, true, true, false, false])
  })
})
