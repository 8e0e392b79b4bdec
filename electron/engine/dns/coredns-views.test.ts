import { beforeEach, expect, test } from 'vitest'
import { SmallCluster, type PodSample } from '../cni/small-cluster.samples.ts'
import { dnsQuery, type DnsMessage } from '../network/wire/dns.ts'
import { compileExpression } from './coredns/expression.ts'
import { exchange } from './exchange.ts'

/** plugin/{view,nsid,erratic,timeouts,root,cancel} of CoreDNS v1.12.0, after test/view_test.go and the plugins' own tests. */
let cluster: SmallCluster
let client: PodSample
beforeEach(() => {
  cluster = new SmallCluster('bridge', ['worker-1'])
  client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
})

function start(corefile: string, files: Record<string, string> = {}): PodSample {
  const pod = cluster.pod('coredns', 'worker-1', 'registry.k8s.io/coredns/coredns:v1.12.0', { args: ['-conf', '/Corefile'], files: { '/Corefile': corefile, '/etc/resolv.conf': 'nameserver 172.18.0.1\n', ...files } })
  cluster.clock.runFor(1000)
  return pod
}

function ask(server: PodSample, name: string, type = 'A', more: Partial<DnsMessage> = {}, timeout = 1000): DnsMessage | undefined {
  return cluster.run(client.machine, (p) => exchange(p, { servers: [server.ip], queries: [{ ...dnsQuery(7, name, type), ...more }], timeout })).replies[0]
}

const first = (reply: DnsMessage | undefined): string => {
  const data = reply?.answers[0]?.data
  return `${reply?.rcode} ${data && 'address' in data ? data.address : ''}`
}

// test/view_test.go
const VIEWS = `
split-type { view test-view-a {
  expr type() == 'A'
 }
 hosts {
  1.2.3.4 test.split-type
 }
}
split-type {
 view test-view-aaaa {
  expr type() == 'AAAA'
 }
 hosts {
  1:2:3::4 test.split-type
 }
}
split-name {
 view test-view-1 {
  expr name() matches '^one\\\\..*\\\\.split-name\\\\.$'
 }
 hosts {
  1.1.1.1 one.test.split-name one.test.test.test.split-name
 }
}
split-name {
 view test-view-2 {
  expr name() matches '^two\\\\..*\\\\.split-name\\\\.$'
 }
 hosts {
  2.2.2.2 two.test.split-name two.test.test.test.split-name
 }
}
split-name {
 hosts {
  3.3.3.3 default.test.split-name
 }
}
metadata {
 metadata
 view test-view-meta1 {
  expr metadata('view/name') == 'not-the-view-name'
 }
 hosts {
  1.1.1.1 test.metadata
 }
}
metadata {
 view test-view-meta2 {
  expr metadata('view/name') == 'test-view-meta2'
 }
 hosts {
  2.2.2.2 test.metadata
 }
}
metadata {
 metadata
 prometheus :9153
 log . "{/view/name} {name}"
 view test-view-meta3 {
  expr metadata('view/name') == 'test-view-meta3'
 }
 hosts {
  2.2.2.3 test.metadata
 }
}
metadata {
 hosts {
  3.3.3.3 test.metadata
 }
}
`

test('views: of the blocks of a zone the first whose conditions are true takes a query', () => {
  const dns = start(VIEWS)
  const rows = [
    ['test.split-type.', 'A', 'NOERROR 1.2.3.4'], ['test.split-type.', 'AAAA', 'NOERROR 1:2:3::4'], ['test.split-type.', 'TXT', 'REFUSED '],
    ['one.test.split-name.', 'A', 'NOERROR 1.1.1.1'], ['one.test.test.test.split-name.', 'A', 'NOERROR 1.1.1.1'], ['two.test.split-name.', 'A', 'NOERROR 2.2.2.2'],
    ['two.test.test.test.split-name.', 'A', 'NOERROR 2.2.2.2'], ['default.test.split-name.', 'A', 'NOERROR 3.3.3.3'], ['test.metadata.', 'A', 'NOERROR 2.2.2.3'],
  ] as const
  for (const [name, type, expected] of rows) expect(`${name} ${type} ${first(ask(dns, name, type))}`).toBe(`${name} ${type} ${expected}`)
  expect(dns.output()).toContain('[INFO] test-view-meta3 test.metadata.\n')
  // each zone is told once, however many blocks it has
  expect(dns.output().match(/^split-name\.:53$/gm)).toHaveLength(1)
})

test('views tell clients apart; a block behind one without a view is never asked, and says so', () => {
  const dns = start(`. {\n view inside {\n  expr incidr(client_ip(), '10.244.0.0/16') && not (name() endsWith '.secret.')\n }\n hosts {\n  1.1.1.1 a.test a.secret\n }\n}\n. {\n hosts {\n  2.2.2.2 a.test a.secret\n }\n}\n`)
  expect([first(ask(dns, 'a.test.')), first(ask(dns, 'a.secret.'))]).toEqual(['NOERROR 1.1.1.1', 'NOERROR 2.2.2.2'])
  const twice = start('. {\n whoami\n}\n. {\n view v {\n  expr true\n }\n whoami\n}\n')
  expect([twice.output(), twice.process.status?.code]).toEqual(['cannot serve dns://.:53 - it is already defined\n', 1])
})

const env = {
  functions: { type: () => 'A', name: () => 'web.shop.test.', class: () => 'IN', proto: () => 'udp', client_ip: () => '10.244.1.7', port: () => '40000', server_ip: () => '10.244.0.2', server_port: () => '53' },
  numbers: { size: () => 40, id: () => 7, opcode: () => 0, bufsize: () => 1232 }, do: () => false, metadata: (label: string) => (label === 'kubernetes/client-namespace' ? 'team' : ''),
}

// plugin/pkg/expression/expression_test.go, and expr-lang's definition of its language
test.each([
  ["incidr('1.2.3.4','1.2.0.0/16')", true], ["incidr('1.2.3.4','0.2.0.0/16')", false], ["incidr('1:2::3:4','1:2::/64')", true], ["incidr('1.2.3.4','invalid')", false],
  ["metadata('kubernetes/client-namespace') == 'team'", true], ["type() in ['A', 'AAAA']", true], ["type() not in ['A', 'AAAA']", false], ["name() startsWith 'web.' and name() contains 'shop'", true],
  ['size() > 30 && bufsize() >= 1232 || false', true], ['id() % 2 == 1 ? do() : true', false], ['not do()', true], ['!do() and 2 + 3 * 2 == 8', true], ['id() in 1..10', true],
  ["len(name()) == 14 and upper(proto()) == \"UDP\"", true], ["split(name(), '.') == ['web', 'shop', 'test', '']", true], ["int(port()) - 1 == 39999", true], ['1', false], ["name() matches '(?i)^WEB'", true],
])('%s', (source, expected) => {
  expect(compileExpression(source)(env)).toBe(expected)
})

test.each([
  ["nam() == 'a'", "unknown name nam (1:1)\n | nam() == 'a'\n | ^"],
  ['name() == 1', 'invalid operation: == (mismatched types string and int) (1:8)\n | name() == 1\n | .......^'],
  ["incidr(client_ip())", 'not enough arguments to call incidr (1:1)\n | incidr(client_ip())\n | ^'],
  ["type() 'A'", 'unexpected token String("A") (1:8)\n | type() \'A\'\n | .......^'],
  ['type() ==', 'unexpected token EOF (1:9)\n | type() ==\n | ........^'],
  ["name() @ 'a'", "unrecognized character: U+0040 '@' (1:8)\n | name() @ 'a'\n | .......^"],
  ['id() and true', 'invalid operation: and (mismatched types int and bool) (1:6)\n | id() and true\n | .....^'],
])('a view with %s does not start', (expr, message) => {
  const dns = start(`. {\n view v {\n  expr ${expr}\n }\n whoami\n}\n`)
  expect([dns.output(), dns.process.status?.code]).toEqual([`plugin/view: ${message}\n`, 1])
})

test('nsid tells who answers, to those who ask', () => {
  const dns = start('. {\n nsid Use the force\n whoami\n}\n')
  const edns = { udpSize: 1232, version: 0, dnssecOk: false, options: [{ code: 3, data: new Uint8Array(0) }] }
  const text = (reply: DnsMessage | undefined): string[] => (reply?.edns?.options ?? []).map(({ data }) => new TextDecoder().decode(data))
  expect(text(ask(dns, 'example.org.', 'A', { edns }))).toEqual(['Use the force'])
  expect(ask(dns, 'example.org.', 'A', { edns: { ...edns, options: [] } })?.edns?.options).toEqual([])
  expect(text(ask(start('. {\n nsid\n whoami\n}\n'), 'example.org.', 'A', { edns }))).toEqual(['coredns'])
})

test('erratic: every second query is lost, or late, or cut off', () => {
  const answers = (dns: PodSample, n: number, timeout?: number): string[] => Array.from({ length: n }, () => {
    const reply = ask(dns, 'example.org.', 'A', {}, timeout)
    return `${first(reply)}${reply?.truncated ? ' tc' : ''}`
  })
  expect(answers(start('. {\n erratic\n}\n'), 4)).toEqual(['undefined ', 'NOERROR 192.0.2.53', 'undefined ', 'NOERROR 192.0.2.53'])
  expect(answers(start('. {\n erratic {\n  delay 2 300ms\n }\n}\n'), 4, 200)).toEqual(['undefined ', 'NOERROR 192.0.2.53', 'undefined ', 'NOERROR 192.0.2.53'])
  expect(answers(start('. {\n erratic {\n  truncate 1\n }\n}\n'), 2)).toEqual(['NOERROR 192.0.2.53 tc', 'NOERROR 192.0.2.53'])
})

test('root: where the files of a server are', () => {
  const dns = start('. {\n root /zones\n file db.test test\n}\n', { '/zones/db.test': '$ORIGIN test.\n$TTL 60\n@ IN SOA ns root 1 60 60 60 60\nwww IN A 10.0.0.9\n' })
  expect(first(ask(dns, 'www.test.'))).toBe('NOERROR 10.0.0.9')
  expect(start('. {\n root /nowhere\n whoami\n}\n').output()).toContain('[WARNING] plugin/root: Root path does not exist: /nowhere\n')
})

// the plugins' setup_test.go
test.each([
  ['erratic {\n drop -1\n}', 'plugin/erratic: illegal amount value given "-1"'],
  ['erratic {\n delay 3 4 5\n}', "plugin/erratic: /Corefile:3 - Error during parsing: Wrong argument count or unexpected line ending after '5'"],
  ['erratic {\n fleeb\n}', "plugin/erratic: /Corefile:3 - Error during parsing: unknown property 'fleeb'"],
  ['view', "plugin/view: /Corefile:2 - Error during parsing: Wrong argument count or unexpected line ending after 'view'"],
  ['view v {\n foo bar\n}', "plugin/view: /Corefile:3 - Error during parsing: unknown property 'foo'"],
  ['timeouts', 'plugin/timeouts: plugin/timeouts: /Corefile:2 - Error during parsing: timeouts block with no timeouts specified'],
  ['timeouts {\n read 3s\n idle 10m\n foo 2s\n}', "plugin/timeouts: /Corefile:5 - Error during parsing: unknown option: 'foo'"],
  ['timeouts {\n idle 1\n read 500ms\n}', "plugin/timeouts: /Corefile:4 - Error during parsing: timeout provided '500ms' needs to be between 1 second and 24 hours"],
  ['timeouts {\n read soon\n}', "plugin/timeouts: /Corefile:3 - Error during parsing: failed to parse duration 'soon'"],
  ['cancel -5s', 'plugin/cancel: invalid negative duration: "-5s"'],
  ['cancel 5', 'plugin/cancel: invalid duration: "5"'],
  ['bufsize 100', "plugin/bufsize: plugin/bufsize: /Corefile:2 - Error during parsing: Wrong argument count or unexpected line ending after '100'"],
])('%j does not start', (block, message) => {
  const dns = start(`. {\n${block}\nwhoami\n}\n`)
  expect([dns.output(), dns.process.status?.code]).toEqual([`${message}\n`, 1])
})

test('what is taken starts', () => {
  expect(start('. {\n timeouts {\n  read 30s\n  write 5\n  idle 2m\n }\n cancel 2s\n bufsize\n whoami\n}\n').output()).toContain('CoreDNS-1.12.0\n')
})
