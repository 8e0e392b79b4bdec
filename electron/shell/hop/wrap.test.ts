import { expect, test } from 'vitest'
import { house } from '../house.samples.ts'
import { wrapped } from './wrap.ts'

test('a paragraph is broken between words', () => {
  expect(wrapped('The routing table has no entry that matches the destination, and there is no default route.\n\nCompare.\n', 60)).toBe(
    'The routing table has no entry that matches the destination,\nand there is no default route.\n\nCompare.\n',
  )
})

test('what goes on stands under the text: of a list, of a table, of an indented line', () => {
  expect(wrapped('- ip route on the node shows whether there is a way to the other network', 50)).toBe('- ip route on the node shows whether there is a\n  way to the other network')
  expect(wrapped('dns-down            no name of the cluster is answered any more by anybody', 50)).toBe('dns-down            no name of the cluster is\n                    answered any more by anybody')
  expect(wrapped('      by route in main: 10.244.2.0/24 dev cbr0 proto kernel scope link', 50)).toBe('      by route in main: 10.244.2.0/24 dev cbr0\n      proto kernel scope link')
})

test('a text far to the right goes on near the left', () => {
  expect(wrapped(`${'x'.repeat(40)}  one two three four five six`, 50)).toBe(`${'x'.repeat(40)}  one two\n      three four five six`)
})

test('no word is broken, nothing is lost, and lines have no blanks at their end', () => {
  const text = 'see https://example.org/a-very-long-address-that-has-no-blank-in-it-and-is-longer-than-the-terminal and go on from there'
  const lines = wrapped(text, 50).split('\n')
  expect(lines.join(' ')).toBe(text)
  expect(lines.at(-1)).toBe('and go on from there')
  expect(lines.filter((line) => line.endsWith(' '))).toEqual([])
})

test('without a terminal, or in a very narrow one, lines stay whole', () => {
  const text = 'word '.repeat(40)
  expect(wrapped(text, undefined)).toBe(text)
  expect(wrapped(text, 20)).toBe(text)
})

test('in a terminal hop trace, explain and fault list fit the window; in a file they have whole lines', () => {
  const { cluster, run, open } = house({ nodes: 2, cni: 'flannel' })
  const sentence = 'The routing table has no entry that matches the destination, and there is no default route either. '
  cluster.explain = () => `# No route\n\n${sentence.repeat(4)}\n\n- ${sentence.repeat(2)}\n`
  const terminal = open()
  for (const command of ['hop trace node/worker-1 172.18.0.2:81', 'hop explain drop-no-route', 'hop fault list']) {
    const shown = terminal.type(`${command}\r`, 3_000).split('\n').slice(1, -1)
    expect(shown.length).toBeGreaterThan(4)
    expect(shown.filter((line) => line.length > 100)).toEqual([])
    const whole = run(command).output
    expect(whole.split('\n').some((line) => line.length > 100)).toBe(true)
    if (!command.includes('trace')) expect(shown.join(' ').split(/ +/).join(' ').trim()).toBe(whole.split(/\s+/).join(' ').trim())
  }
})

test('what decided a hop stands below the text of the hop', () => {
  const { run } = house({ nodes: 2, cni: 'flannel' })
  const lines = run('hop trace node/worker-1 172.18.0.2:81').output.split('\n')
  const by = lines.findIndex((line) => line.trimStart().startsWith('by '))
  expect(lines[by - 1]!.slice(0, 31)).toMatch(/^ +\d+ .* $/)
  expect(lines[by]!.indexOf('by ')).toBe(31)
})

test('IPv6 packets have a hop limit, those of IPv4 a TTL', () => {
  const { run } = house({ nodes: 3, cni: 'flannel', ipFamilies: ['IPv4', 'IPv6'], podCIDR: '10.244.0.0/16,fd00:10:244::/56', serviceCIDR: '10.96.0.0/12,fd00:10:96::/112' })
  const lifetimes = (to: string): string[] => [...new Set(run(`hop trace node/worker-1 ${to}`).output.match(/TTL|hop limit(?= \d)/g) ?? [])]
  expect([lifetimes('fd00:10:244:2::99'), lifetimes('10.244.2.99')]).toEqual([['hop limit'], ['TTL']])
})
