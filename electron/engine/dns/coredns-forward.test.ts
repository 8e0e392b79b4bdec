import { beforeEach, describe, expect, test } from 'vitest'
import { SmallCluster, type PodSample } from '../cni/small-cluster.samples.ts'
import { dnsQuery, type DnsMessage } from '../network/wire/dns.ts'
import { exchange } from './exchange.ts'

/** forward and template as their READMEs of CoreDNS v1.12.0 describe them. */
let cluster: SmallCluster
let client: PodSample

beforeEach(() => {
  cluster = new SmallCluster('bridge', ['worker-1'])
  client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
})

let count = 0
function start(corefile: string): PodSample {
  const pod = cluster.pod(`coredns-${count++}`, 'worker-1', 'registry.k8s.io/coredns/coredns:v1.12.0', { args: ['-conf', '/Corefile'], files: { '/Corefile': corefile } })
  cluster.clock.runFor(100)
  return pod
}

const ask = (server: PodSample, name: string, type = 'A', edit: (query: DnsMessage) => DnsMessage = (q) => q): DnsMessage =>
  cluster.run(client.machine, (p) => exchange(p, { servers: [server.ip], queries: [edit(dnsQuery(7, name, type))], timeout: 8000 })).replies[0]!

const said = ({ rcode, answers }: DnsMessage): string => [rcode, ...answers.map((a) => ('address' in a.data ? a.data.address : a.data.type))].join(' ')

describe('forward', () => {
  test('takes addresses of IPv6 with a port', () => {
    const pod = start('. {\n  forward . 10.0.0.10:53 10.0.0.11:1053 [2003::1]:53 2003::2\n}\n')
    expect([pod.process.status, pod.output()]).toEqual([undefined, '.:53\nCoreDNS-1.12.0\nlinux/amd64, go1.23.3, 51e11f1\n'])
  })

  test('next: an answer with one of these codes makes it ask the next forward, and only a forward', () => {
    const first = start('. {\n  hosts {\n    10.1.1.1 one.test\n    fallthrough\n  }\n  template ANY ANY two.test {\n    rcode NXDOMAIN\n  }\n}\n')
    const second = start('. {\n  hosts {\n    10.2.2.2 two.test\n    10.2.2.2 three.test\n    fallthrough\n  }\n}\n')
    const dns = start(`. {\n  forward . ${first.ip} {\n    next NXDOMAIN refused\n  }\n  forward . ${second.ip} {\n    next REFUSED\n  }\n  whoami\n}\n`)
    expect(['one', 'two', 'three', 'none'].map((n) => said(ask(dns, `${n}.test.`)))).toEqual(['NOERROR 10.1.1.1', 'NOERROR 10.2.2.2', 'NOERROR 10.2.2.2', 'REFUSED'])
    expect(start('. {\n  forward . 10.0.0.1 {\n    next NOSUCH\n  }\n}\n').output()).toBe('plugin/forward: NOSUCH is not a valid rcode\n')
  })

  test('prefer_udp asks again by TCP for what did not fit into a datagram', () => {
    const many = start(`. {\n  hosts {\n${Array.from({ length: 60 }, (_, i) => `    10.3.0.${i + 1} many.test\n`).join('')}  }\n}\n`)
    const overTcp = (corefile: string): number => {
      const dns = start(corefile)
      const reply = cluster.run(client.machine, (p) => exchange(p, { servers: [dns.ip], queries: [dnsQuery(7, 'many.test.', 'A')], timeout: 8000, protocol: 'tcp' })).replies[0]!
      return reply.truncated ? 0 : reply.answers.length
    }
    expect([overTcp(`. {\n  forward . ${many.ip} {\n    prefer_udp\n  }\n}\n`), overTcp(`. {\n  forward . ${many.ip} {\n    force_tcp\n  }\n}\n`)]).toEqual([60, 60])
  })

  test('except is for names below, not for the zone that it is from', () => {
    const other = start('. {\n  hosts {\n    10.1.1.1 zone.test a.zone.test\n  }\n}\n')
    const dns = start(`. {\n  forward zone.test ${other.ip} {\n    except zone.test\n  }\n}\n`)
    expect([said(ask(dns, 'zone.test.')), said(ask(dns, 'a.zone.test.'))]).toEqual(['NOERROR 10.1.1.1', 'REFUSED'])
  })
})

describe('template', () => {
  const template = (lines: string, kind = 'IN A'): PodSample => start(`. {\n  errors\n  template ${kind} example {\n${lines.split('\n').map((l) => `    ${l}\n`).join('')}  }\n}\n`)

  test('parseInt reads a number in another base', () => {
    const dns = template('match ^ip0a(?P<b>[a-f0-9]{2})(?P<c>[a-f0-9]{2})(?P<d>[a-z0-9]{2})[.]example[.]$\nanswer "{{ .Name }} 60 IN A 10.{{ parseInt .Group.b 16 8 }}.{{ parseInt .Group.c 16 8 }}.{{ parseInt .Group.d 16 8 }}"\nfallthrough')
    expect(said(ask(dns, 'ip0a5f0c09.example.'))).toBe('NOERROR 10.95.12.9')
    expect(said(ask(dns, 'ip0a5f0czz.example.'))).toBe('SERVFAIL')
    expect(dns.output()).toContain('strconv.ParseUint: parsing "zz": invalid syntax')
  })

  test('dashes cut what is blank beside them; a group that is not there is told', () => {
    const dns = template('match ^(?P<a>[0-9]+)[.]example[.]$\nanswer "{{ .Question.Name }} 60 IN TXT {{- ` ` -}} {{ .Group.a }}"')
    expect(dns.output()).toMatch(/^podhop: not simulated: CoreDNS template /)
    const text = (line: string): string => ask(template(`match ^(?P<a>[0-9]+)[.]example[.]$\nanswer "{{ .Name }} 60 IN TXT ${line}"`, 'IN TXT'), '7.example.', 'TXT').answers.map((a) => (a.data.type === 'TXT' ? a.data.strings.join('|') : '')).join()
    expect([text('x {{- .Group.a -}} y'), text('x{{ index .Group `b` }}')]).toEqual(['x7y', 'x'])
  })

  test('answers its own class alone', () => {
    const dns = template('answer "{{ .Name }} 60 {{ .Class }} A 10.1.1.1"')
    expect(said(ask(dns, 'a.example.'))).toBe('NOERROR 10.1.1.1')
    expect(said(ask(dns, 'a.example.', 'A', (q) => ({ ...q, questions: [{ ...q.questions[0]!, class: 'CH' }] })))).toBe('REFUSED')
  })
})
