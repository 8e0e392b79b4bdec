import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { diff } from '../../electron/bridge/patch.ts'
import type { ViewModel } from '../../electron/bridge/view.ts'
import { FakeHost } from '../dev/host.ts'
import { clockTime, clusterNow, uptime } from './clock.ts'
import { TerminalOutput } from './output.ts'
import { receive } from './patches.ts'

describe('the view model and its patches', () => {
  const held = { version: 7, view: new FakeHost(new URLSearchParams()).view }

  test('old patches change nothing, missing ones ask for the whole', () => {
    expect(receive(held, 7, [{ path: ['cluster', 'cni'], value: 'calico' }])).toBe(held)
    expect(receive(held, 9, [])).toBe('gap')
  })

  test('the next ones apply, and leave untouched what they do not name', () => {
    const next = receive(held, 8, [{ path: ['cluster', 'cni'], value: 'calico' }])
    if (next === 'gap') throw new Error('there is no gap')
    expect(next.view.cluster.cni).toBe('calico')
    expect(next.view.topology).toBe(held.view.topology)
    expect(held.view.cluster.cni).toBe('flannel')
  })

  test('what the host differs by is what the window arrives at', () => {
    const tree = fc.letrec((tie) => ({ tree: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.array(fc.integer()), tie('tree')), { maxKeys: 4 }) })).tree
    fc.assert(
      fc.property(tree, tree, (before, after) => {
        const next = receive({ version: 0, view: before as unknown as ViewModel }, 1, diff(before, after))
        if (next === 'gap') throw new Error('there is no gap')
        expect(next.view).toEqual(after)
      }),
    )
  })
})

describe('the cluster’s clock', () => {
  test('runs on by itself between what the host tells, and stands still when paused', () => {
    const clock = { now: 60_000, epoch: Date.UTC(2025, 0, 1, 9), paused: false, speed: 5 }
    expect(clusterNow(clock, 2000)).toBe(70_000)
    expect(clusterNow({ ...clock, paused: true }, 2000)).toBe(60_000)
    expect(clockTime(clock.epoch + clock.now)).toBe('09:01:00')
  })

  test('is worded short', () => {
    expect([9_000, 74_000, 7_500_000].map(uptime)).toEqual(['9s', '1m14s', '2h05m'])
  })
})

test('output reaches whoever draws that terminal, until it stops', () => {
  const output = new TerminalOutput()
  const seen: string[] = []
  const stop = output.on('t1', (data) => seen.push(data))
  output.write('t1', 'a')
  output.write('t2', 'b')
  stop()
  output.write('t1', 'c')
  expect(seen).toEqual(['a'])
})
