import { describe, expect, test } from 'vitest'
import { makeNode } from '../../engine/network/shapes.samples.ts'
import { realNetwork, testMachine, type TestMachine } from './machines.samples.ts'

/** tc of iproute2 6.1; the words are those of Debian 12's own, on Linux 6.1 and later. */
function lab(): { one: TestMachine; two: TestMachine; run(line: string): string } {
  const network = realNetwork()
  const [a, b] = [makeNode(network, 1), makeNode(network, 2)]
  const [one, two] = [testMachine(a.node), testMachine(b.node)]
  return { one, two, run: (line) => {
    const { stdout, stderr, code } = one.run(line)
    return `${stdout}${stderr}${code === 0 ? '' : `exit ${code}\n`}`
  } }
}

const times = (text: string): number[] => [...text.matchAll(/time=([\d.]+) ms/g)].map((m) => Number(m[1]))

describe('netem', () => {
  test('delay and jitter: what leaves comes later, what comes in does not', () => {
    const { one, two, run } = lab()
    const before = times(run('ping -c 3 172.18.0.3'))
    expect(Math.max(...before)).toBeLessThan(5)
    expect(run('tc qdisc add dev eth0 root netem delay 100ms')).toBe('')
    for (const ms of times(run('ping -c 3 172.18.0.3'))) expect(Math.floor(ms / 10)).toBe(10)
    for (const ms of times(two.run('ping -c 3 172.18.0.2').stdout)) expect(Math.floor(ms / 10)).toBe(10)
    expect(run('tc qdisc change dev eth0 root netem delay 100ms 20ms')).toBe('')
    const shaken = times(run('ping -c 20 172.18.0.3'))
    expect(Math.min(...shaken)).toBeGreaterThan(79)
    expect(Math.max(...shaken)).toBeLessThan(125)
    expect(Math.max(...shaken) - Math.min(...shaken)).toBeGreaterThan(10)
    expect(run('tc qdisc del dev eth0 root')).toBe('')
    expect(Math.max(...times(run('ping -c 3 172.18.0.3')))).toBeLessThan(5)
    expect(one.network.links.get('eth0')!.qdisc).toBeUndefined()
  })

  test('loss: some packets never leave, and are counted', () => {
    const { run } = lab()
    run('ping -c 1 172.18.0.3')
    run('tc qdisc add dev eth0 root netem loss 50%')
    const lost = Number(/(\d+)% packet loss/.exec(run('ping -c 100 -i 0.2 172.18.0.3'))![1])
    expect(lost).toBeGreaterThan(30)
    expect(lost).toBeLessThan(70)
    expect(run('tc -s qdisc show dev eth0')).toMatch(new RegExp(`^qdisc netem 8001: root refcnt 2 limit 1000 loss 50%\n Sent \\d+ bytes \\d+ pkt \\(dropped ${lost}, overlimits 0 requeues 0\\) \n backlog 0b 0p requeues 0\n$`))
    run('tc qdisc replace dev eth0 root netem loss 100%')
    expect(run('ping -c 2 -W 1 172.18.0.3')).toContain('100% packet loss')
  })

  test('how it is shown', () => {
    const { run } = lab()
    expect(run('tc qdisc show dev lo')).toBe('qdisc noqueue 0: root refcnt 2 \n')
    expect(run('tc qdisc').split('\n')[0]).toBe('qdisc noqueue 0: dev lo root refcnt 2 ')
    for (const [given, shown] of [['delay 1.5s 200us loss 0.5', 'delay 1.5s  200us loss 0.5%'], ['delay 50', 'delay 50us'], ['delay 1234ms limit 7', 'limit 7 delay 1.23s'], ['loss random 1.5%', 'loss 1.5%']] as const) {
      run(`tc qdisc replace dev eth0 root handle 10: netem ${given}`)
      expect(run('tc qdisc show dev eth0')).toBe(`qdisc netem 10: root refcnt 2 ${shown.startsWith('limit') ? '' : 'limit 1000 '}${shown}\n`)
    }
    expect(run('tc -j qdisc show dev eth0')).toBe('[{"kind":"netem","handle":"10:","root":true,"refcnt":2,"options":{"limit":1000,"loss-random":{"loss":0.015,"correlation":0},"ecn":false,"gap":0}}]\n')
    expect(run('tc -j -p qdisc show dev lo')).toBe('[ {\n        "kind": "noqueue",\n        "handle": "0:",\n        "root": true,\n        "refcnt": 2,\n        "options": {}\n    } ]\n')
    expect(run('ip link show eth0')).toContain(' qdisc netem state UP ')
    expect(run('tc class show dev eth0') + run('tc filter show dev eth0')).toBe('')
    expect(run('tc -V')).toBe('tc utility, iproute2-6.1.0, libbpf 1.1.2\n')
  })

  test.each([
    ['tc foo', 'Object "foo" is unknown, try "tc help".\nexit 1\n'],
    ['tc qdisc foo', 'Command "foo" is unknown, try "tc qdisc help".\nexit 1\n'],
    ['tc qdisc show dev nope', 'Cannot find device "nope"\nexit 1\n'],
    ['tc qdisc add dev nope root netem', 'Cannot find device "nope"\nexit 1\n'],
    ['tc qdisc add root netem', 'RTNETLINK answers: No such device\nexit 2\n'],
    ['tc qdisc add dev eth0 netem delay 1s', 'Error: Handle cannot be zero.\nexit 2\n'],
    ['tc qdisc add dev eth0 root foo', 'Error: Specified qdisc kind is unknown.\nexit 2\n'],
    ['tc qdisc add dev eth0 root netem delay foo', 'Illegal "latency"\nexit 1\n'],
    ['tc qdisc change dev eth0 root netem delay 1ms', 'Error: Qdisc not found. To create specify NLM_F_CREATE flag.\nexit 2\n'],
    ['tc qdisc del dev eth0 root', 'Error: Cannot delete qdisc with handle of zero.\nexit 2\n'],
    ['tc qdisc del dev eth0 root netem', 'Error: Invalid qdisc name: must match existing qdisc.\nexit 2\n'],
    ['tc qdisc add dev eth0 root tbf rate 1mbit burst 32kbit latency 400ms', 'podhop: not simulated: the queue discipline tbf (use tc qdisc with netem delay, loss and limit, or hop fault apply)\nexit 69\n'],
    ['tc qdisc add dev eth0 root netem duplicate 1%', 'podhop: not simulated: netem duplicate (use tc qdisc with netem delay, loss and limit, or hop fault apply)\nexit 69\n'],
    ['tc filter add dev eth0 protocol ip u32', 'podhop: not simulated: tc filter add (use tc qdisc with netem delay, loss and limit, or hop fault apply)\nexit 69\n'],
  ])('%s', (line, said) => {
    expect(lab().run(line)).toBe(said)
  })

  test('what is there already, and what is not known', () => {
    const { run } = lab()
    run('tc qdisc add dev eth0 root netem delay 1ms')
    expect(run('tc qdisc add dev eth0 root netem delay 2ms')).toBe('Error: Exclusivity flag on, cannot modify.\nexit 2\n')
    expect(run('tc qdisc show dev eth0')).toContain('delay 1ms')
    expect(run('tc qdisc add dev eth0 root netem foo 1')).toMatch(/^What is "foo"\?\nUsage: \.\.\. netem \[ limit PACKETS \]\n/)
  })
})
