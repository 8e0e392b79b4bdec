import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../../house.samples.ts'

/** What the same lines say of socat 1.7.4.4 in network namespaces (its numbers of processes, ports and times apart). */
describe('socat', () => {
  let lab: House
  const at = (command: string): string => lab.run(`kubectl exec a -- sh -c '${command}' 2>&1`).output
  const inB = (command: string, log = 'log'): void => void lab.run(`kubectl exec b -- sh -c '${command} >/tmp/${log} 2>&1 &'`)
  let b = ''
  beforeAll(() => {
    lab = house({ nodes: 2 })
    lab.run('for p in a b; do kubectl run $p --image=nicolaka/netshoot --command -- sleep infinity; done; kubectl wait --for=condition=Ready pod/a pod/b')
    b = lab.run("kubectl get pod b -o jsonpath='{.status.podIP}'").output
    inB('socat TCP-LISTEN:7001,reuseaddr,fork EXEC:/bin/cat')
    inB('socat UDP-LISTEN:7002,fork EXEC:cat')
    inB('socat UDP-RECVFROM:7003,fork SYSTEM:"tr a-z A-Z"')
    inB('socat TCP-LISTEN:7004,fork TCP:127.0.0.1:7001')
    inB('socat -d -d TCP-LISTEN:7005,fork TCP:127.0.0.1:99', 'relay')
    inB('socat TCP-LISTEN:7006,fork,reuseaddr SYSTEM:"env | grep ^SOCAT_PEERADDR"')
    inB('socat TCP-LISTEN:7007,fork PIPE')
    inB('socat SCTP-LISTEN:7008,fork EXEC:cat')
  })

  it.each([
    ['a child for each connection', 'echo one | socat - TCP:B:7001; echo two | socat - TCP4:B:7001', 'one\ntwo\n'],
    ['echo by a pipe', 'echo one | socat - TCP:B:7007', 'one\n'],
    ['a relay', 'echo far | socat STDIO TCP-CONNECT:B:7004,connect-timeout=3', 'far\n'],
    ['datagrams of a peer', 'echo hi | socat - UDP:B:7002', 'hi\n'],
    ['one datagram, one child', 'echo hi | socat - UDP4:B:7003', 'HI\n'],
    ['SCTP, whose associations have no half-closed ends', '(echo hi; sleep 1) | socat - SCTP:B:7008', 'hi\n'],
    ['one way', 'echo hi | socat -u - TCP:B:7001; echo $?', '0\n'],
    ['a file', 'socat -u /etc/hostname -', 'a\n'],
  ])('%s', (_, command, expected) => {
    expect(at(command.replaceAll('B', b))).toBe(expected)
  })

  it('a command learns who has called', () => {
    const a = lab.run("kubectl get pod a -o jsonpath='{.status.podIP}'").output
    expect(at(`socat -u TCP:${b}:7006 -`)).toBe(`SOCAT_PEERADDR=${a}\n`)
  })

  const masked = (text: string): string => text.replace(/^\d{4}\/\d\d\/\d\d [\d:]{8} socat\[\d+\]/gm, 'socat').replaceAll(b, 'B').replace(/:\d{5}$/gm, ':PORT').replace(/0x[0-9a-f]+/g, '0x').replace(/child \d+/g, 'child N')

  it.each([
    ['socat', 'socat E exactly 2 addresses required (there are 0); use option "-h" for help\n1\n'],
    ['echo x | socat - TCP:127.0.0.1:99', 'socat E connect(5, AF=2 127.0.0.1:99, 16): Connection refused\n1\n'],
    ['echo x | socat - TCP6:[::1]:99', 'socat E connect(5, AF=10 [0000:0000:0000:0000:0000:0000:0000:0001]:99, 28): Connection refused\n1\n'],
    ['echo x | socat - UDP:127.0.0.1:98', 'socat E read(5, 0x, 8192): Connection refused\n1\n'],
    ['socat - FOO:1', 'socat E unknown device/address "FOO"\n1\n'],
    ['socat - TCP:127.0.0.1:99,foo', 'socat E parseopts_table(): unknown option "foo"\n1\n'],
    ['socat - TCP:127.0.0.1', 'socat E TCP: wrong number of parameters (1 instead of 2)\n1\n'],
    ['socat - TCP-LISTEN', 'socat E TCP-LISTEN: wrong number of parameters (0 instead of 1)\n1\n'],
    ['echo x | socat - TCP:127.0.0.1:nope', 'socat E getaddrinfo"127.0.0.1", "nope", {1,0,1,0}, {}): Servname not supported for ai_socktype\n1\n'],
    ['socat - EXEC:nosuch </dev/null', 'socat E execvp("nosuch", "nosuch"): No such file or directory\nsocat E waitpid(): child N exited with status 1\n1\n'],
    ['socat - EXEC:false </dev/null', 'socat E waitpid(): child N exited with status 1\n1\n'],
    ['socat - FILE:/nope </dev/null', 'socat E open("/nope", 02, 0666): No such file or directory\n1\n'],
    ['echo x | socat - TCP:127.0.0.1:99,connect-timeout=abc', 'socat E parseopts(): missing numerical value of option "connect-timeout=abc"\n1\n'],
    ['socat -z a b', 'socat E unknown option "-z"; use option "-h" for help\n1\n'],
    ['echo x | socat -d -d - TCP:B:7001', 'socat N reading from and writing to stdio\nsocat N opening connection to AF=2 B:7001\nsocat N successfully connected from local address AF=2 A:PORT\nsocat N starting data transfer loop with FDs [0,1] and [5,5]\nsocat N socket 1 (fd 0) is at EOF\nx\nsocat N socket 2 (fd 5) is at EOF\nsocat N exiting with status 0\n0\n'],
  ])('%s', (command, expected) => {
    const a = lab.run("kubectl get pod a -o jsonpath='{.status.podIP}'").output
    expect(masked(at(`${command.replaceAll('B', b)}; echo $?`)).replaceAll(a, 'A')).toBe(expected)
  })

  it('a port that is taken', () => {
    expect(masked(lab.run("kubectl exec b -- sh -c 'socat TCP-LISTEN:7001 -; echo $?' 2>&1").output)).toBe('socat E bind(5, {AF=2 0.0.0.0:7001}, 16): Address already in use\n1\n')
  })

  it('the log of a relay to a closed port', () => {
    expect(at(`echo x | socat - TCP:${b}:7005; echo $?`)).toBe('0\n')
    const a = lab.run("kubectl get pod a -o jsonpath='{.status.podIP}'").output
    expect(masked(lab.run('kubectl exec b -- cat /tmp/relay').output).replaceAll(a, 'A').replace(/A:\d+/, 'A:PORT').replace(/process \d+/, 'process N').split('\n')).toEqual([
      'socat N listening on AF=2 0.0.0.0:7005', 'socat N accepting connection from AF=2 A:PORT on AF=2 B:7005', 'socat N forked off child process N', 'socat N listening on AF=2 0.0.0.0:7005',
      'socat N opening connection to AF=2 127.0.0.1:99', 'socat W recvmsg(): Resource temporarily unavailable', 'socat E connect(5, AF=2 127.0.0.1:99, 16): Connection refused', 'socat N exit(1)', 'socat N childdied(): handling signal 17', '',
    ])
  })

  it('what is not simulated is said', () => {
    for (const line of ['socat - OPENSSL:x:443', 'socat - TCP:x:1,pty', 'socat -,crnl TCP:x:1', 'socat -,ignoreeof TCP:x:1', 'socat -x - -', 'socat -s - -', 'socat TUN:10.0.0.1/24 -']) expect(lab.run(`kubectl exec a -- ${line} 2>&1; echo $?`).output).toMatch(/^podhop: not simulated: .*\n.*exit code 69\n69\n$/)
  })
})
