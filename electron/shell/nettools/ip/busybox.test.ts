import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../../house.samples.ts'

/** What tutorials show of `ip` in busybox' and Alpine's images; lines as busybox 1.35 of Debian 12 prints them in a network namespace with a veth. */
let lab: House
const inPod = (pod: string, command: string): string => lab.run(`kubectl exec ${pod} -- ${command}`).output
beforeAll(() => {
  lab = house({ cni: 'bridge', nodes: 2 })
  lab.run('kubectl run bb --image=busybox -- sleep infinity; kubectl run alp --image=alpine -- sleep infinity; kubectl wait --for=condition=Ready pod --all')
})

describe("busybox' ip", () => {
  it('has no group and no namespace of the other end, which it takes for a link that is down; Alpine’s tells the state', () => {
    const [name, mac] = [/eth0@(if\d+)/, /link\/ether (\S+)/].map((sign) => sign.exec(inPod('bb', 'ip link'))![1]!)
    expect(inPod('bb', 'ip addr')).toBe(`1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
    inet6 ::1/128 scope host${' '}
       valid_lft forever preferred_lft forever
2: eth0@${name}: <BROADCAST,MULTICAST,UP,LOWER_UP,M-DOWN> mtu 1500 qdisc noqueue qlen 1000
    link/ether ${mac} brd ff:ff:ff:ff:ff:ff
    inet ${inPod('bb', 'hostname -i').trim()}/24 brd 10.244.1.255 scope global eth0
       valid_lft forever preferred_lft forever
${inPod('bb', 'ip addr').split('\n').slice(-3).join('\n')}`)
    expect(inPod('bb', 'ip -4 a show eth0')).toMatch(/^2: eth0@if\d+: .* qlen 1000\n {4}inet \S+ brd 10\.244\.1\.255 scope global eth0\n {7}valid_lft forever preferred_lft forever\n$/)
    expect(inPod('bb', 'ip -o link')).toMatch(/^1: lo: .* qlen 1000\\ {4}link\/loopback \S+ brd \S+\n2: eth0@.*\\ {4}link\/ether \S+ brd ff:ff:ff:ff:ff:ff\n$/)
    expect(inPod('alp', 'ip link')).toMatch(/^1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN qlen 1000\n.*\n2: eth0@if\d+: <BROADCAST,MULTICAST,UP,LOWER_UP,M-DOWN> mtu 1500 qdisc noqueue state UP qlen 1000\n/)
  })

  it('shows routes, ways and neighbours in its own order', () => {
    const [ip] = inPod('bb', 'hostname -i').trim().split(' ')
    expect(inPod('bb', 'ip route')).toBe(`default via 10.244.1.1 dev eth0 \n10.244.1.0/24 dev eth0 scope link  src ${ip} \n`)
    expect(inPod('bb', 'ip r get 1.1.1.1')).toBe(`1.1.1.1 via 10.244.1.1 dev eth0  src ${ip} \n`)
    inPod('bb', 'ping -c 1 10.244.1.1')
    expect(inPod('bb', 'ip neigh')).toMatch(/^10\.244\.1\.1 dev eth0 lladdr \S+ ref 1 used \d+\/\d+\/\d+ probes \d+ (REACHABLE|DELAY|STALE)\n$/)
    expect(inPod('bb', 'ip rule')).toBe('0:\tfrom all lookup local \n32766:\tfrom all lookup main \n32767:\tfrom all lookup default \n')
  })

  it('knows few options and objects, and has words of its own', () => {
    for (const words of ['-br addr', '-s link', '-j addr', 'foo', 'netns', '']) expect(inPod('bb', `ip ${words}`)).toMatch(/^BusyBox v\S+ .*multi-call binary\.\n\nUsage: ip \[OPTIONS\] address\|route\|link\|tunnel\|neigh\|rule \[ARGS\]\n/)
    expect(inPod('bb', 'ip addr show dev nope')).toBe("ip: can't find device 'nope'\ncommand terminated with exit code 1\n")
    expect(inPod('bb', 'ip addr show up down')).toBe("ip: can't find device 'down'\ncommand terminated with exit code 1\n")
    expect(inPod('bb', 'ip link set eth0 down')).toBe('ip: RTNETLINK answers: Operation not permitted\ncommand terminated with exit code 2\n')
  })
})
