import { describe, expect, it } from 'vitest'
import { twoNodes, type TestMachine } from './machines.samples.ts'

/** The kernel's lines without their time. */
const logged = (node: TestMachine): string[] => node.run('dmesg').stdout.split('\n').filter((l) => l !== '').map((l) => l.replace(/^\[ *\d+\.\d{6}\] /, ''))

describe('rules that log', () => {
  it('-j LOG writes a line a packet into the kernel’s log, as nf_log_syslog.c has it', () => {
    const { node1, node2 } = twoNodes()
    const mac = (node: TestMachine): string => node.network.links.get('eth0')!.mac
    expect(node2.run("iptables -A INPUT -p icmp -j LOG --log-prefix 'ping: '").code).toBe(0)
    expect(node1.run('iptables -A OUTPUT -p tcp --dport 81 -j LOG --log-uid --log-tcp-sequence --log-tcp-options').code).toBe(0)
    expect(node2.run('iptables -A INPUT -p udp -j LOG --log-macdecode').code).toBe(0)
    expect(node1.run('ping -c 1 172.18.0.3').code).toBe(0)
    expect(logged(node2)[0]).toMatch(new RegExp(`^ping: IN=eth0 OUT= MAC=${mac(node2)}:${mac(node1)}:08:00 SRC=172\\.18\\.0\\.2 DST=172\\.18\\.0\\.3 LEN=84 TOS=0x00 PREC=0x00 TTL=64 ID=\\d+ PROTO=ICMP TYPE=8 CODE=0 ID=\\d+ SEQ=1 $`))
    expect(node1.run('nc -zw1 172.18.0.3 81').code).toBe(1)
    expect(logged(node1)[0]).toMatch(/^IN= OUT=eth0 SRC=172\.18\.0\.2 DST=172\.18\.0\.3 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=\d+ DF PROTO=TCP SPT=\d+ DPT=81 SEQ=\d+ ACK=0 WINDOW=64240 RES=0x00 SYN URGP=0 OPT \(020405B40402080A[0-9A-F]{16}01030307\) UID=0 GID=0 $/)
    node1.run('dig +tries=1 +time=1 -p 82 @172.18.0.3 x.example')
    expect(logged(node2).find((l) => l.includes('DPT=82'))).toMatch(new RegExp(`^IN=eth0 OUT= MACSRC=${mac(node1)} MACDST=${mac(node2)} MACPROTO=0800 SRC=172\\.18\\.0\\.2 DST=172\\.18\\.0\\.3 LEN=\\d+ .*PROTO=UDP SPT=\\d+ DPT=82 LEN=\\d+ $`))
  })

  it('tells of what is forwarded, with the mark, and of the packet that an error speaks of', () => {
    const { node1, a } = twoNodes()
    node1.run('iptables -A PREROUTING -t mangle -p icmp -j MARK --set-mark 0x4000')
    node1.run('iptables -A FORWARD -p icmp -j LOG')
    node1.run('iptables -A OUTPUT -p icmp -j LOG --log-prefix E')
    a.run('ping -c 1 -t 1 10.244.2.2')
    expect(logged(node1)).toEqual([expect.stringMatching(/^EIN= OUT=cni0 SRC=10\.244\.1\.1 DST=10\.244\.1\.2 LEN=112 TOS=0x00 PREC=0xC0 TTL=64 ID=\d+ PROTO=ICMP TYPE=11 CODE=0 \[SRC=10\.244\.1\.2 DST=10\.244\.2\.2 LEN=84 TOS=0x00 PREC=0x00 TTL=1 ID=\d+ PROTO=ICMP TYPE=8 CODE=0 ID=\d+ SEQ=1 \] (MARK=0x4000 )?$/)])
    a.run('ping -c 1 10.244.2.2')
    expect(logged(node1)[1]).toMatch(/^IN=cni0 OUT=eth0 .*MAC=\S+:08:00 SRC=10\.244\.1\.2 DST=10\.244\.2\.2 LEN=84 .* TTL=63 .* SEQ=1 MARK=0x4000 $/)
  })

  it('dmesg -w goes on as packets come, -W begins with the next', () => {
    const { node1 } = twoNodes()
    node1.run('iptables -A OUTPUT -p icmp -j LOG --log-prefix A')
    node1.run('ping -c 1 172.18.0.3')
    const [all, later] = [node1.start('dmesg -wt'), node1.start('dmesg -W -T')]
    node1.run('ping -c 2 172.18.0.3')
    expect(all.stdout.match(/^AIN= OUT=eth0 .* SEQ=\d $/gm)).toHaveLength(3)
    expect(later.stdout).toMatch(/^\[\w{3} \w{3} .\d \d\d:\d\d:\d\d \d{4}\] AIN= .* SEQ=1 \n\[.* SEQ=2 \n$/)
    expect([all.code, later.code]).toEqual([undefined, undefined])
    expect(node1.run('dmesg --json').code).toBe(69)
  })

  it('nft’s log likewise; one for a group or auditd writes nothing, and a Pod’s network namespace has no place for it', () => {
    const { node1, a } = twoNodes()
    for (const rule of ['', 'group 3', 'level audit']) {
      expect(node1.run('nft add table inet t').code).toBe(0)
      node1.run("nft add chain inet t out '{ type filter hook output priority 0 ; }'")
      expect(node1.run(`nft add rule inet t out icmp type echo-request log prefix '"nft "' ${rule}`)).toMatchObject({ stderr: '', code: 0 })
    }
    node1.run('ping -c 1 172.18.0.3')
    expect(logged(node1)).toEqual([expect.stringMatching(/^nft IN= OUT=eth0 SRC=172\.18\.0\.2 DST=172\.18\.0\.3 .* PROTO=ICMP TYPE=8 CODE=0 ID=\d+ SEQ=1 $/)])
    a.run('iptables -A OUTPUT -j LOG')
    a.run('ping -c 1 10.244.1.1')
    expect(logged(node1)).toHaveLength(1)
  })
})
