import { beforeAll, expect, it } from 'vitest'
import type { KubeObject, Pod } from '../../../kubernetes/types.ts'
import { CallbackFile } from '../../../machine/files.ts'
import { decodeUtf8 } from '../../../text.ts'
import { World } from '../world.samples.ts'

/** `hubble observe` in the agent's container: flows of the packets that have been. */
let w: World
beforeAll(() => {
  w = new World()
  w.pod('web', 'worker-1', { app: 'web' })
  w.pod('client', 'worker-1', { app: 'client' })
  w.pod('other', 'worker-2', { app: 'other' })
})

function start(...argv: string[]): { kill: () => void; text: () => string } {
  const agent = w.cluster.client.list<Pod>('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=cilium', fieldSelector: 'spec.nodeName=worker-1' }).items[0]!
  let text = ''
  const sink = new CallbackFile(w.cluster.clock, (bytes) => (text += decodeUtf8(bytes)))
  const process = w.cluster.container('kube-system', agent.metadata.name)!.start({ argv: ['hubble', ...argv], files: new Map([[1, sink], [2, sink]]) })
  w.cluster.clock.runFor(20)
  return { kill: () => process.signal('SIGINT'), text: () => text }
}
const hubble = (...argv: string[]): string => start(...argv).text()
/** Without times, ports of clients and numbers of identities. */
const plain = (text: string): string[] => text.split('\n').filter((l) => l !== '').map((l) => l.replace(/^\w{3} +\d+ [\d:.]{12}: /, '').replace(/:\d{5}\b/g, '').replace(/\(ID\d*\)|\(ID:\d+\)/g, '(ID)'))

it('a connection of a Pod of this node: what no packet of its direction had before is told', () => {
  w.http(w.cluster.podNetwork('default', 'client')!, w.ip('web'), 'GET /')
  const [there, back] = ['default/client (ID) -> default/web:80 (ID) to-endpoint FORWARDED', 'default/client (ID) <- default/web:80 (ID) to-endpoint FORWARDED']
  expect(plain(hubble('observe', '--pod', 'client'))).toEqual([
    `${there} (TCP Flags: SYN)`, `${back} (TCP Flags: SYN, ACK)`, `${there} (TCP Flags: ACK)`, `${there} (TCP Flags: ACK, PSH)`, `${back} (TCP Flags: ACK, PSH)`, `${back} (TCP Flags: ACK, FIN)`, `${there} (TCP Flags: ACK, RST)`,
  ])
  expect(hubble('observe', '--pod', 'client', '--last', '1', '-o', 'tab')).toMatch(/^TIMESTAMP {13}SOURCE {15,}DESTINATION {6}TYPE {10}VERDICT {5}SUMMARY\n\w{3} [ \d]\d [\d:.]{12} {3}default\/client:\d+ {3}default\/web:80 {3}to-endpoint {3}FORWARDED {3}TCP Flags: ACK, RST\n$/)
  expect(plain(hubble('observe', '--from-pod', 'default/web', '--first', '1'))).toEqual([`${back} (TCP Flags: SYN, ACK)`])
})

it('a Pod of another node answers over the tunnel', () => {
  w.connect(w.cluster.podNetwork('default', 'other')!, w.ip('web'), 80)
  expect(plain(hubble('observe', '--pod', 'other', '--to-port', '80', '--first', '1'))).toEqual(['default/other (ID) -> default/web:80 (ID) to-endpoint FORWARDED (TCP Flags: SYN)'])
  expect(plain(hubble('observe', '--to-pod', 'other', '--first', '1'))).toEqual(['default/other (ID) <- default/web:80 (ID) to-overlay FORWARDED (TCP Flags: SYN, ACK)'])
})

it('verdicts of policies, drops, the proxy and its requests', () => {
  const spec = { endpointSelector: { matchLabels: { app: 'web' } }, ingress: [{ fromEndpoints: [{ matchLabels: { app: 'client' } }], toPorts: [{ ports: [{ port: '80', protocol: 'TCP' }], rules: { http: [{ method: 'GET', path: '/' }] } }] }] }
  w.cluster.client.create('ciliumnetworkpolicies.cilium.io', 'default', { apiVersion: 'cilium.io/v2', kind: 'CiliumNetworkPolicy', metadata: { name: 'web' }, spec } as unknown as KubeObject)
  w.cluster.settle()
  const following = start('observe', '-f', '--pod', 'other')
  w.connect(w.cluster.podNetwork('default', 'other')!, w.ip('web'), 80)
  const [denied, dropped] = ['default/other (ID) <> default/web:80 (ID) policy-verdict:none INGRESS DENIED (TCP Flags: SYN)', 'default/other (ID) <> default/web:80 (ID) Policy denied DROPPED (TCP Flags: SYN)']
  expect(plain(following.text())).toEqual([denied, dropped])
  following.kill()
  expect(plain(hubble('observe', '--verdict', 'DROPPED', '--last', '2'))).toEqual([denied, dropped])
  const { flow, node_name } = JSON.parse(hubble('observe', '-o', 'jsonpb', '--type', 'drop', '--last', '1')) as { flow: Record<string, unknown>; node_name: string }
  expect(node_name).toBe('default/worker-1')
  expect(flow).toMatchObject({ verdict: 'DROPPED', drop_reason: 133, drop_reason_desc: 'POLICY_DENIED', event_type: { type: 1, sub_type: 133 }, traffic_direction: 'INGRESS', l4: { TCP: { destination_port: 80, flags: { SYN: true } } }, source: { pod_name: 'other' }, Summary: 'TCP Flags: SYN' })
  expect(flow).not.toHaveProperty('is_reply')

  w.http(w.cluster.podNetwork('default', 'client')!, w.ip('web'), 'GET /')
  w.http(w.cluster.podNetwork('default', 'client')!, w.ip('web'), 'GET /x')
  expect(plain(hubble('observe', '--verdict', 'REDIRECTED', '--first', '1'))).toEqual(['default/client (ID) -> default/web:80 (ID) policy-verdict:L3-L4 INGRESS ALLOWED (TCP Flags: SYN)'])
  expect(plain(hubble('observe', '--protocol', 'http', '--not', '--http-status', '200'))).toEqual([
    'default/client (ID) -> default/web:80 (ID) http-request FORWARDED (HTTP/1.1 GET http://web/)', 'default/client (ID) -> default/web:80 (ID) http-request DROPPED (HTTP/1.1 GET http://web/x)', 'default/client (ID) <- default/web:80 (ID) http-response DROPPED (HTTP/1.1 403 0ms (GET http://web/x))',
  ])
})

it('status, and what it refuses', () => {
  expect(hubble('status')).toMatch(/^Healthcheck \(via unix:\/\/\/var\/run\/cilium\/hubble\.sock\): Ok\nCurrent\/Max Flows: \d+\/4,095 \(\d+\.\d\d%\)\nFlows\/s: \d+\.\d\d\n$/)
  expect(hubble('observe', '--verdict', 'NO')).toBe('invalid argument "NO" for "--verdict" flag: invalid --verdict value: NO\n')
  expect(hubble('observe', '--namespace', 'x', '--to-pod', 'y')).toContain('cannot be combined')
  expect(hubble('observe', '-f', '-o', 'table')).toBe('table output format is not compatible with follow mode\n')
  expect(hubble('observe', '--trace-id', 'x')).toContain('podhop: not simulated: hubble observe --trace-id')
})
