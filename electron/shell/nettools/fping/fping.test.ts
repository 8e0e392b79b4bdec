import { expect, test } from 'vitest'
import { makeNode } from '../../../engine/network/shapes.samples.ts'
import { realNetwork, testMachine, type TestMachine } from '../machines.samples.ts'

/** The words are those of Debian 12's fping 5.1 between two network namespaces; N is a measured time. */
function lab(): { one: TestMachine; run(line: string): string } {
  const network = realNetwork()
  const [a] = [makeNode(network, 1), makeNode(network, 2)]
  const one = testMachine(a.node)
  return { one, run: (line) => {
    const { stdout, stderr, code } = one.run(line)
    return `${stdout.replace(/(?<![\d.])\d+\.\d{2,3}(?![\d.])/g, 'N')}${stderr.replace(/(?<![\d.])\d+\.\d{2,3}(?![\d.])/g, 'N').replace(/^/gm, '!').replace(/!$/, '')}${code === 0 ? '' : `exit ${code}\n`}`
  } }
}
const ICMP = '!ICMP Host Unreachable from 172.18.0.2 for ICMP Echo sent to 172.18.0.9\n'

test.each([
  ['172.18.0.3', '172.18.0.3 is alive\n'],
  ['-t 100 172.18.0.3 172.18.0.9', '172.18.0.3 is alive\n172.18.0.9 is unreachable\nexit 1\n'],
  ['-t 100 -a 172.18.0.3 172.18.0.9', '172.18.0.3\nexit 1\n'],
  ['-t 100 -u 172.18.0.3 172.18.0.9', '172.18.0.9\nexit 1\n'],
  ['-e 172.18.0.3', '172.18.0.3 is alive (N ms)\n'],
  ['-c 2 172.18.0.3', '172.18.0.3 : [0], 64 bytes, N ms (N avg, 0% loss)\n172.18.0.3 : [1], 64 bytes, N ms (N avg, 0% loss)\n!\n!172.18.0.3 : xmt/rcv/%loss = 2/2/0%, min/avg/max = N/N/N\n'],
  ['-t 50 -p 100 -c 2 172.18.0.9', '172.18.0.9 : [0], timed out (NaN avg, 100% loss)\n172.18.0.9 : [1], timed out (NaN avg, 100% loss)\n!\n!172.18.0.9 : xmt/rcv/%loss = 2/0/100%\nexit 1\n'],
  ['-q -c 3 172.18.0.3', '!172.18.0.3 : xmt/rcv/%loss = 3/3/0%, min/avg/max = N/N/N\n'],
  ['-C 3 -q 172.18.0.3 172.18.0.9', '!172.18.0.3 : N N N\n!172.18.0.9 : - - -\nexit 1\n'],
  ['-a -q -g 172.18.0.0/29', '172.18.0.2\n172.18.0.3\nexit 1\n'],
  ['-g 172.18.0.2 172.18.0.3', '172.18.0.2 is alive\n172.18.0.3 is alive\n'],
  ['-b 100 -c 1 172.18.0.3', '172.18.0.3 : [0], 108 bytes, N ms (N avg, 0% loss)\n!\n!172.18.0.3 : xmt/rcv/%loss = 1/1/0%, min/avg/max = N/N/N\n'],
  ['-x 1 172.18.0.3', 'Enough hosts reachable (required: 1, reachable: 1)\n'],
  ['-v', 'fping: Version 5.1\n'],
  ['-z', "!fping: invalid option -- 'z'\n!see 'fping -h' for usage information\nexit 1\n"],
  ['-c 2 -l 172.18.0.3', '!fping: specify only one of c, l\nexit 1\n'],
  ['-a -u 172.18.0.3', '!fping: specify only one of a, u\nexit 1\n'],
  ['-g 172.18.0.0/33', '!fping: netmask must be between 1 and 32 (is: 33)\nexit 1\n'],
  ['-4 ::1', '!::1: Address family for hostname not supported\nexit 2\n'],
  ['-S 1.2.3.4 172.18.0.3', '!fping: cannot bind source address : Cannot assign requested address\nexit 4\n'],
  ['-f nofile', '!fping: fopen : No such file or directory\nexit 4\n'],
])('fping %s', (args, said) => {
  expect(lab().run(`fping ${args}`)).toBe(said)
})

test('whoever does not answer is asked four times, each time more patiently, and counted', () => {
  const { one, run } = lab()
  const before = one.network.clock.now
  expect(run('fping -s 172.18.0.3 172.18.0.9').replace(/N ms/g, 'T ms')).toBe(`172.18.0.3 is alive
172.18.0.9 is unreachable
${ICMP.repeat(4)}!
!       2 targets
!       1 alive
!       1 unreachable
!       0 unknown addresses
!
!       4 timeouts (waiting for response)
!       5 ICMP Echos sent
!       1 ICMP Echo Replies received
!       4 other ICMP received
!
! T ms (min round trip time)
! T ms (avg round trip time)
! T ms (max round trip time)
!        N sec (elapsed real time)
!
exit 1
`)
  expect((one.network.clock.now - before) / 1000).toBeCloseTo(4.07, 1)
})
