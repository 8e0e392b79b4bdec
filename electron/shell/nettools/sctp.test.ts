import { describe, expect, it } from 'vitest'
import { FrameSummary } from '../../engine/network/wire/summary.ts'
import { house } from '../house.samples.ts'
import { twoNodes } from './machines.samples.ts'

describe('SCTP', () => {
  it('makes an association in four packets, carries messages and ends it in three', () => {
    const { a, c } = twoNodes()
    const server = c.start('ncat -l --sctp -v 9999', { stdin: 'welcome\n' })
    const wire: string[] = []
    const summary = new FrameSummary()
    c.network.capture('eth0', ({ frame }) => wire.push(summary.line(frame)))
    const client = a.start('ncat --sctp -v -i 2 10.244.2.2 9999', { stdin: 'hello\n' })
    a.network.clock.runFor(500)
    expect(c.run('ss -Sa').stdout).toMatch(/^LISTEN .*0\.0\.0\.0:9999 .*\n(ESTAB .*10\.244\.2\.2:9999 +10\.244\.1\.2:\d+.*\n)$/m)
    a.network.clock.runFor(5000)
    expect(client.code).toBe(2)
    expect(client.stdout).toBe('welcome\n')
    expect(server.stdout).toBe('hello\n')
    expect(server.stderr).toContain('Ncat: Connection from 10.244.1.2.\n')
    const chunks = wire.flatMap((line) => /\[(INIT|INIT ACK|COOKIE ECHO|COOKIE ACK|SHUTDOWN|SHUTDOWN ACK|SHUTDOWN COMPLETE)\]/.exec(line)?.[1] ?? [])
    expect(chunks).toEqual(['INIT', 'INIT ACK', 'COOKIE ECHO', 'COOKIE ACK', 'SHUTDOWN', 'SHUTDOWN ACK', 'SHUTDOWN COMPLETE'])
    expect(wire.join('\n')).toMatch(/^IP 10\.244\.1\.2\.\d+ > 10\.244\.2\.2\.9999: sctp \(1\) \[INIT\] \[init tag: \d+\] \[rwnd: 106496\] \[OS: 10\] \[MIS: 65535\] \[init TSN: \d+\] $/m)
  })

  it('a port without a listener answers with ABORT; one behind a dropped packet with nothing', () => {
    const { a, c } = twoNodes()
    expect(a.run('ncat --sctp 10.244.2.2 9998')).toMatchObject({ stderr: 'Ncat: Connection refused.\n', code: 1 })
    c.run('iptables -A INPUT -p sctp --dport 9998 -j DROP')
    expect(a.run('ncat --sctp -w 5 10.244.2.2 9998')).toMatchObject({ stderr: 'Ncat: TIMEOUT.\n', code: 1 })
  })

  it('is repeated where a packet is lost', () => {
    const { a, c } = twoNodes()
    c.start('ncat -l --sctp 9999', { stdin: 'late\n' })
    c.run('iptables -A INPUT -p sctp -m statistic --mode nth --every 2 --packet 0 -j DROP')
    const client = a.run('ncat --sctp -w 60 -i 30 10.244.2.2 9999', { stdin: 'x\n' })
    expect(client.stdout).toBe('late\n')
  })

  it('is tracked and translated: a Service by SCTP', () => {
    const { run } = house()
    run(`kubectl apply -f - <<EOF
apiVersion: v1
kind: Pod
metadata: {name: server, labels: {app: server}}
spec:
  nodeName: worker-1
  containers: [{name: c, image: registry.k8s.io/e2e-test-images/agnhost:2.53, args: [netexec, --http-port=8080, --udp-port=-1, --sctp-port=9090], ports: [{containerPort: 9090, protocol: SCTP}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  nodeName: worker-2
  containers: [{name: c, image: amouat/network-utils, command: [sleep, "100000"]}]
---
apiVersion: v1
kind: Service
metadata: {name: sctp}
spec: {selector: {app: server}, ports: [{port: 90, targetPort: 9090, protocol: SCTP}]}
EOF
kubectl wait --for=condition=ready pod --all`)
    const asked = run('echo hostname | kubectl exec -i client -- ncat --sctp -i 1 sctp 90')
    expect(asked.output).toContain('server')
    expect(run('hop node worker-2 -- conntrack -L -p sctp').output).toMatch(/^sctp {5}132 \d+ CLOSED|ESTABLISHED|SHUTDOWN/m)
    const trace = JSON.parse(run('hop trace default/client sctp:90/sctp -o json').output) as { verdict: string; finalDestination: string; hops: { stage: string; before: { detail?: string; protocol: string } }[] }
    expect(trace).toMatchObject({ verdict: 'delivered', finalDestination: expect.stringMatching(/^10\.244\.1\.\d+:9090$/) as unknown })
    expect(trace.hops[0]!.before).toMatchObject({ protocol: 'sctp', detail: 'INIT' })
    expect(trace.hops.some((h) => h.stage === 'dnat')).toBe(true)
  })
})
