import { expect, it } from 'vitest'
import { twoNodes } from '../machines.samples.ts'

const steady = (text: string): string => text.replace(/\d+\.\d{3} ?ms/g, 'T')

it('traceroute goes from hop to hop until the end answers', () => {
  const { a } = twoNodes()
  expect(steady(a.run('traceroute -n -q 1 10.244.2.2').stdout)).toBe('traceroute to 10.244.2.2 (10.244.2.2), 30 hops max, 60 byte packets\n 1  10.244.1.1  T\n 2  172.18.0.3  T\n 3  10.244.2.2  T\n')
  expect(steady(a.run('traceroute -n -T -p 80 10.244.2.2').stdout)).toContain(' 3  10.244.2.2  T  T  T\n')
  expect(steady(a.run('busybox:traceroute -n -q 1 10.244.2.2').stdout)).toContain(' 3  10.244.2.2  T\n')
})

it('a router that rejects shows as a mark, one that drops as stars', () => {
  const { a, node2 } = twoNodes()
  node2.network.netfilter.command(['-A', 'FORWARD', '-p', 'udp', '-j', 'REJECT', '--reject-with', 'icmp-admin-prohibited'])
  expect(steady(a.run('traceroute -n -q 1 10.244.2.2').stdout)).toContain(' 2  172.18.0.3  T\n 3  172.18.0.3  T !X\n')
  node2.network.netfilter.command(['-F', 'FORWARD'])
  node2.network.netfilter.command(['-A', 'FORWARD', '-j', 'DROP'])
  expect(steady(a.run('traceroute -n -q 2 -m 3 -w 1 10.244.2.2').stdout)).toContain(' 3  * *\n')
})

it('tracepath finds the narrow place', () => {
  const { a, node1 } = twoNodes()
  node1.network.links.get('eth0')!.mtu = 1400
  const { stdout } = a.run('tracepath -n 10.244.2.2')
  expect(steady(stdout)).toContain('10.244.1.1                                            T pmtu 1400\n')
  expect(stdout).toContain('     Resume: pmtu 1400 hops 3 back 3 \n')
})

it('mtr counts what got lost', () => {
  const { a } = twoNodes()
  const { stdout } = a.run('mtr -r -n -c 3 10.244.2.2')
  expect(stdout).toMatch(/^ {2}3\.\|-- 10\.244\.2\.2 {17}0\.0% {5}3 /m)
  expect(a.run('mtr 10.244.2.2')).toMatchObject({ code: 69, stderr: "podhop: not simulated: mtr's screen (use mtr --report)\n" })
})
