import { describe, expect, test } from 'vitest'
import { makeNode } from '../../../engine/network/shapes.samples.ts'
import { realNetwork, testMachine, type Ran, type TestMachine } from '../machines.samples.ts'

/** The words are those of Debian 12's iperf3 3.12 between two network namespaces. */
function lab(): { one: TestMachine; two: TestMachine; run(line: string): string } {
  const network = realNetwork()
  const [a, b] = [makeNode(network, 1), makeNode(network, 2)]
  const [one, two] = [testMachine(a.node), testMachine(b.node)]
  return { one, two, run: (line) => {
    const { stdout, stderr, code } = one.run(line)
    return `${stdout}${stderr}${code === 0 ? '' : `exit ${code}\n`}`
  } }
}

/** What stands for what may differ: ports, and the last digits of measured jitter. */
const plain = (text: string): string => text.replace(/port \d{5}/g, 'port N').replace(/\d\.\d{3} ms/g, 'J ms')
const lastOf = (text: string, who: string): string => text.split('\n').findLast((line) => line.endsWith(who))!
/** Bits a second in the last table. */
function rate(text: string, who = 'receiver'): number {
  const [, number, unit] = /([\d.]+) ([KMG]?)bits\/sec/.exec(lastOf(text, who))!
  return Number(number) * 1000 ** ['', 'K', 'M', 'G'].indexOf(unit!)
}
const retransmits = (text: string): number => Number(/sec +(\d+) +sender$/.exec(lastOf(text, 'sender'))![1])

const until = (machine: TestMachine, ms: number): void => void machine.network.clock.runUntil(machine.network.clock.now + ms, () => false)

describe('TCP', () => {
  test('a transfer, as both ends tell of it; a path without delay and loss has the rate of its links', () => {
    const { two, run } = lab()
    const server = two.start('iperf3 -s -1')
    expect(plain(run('iperf3 -c 172.18.0.3 -t 3'))).toMatch(new RegExp(`^Connecting to host 172.18.0.3, port 5201
\\[  5\\] local 172.18.0.2 port N connected to 172.18.0.3 port 5201
\\[ ID\\] Interval           Transfer     Bitrate         Retr  Cwnd
\\[  5\\]   0.00-1.00   sec  1.\\d\\d GBytes  9.\\d\\d Gbits/sec    0    \\d\\d\\d KBytes       
\\[  5\\]   1.00-2.00   sec  1.10 GBytes  9.4\\d Gbits/sec    0    \\d\\d\\d KBytes       
\\[  5\\]   2.00-3.00   sec  1.10 GBytes  9.4\\d Gbits/sec    0    \\d\\d\\d KBytes       
- - - - - - - - - - - - - - - - - - - - - - - - -
\\[ ID\\] Interval           Transfer     Bitrate         Retr
\\[  5\\]   0.00-3.00   sec  3.\\d\\d GBytes  9.\\d\\d Gbits/sec    0             sender
\\[  5\\]   0.00-3.00   sec  3.\\d\\d GBytes  9.\\d\\d Gbits/sec                  receiver

iperf Done.
$`))
    until(two, 10)
    expect(server.code).toBe(0)
    expect(plain(server.stdout)).toMatch(new RegExp(`^-{59}
Server listening on 5201 \\(test #1\\)
-{59}
Accepted connection from 172.18.0.2, port N
\\[  5\\] local 172.18.0.3 port 5201 connected to 172.18.0.2 port N
\\[ ID\\] Interval           Transfer     Bitrate
\\[  5\\]   0.00-1.00   sec  1.\\d\\d GBytes  9.\\d\\d Gbits/sec                  
\\[  5\\]   1.00-2.00   sec  1.10 GBytes  9.4\\d Gbits/sec                  
\\[  5\\]   2.00-3.00   sec  1.10 GBytes  9.4\\d Gbits/sec                  
(\\[  5\\]   3.00-3.00   sec .*
)?- - - - - - - - - - - - - - - - - - - - - - - - -
\\[ ID\\] Interval           Transfer     Bitrate
\\[  5\\]   0.00-3.00   sec  3.\\d\\d GBytes  9.\\d\\d Gbits/sec                  receiver
$`))
  })

  test('the data goes through the network: delay and loss slow it down, and what is lost is sent again', () => {
    const { one, two, run } = lab()
    two.start('iperf3 -s')
    const sent = (): number => one.network.links.get('eth0')!.statistics.txPackets
    const before = sent()
    run('iperf3 -c 172.18.0.3 -t 2')
    expect(sent() - before).toBeGreaterThan(2000)
    one.run('tc qdisc add dev eth0 root netem delay 40ms')
    const delayed = rate(run('iperf3 -c 172.18.0.3 -t 10'))
    // the receiver's 3 MiB in each round trip
    expect(delayed).toBeGreaterThan(450e6)
    expect(delayed).toBeLessThan(630e6)
    one.run('tc qdisc change dev eth0 root netem delay 200ms')
    expect(rate(run('iperf3 -c 172.18.0.3 -t 20'))).toBeGreaterThan(80e6)
    one.run('tc qdisc change dev eth0 root netem delay 40ms loss 1%')
    const lossy = run('iperf3 -c 172.18.0.3 -t 10')
    // Mathis et al., 1997: MSS/RTT * sqrt(3/2p) is 3.5 Mbit/s
    expect(rate(lossy)).toBeGreaterThan(2e6)
    expect(rate(lossy)).toBeLessThan(8e6)
    expect(retransmits(lossy)).toBeGreaterThan(5)
    one.run('tc qdisc change dev eth0 root netem loss 1%')
    const near = run('iperf3 -c 172.18.0.3 -t 5')
    expect(rate(near)).toBeGreaterThan(50 * rate(lossy))
    expect(rate(near)).toBeLessThan(delayed * 2)
    expect(retransmits(near)).toBeGreaterThan(100)
  })

  test('-R, -P and -n', () => {
    const { two, run } = lab()
    const server = two.start('iperf3 -s')
    const reverse = plain(run('iperf3 -c 172.18.0.3 -t 1 -R'))
    expect(reverse).toContain('port 5201\nReverse mode, remote host 172.18.0.3 is sending\n[  5]')
    expect(reverse).toMatch(/\[ ID\] Interval {11}Transfer {5}Bitrate\n\[ {2}5\] {3}0.00-1.00 {3}sec {2}1.\d\d GBytes {2}9.\d\d Gbits\/sec {18}\n- - /)
    expect(server.stdout).toMatch(/Retr {2}Cwnd\n\[ {2}5\] {3}0.00-1.00 {3}sec .* 0 {4}\d\d\d KBytes {7}\n/)
    const parallel = plain(run('iperf3 -c 172.18.0.3 -t 2 -P 3'))
    expect([...parallel.matchAll(/^\[(.{3})\] local/gm)].map((m) => m[1])).toEqual(['  5', '  7', '  9'])
    expect(parallel).toMatch(/\n\[SUM\] {3}0.00-1.00 {3}sec {2}1.\d\d GBytes {2}9.\d\d Gbits\/sec {4}0 {13}\n(?:- ){24}-\n\[ {2}5\] {3}1.00/)
    expect(rate(parallel)).toBeLessThan(9.5e9)
    expect([...server.stdout.matchAll(/^\[(.{3})\] local/gm)].map((m) => m[1])).toEqual(['  5', '  5', '  8', ' 11'])
    expect(lastOf(run('iperf3 -c 172.18.0.3 -n 10M'), 'sender')).toMatch(/sec {2}10.0 MBytes {2}\d.\d\d Gbits\/sec {4}0 {13}sender$/)
  })

  test('-b sends whole blocks; -f shows it in other units', () => {
    const { two, run } = lab()
    two.start('iperf3 -s')
    const out = run('iperf3 -c 172.18.0.3 -t 2 -f M -b 100M')
    expect(out).toContain('[  5]   0.00-1.00   sec  12.0 MBytes  12.0 MBytes/sec    0 ')
    expect(out).toContain('[  5]   1.00-2.00   sec  11.9 MBytes  11.9 MBytes/sec    0 ')
    expect(out).toContain('[  5]   0.00-2.00   sec  23.9 MBytes  11.9 MBytes/sec    0             sender\n')
    expect(run('iperf3 -c 172.18.0.3 -t 1 -b 1M')).toContain('[  5]   0.00-1.00   sec   128 KBytes  1.05 Mbits/sec    0 ')
  })

  test('loopback has long segments, and the same line', () => {
    const { one, run } = lab()
    one.start('iperf3 -s')
    const local = rate(run('iperf3 -c 127.0.0.1 -t 2'))
    expect(local).toBeGreaterThan(9.5e9)
    expect(local).toBeLessThan(10.1e9)
  })

  test('-J: the same as JSON', () => {
    const { two, run } = lab()
    two.start('iperf3 -s')
    const out = run('iperf3 -c 172.18.0.3 -t 1 -b 10M -J')
    expect(out).toContain('\n\t"intervals":\t[{\n\t\t\t"streams":\t[{\n\t\t\t\t\t"socket":\t5,\n\t\t\t\t\t"start":\t0,\n\t\t\t\t\t"end":\t1,\n\t\t\t\t\t"seconds":\t1,\n\t\t\t\t\t"bytes":\t1310720,\n\t\t\t\t\t"bits_per_second":\t10485760,\n\t\t\t\t\t"retransmits":\t0,\n')
    const { start, end } = JSON.parse(out) as { start: { test_start: { protocol: string } }; end: { sum_received: { bytes: number } } }
    expect([start.test_start.protocol, end.sum_received.bytes]).toEqual(['TCP', 1_310_720])
    expect(run('iperf3 -c 172.18.0.3 -p 1 -J')).toMatch(/^\{\n\t"start":\t\{\n\t\t"connected":\t\[\],\n\t\t"version":\t"iperf 3.12",\n.*\n\t\},\n\t"intervals":\t\[\],\n\t"end":\t\{\n\t\},\n\t"error":\t"unable to connect to server: Connection refused"\n\}\n$/)
  })
})

describe('UDP', () => {
  test('a megabit a second without -b, as both ends tell of it', () => {
    const { two, run } = lab()
    const server = two.start('iperf3 -s -1')
    expect(plain(run('iperf3 -c 172.18.0.3 -u -t 2'))).toBe(`Connecting to host 172.18.0.3, port 5201
[  5] local 172.18.0.2 port N connected to 172.18.0.3 port 5201
[ ID] Interval           Transfer     Bitrate         Total Datagrams
[  5]   0.00-1.00   sec   129 KBytes  1.05 Mbits/sec  91  
[  5]   1.00-2.00   sec   127 KBytes  1.04 Mbits/sec  90  
- - - - - - - - - - - - - - - - - - - - - - - - -
[ ID] Interval           Transfer     Bitrate         Jitter    Lost/Total Datagrams
[  5]   0.00-2.00   sec   256 KBytes  1.05 Mbits/sec  J ms  0/181 (0%)  sender
[  5]   0.00-2.00   sec   256 KBytes  1.05 Mbits/sec  J ms  0/181 (0%)  receiver

iperf Done.
`)
    expect(plain(server.stdout)).toContain(`[  5] local 172.18.0.3 port 5201 connected to 172.18.0.2 port N
[ ID] Interval           Transfer     Bitrate         Jitter    Lost/Total Datagrams
[  5]   0.00-1.00   sec   129 KBytes  1.05 Mbits/sec  J ms  0/91 (0%)  
[  5]   1.00-2.00   sec   127 KBytes  1.04 Mbits/sec  J ms  0/90 (0%)  
- - - -`)
  })

  test('loss is that of the path, also where each datagram stands for several', () => {
    const { one, two, run } = lab()
    two.start('iperf3 -s')
    one.run('tc qdisc add dev eth0 root netem loss 10%')
    for (const more of ['-b 10M', '-b 1G', '-b 100M -P 2']) {
      const [, lost, all] = / (\d+)\/(\d+) \([\d.]+%\) {2}receiver$/.exec(lastOf(run(`iperf3 -c 172.18.0.3 -u -t 5 ${more}`), 'receiver'))!
      expect(Number(lost) / Number(all)).toBeGreaterThan(0.07)
      expect(Number(lost) / Number(all)).toBeLessThan(0.13)
    }
  })

  test('where UDP does not get through, TCP has, and the client waits half a minute', () => {
    const { one, two, run } = lab()
    two.start('iperf3 -s')
    two.run('iptables -A INPUT -p udp -j DROP')
    const before = one.network.clock.now
    expect(run('iperf3 -c 172.18.0.3 -u')).toBe('Connecting to host 172.18.0.3, port 5201\niperf3: error - unable to read from stream socket: Resource temporarily unavailable\nexit 1\n')
    expect(Math.floor((one.network.clock.now - before) / 1000)).toBe(30)
    two.run('iptables -F')
    expect(run('iperf3 -c 172.18.0.3 -u -t 1')).toContain('iperf Done.')
  })
})

describe('what ends a test', () => {
  test('who is busy says so', () => {
    const { one, two, run } = lab()
    two.start('iperf3 -s')
    const first: Ran = one.start('iperf3 -c 172.18.0.3 -b 1M -t 3')
    until(one, 500)
    expect(run('iperf3 -c 172.18.0.3')).toContain('iperf3: error - the server is busy running a test. try again later\nexit 1\n')
    until(one, 5000)
    expect(first.stdout).toContain('iperf Done.')
  })

  test('an interrupt at either end', () => {
    const { one, two } = lab()
    const server = two.start('iperf3 -s')
    const client = one.start('iperf3 -c 172.18.0.3 -b 1M')
    until(one, 1500)
    client.process.signal('SIGINT')
    until(one, 500)
    expect([client.code, client.stderr]).toEqual([1, 'iperf3: interrupt - the client has terminated\n'])
    expect(client.stdout).toMatch(/\[ {2}5\] {3}1.00-1.50 {3}sec {2}.*\n- [- ]+\n.*Retr\n.* sender\n\[ {2}5\] {3}0.00-1.50 {3}sec {2}0.00 Bytes {2}0.00 bits\/sec {18}receiver\n$/)
    expect(server.stderr).toBe('iperf3: the client has terminated\n')
    expect(server.stdout).toContain('Server listening on 5201 (test #2)')
    const second = one.start('iperf3 -c 172.18.0.3 -b 1M')
    until(one, 1500)
    server.process.signal('SIGINT')
    until(one, 500)
    expect([server.code, server.stderr]).toEqual([1, 'iperf3: the client has terminated\niperf3: interrupt - the server has terminated\n'])
    expect([second.code, second.stderr]).toEqual([1, 'iperf3: error - the server has terminated\n'])
  })

  test('a cut wire: nothing arrives any more, and the receiver counts nothing', () => {
    const { one, two } = lab()
    const server = two.start('iperf3 -s')
    one.start('iperf3 -c 172.18.0.3 -t 4')
    until(one, 1500)
    two.network.links.get('eth0')!.up = false
    until(one, 3000)
    expect(server.stdout).toMatch(/ 2.00-3.00 {3}sec {2}0.00 Bytes {2}0.00 bits\/sec/)
  })

  test('-D goes on in the background', () => {
    const { two, run } = lab()
    expect(two.run('iperf3 -s -D')).toMatchObject({ stdout: '', stderr: '', code: 0 })
    expect(two.run('iperf3 -s').stderr).toBe('iperf3: error - unable to start listener for connections: Address already in use\niperf3: exiting\n')
    expect(run('iperf3 -c 172.18.0.3 -t 1')).toContain('iperf Done.')
  })
})

test.each([
  ['-c 172.18.0.3', 'iperf3: error - unable to connect to server: Connection refused'],
  ['-c 172.18.0.99 --connect-timeout 300', 'iperf3: error - unable to connect to server: Connection timed out'],
  ['-c 172.18.0.3 -B 1.2.3.4', 'iperf3: error - unable to connect to server: Cannot assign requested address'],
  ['-c ::1 -4', 'iperf3: error - unable to connect to server: Address family for hostname not supported'],
  ['', 'iperf3: parameter error - must either be a client (-c) or server (-s)'],
  ['-s -c x', 'iperf3: parameter error - cannot be both server and client'],
  ['-s -t 3', 'iperf3: parameter error - some option you are trying to set is client only'],
  ['-c x -1', 'iperf3: parameter error - some option you are trying to set is server only'],
  ['-c x -n 1M -t 3', 'iperf3: parameter error - only one test end condition (-t, -n, -k) may be specified'],
  ['-c x -i 0.01', 'iperf3: parameter error - invalid report interval (min = 0.1, max = 60 seconds)'],
  ['-c x -P 200', 'iperf3: parameter error - number of parallel streams too large (maximum = 128)'],
  ['-c x -u -l 4', 'iperf3: parameter error - block size invalid (minimum = 16 bytes, maximum = 65507 bytes)'],
  ['-c x -f x', 'iperf3: parameter error - bad format specifier (valid formats are in the set [kmgtKMGT])'],
  ['-x', "iperf3: invalid option -- 'x'"],
  ['--nope', "iperf3: unrecognized option '--nope'"],
])('iperf3 %s', (args, said) => {
  const { one } = lab()
  const { stderr, code } = one.run(`iperf3 ${args}`)
  expect([stderr.split('\n')[0], code]).toEqual([said, 1])
})
