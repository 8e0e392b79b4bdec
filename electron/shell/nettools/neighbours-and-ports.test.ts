import { expect, it } from 'vitest'
import { twoNodes } from './machines.samples.ts'

it('arping asks on the wire, past what the neighbour table knows', () => {
  const { a } = twoNodes()
  const { stdout, code } = a.run('arping -c 2 10.244.1.3')
  expect(stdout).toMatch(/^ARPING 10\.244\.1\.3 from 10\.244\.1\.2 eth0\n(Unicast reply from 10\.244\.1\.3 \[[0-9A-F:]{17}\] {2}\d\.\d{3}ms\n){2}Sent 2 probes \(1 broadcast\(s\)\)\nReceived 2 response\(s\)\n$/)
  expect(code).toBe(0)
  expect(a.run('arping -D -c 1 -I eth0 10.244.1.77').code).toBe(0)
  const watched = a.start('arping 10.244.1.77')
  a.network.clock.runFor(1500)
  watched.process.signal('SIGINT')
  a.network.clock.runFor(10)
  expect(watched.stdout).toContain('Sent 2 probes (2 broadcast(s))\nReceived 0 response(s)\n')
})

it('telnet shows a connection, a refusal and a name that nobody knows', () => {
  const { a, c } = twoNodes()
  c.start('nc -l -p 80', { stdin: 'hello\n' })
  const talk = a.start('telnet 10.244.2.2 80', { stdin: 'hi\n' })
  a.network.clock.runFor(1000)
  // as the real one, it leaves when its input ends, whatever has yet to come
  expect(talk).toMatchObject({ code: 0, stdout: "Trying 10.244.2.2...\nConnected to 10.244.2.2.\nEscape character is '^]'.\n", stderr: 'Connection closed by foreign host.\n' })
  expect(a.run('telnet 10.244.2.2 81')).toMatchObject({ code: 1, stdout: 'Trying 10.244.2.2...\n', stderr: 'telnet: Unable to connect to remote host: Connection refused\n' })
})

it('nmap tells open, closed and filtered ports apart', () => {
  const { a, c, node2 } = twoNodes()
  c.start('nc -l -k -p 80')
  node2.network.netfilter.command(['-A', 'FORWARD', '-p', 'tcp', '--dport', '81', '-j', 'DROP'])
  for (const technique of ['-sT', '-sS']) {
    const { stdout, code } = a.run(`nmap ${technique} -n -p 80-82 10.244.2.2`)
    expect(stdout).toContain('PORT   STATE    SERVICE\n80/tcp open     http\n81/tcp filtered hosts2-ns\n82/tcp closed   xfer\n')
    expect(code).toBe(0)
  }
  expect(a.run('nmap -sV 10.244.2.2').code).toBe(69)
})

it('net-tools change what ip shows', () => {
  const { a, node1 } = twoNodes()
  expect(a.run('route del default').code).toBe(0)
  expect(a.run('ping -c 1 10.244.2.2').stderr).toBe('ping: connect: Network is unreachable\n')
  expect(a.run('route add default gw 10.244.1.1').code).toBe(0)
  expect(a.run('ping -c 1 10.244.2.2').code).toBe(0)
  expect(node1.run('brctl show').stdout).toMatch(/^bridge name\tbridge id\t\tSTP enabled\tinterfaces\ncni0\t\t8000\.[0-9a-f]{12}\tno\t\tveth/)
})

it('ss takes states and expressions', () => {
  const { a, c } = twoNodes()
  c.start('nc -l -k -p 80')
  a.start('nc 10.244.2.2 80', { stdin: 'x\n' })
  a.network.clock.runFor(500)
  expect(c.run('ss -Htan sport = :80').stdout.trim().split('\n')).toHaveLength(2)
  expect(c.run('ss -Htan state established dst 10.244.1.0/24').stdout).toMatch(/^\d+ +\d+ +10\.244\.2\.2:80 +10\.244\.1\.2:\d+ *\n$/)
  expect(c.run('ss -Htan dst 10.9.0.0/16').stdout).toBe('')
  expect(c.run('ss state bogus')).toMatchObject({ code: 255, stderr: 'ss: wrong state name: bogus\n' })
})
