import { beforeAll, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** `hubble` on the laptop: by a forwarded port to hubble-relay, which asks the Hubble server of each node ("Setting up Hubble Observability" of cilium/cilium v1.17). */
let lab: House
const run = (script: string): string => lab.run(script).output
/** Without times, ports of clients and numbers of identities. */
const plain = (text: string): string[] => text.split('\n').filter((l) => l !== '').map((l) => l.replace(/^\w{3} +\d+ [\d:.]{12}/, '').replace(/:\d{5}\b/g, '').replace(/\(ID:\d+\)/g, '(ID)'))

beforeAll(() => {
  lab = house({ cni: 'cilium' })
  run(`for i in 1 2; do kubectl run web-$i --image=nginx --overrides='{"spec":{"nodeName":"worker-'$i'"}}'; done
    kubectl run client --image=nicolaka/netshoot --overrides='{"spec":{"nodeName":"worker-1"}}' -- sleep infinity; kubectl wait --for=condition=Ready pod --all`)
})

it('is not there before it is enabled; then it waits for its peers', () => {
  expect(run('hubble status')).toBe('failed to connect to \'localhost:4245\': connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:4245: connect: connection refused"\n')
  expect(run('hubble status -P')).toBe('failed to port forward: services "hubble-relay" not found\n')
  expect(run('cilium hubble enable; cilium status --wait | grep Relay:')).toBe(' \\__/¯¯\\__/    Hubble Relay:       OK\n')
  expect(run('kubectl -n kube-system logs ds/cilium 2>/dev/null | grep Hubble')).toContain('msg="Starting Hubble server" address=":4244" tls=true subsys=hubble')
  expect(run('kubectl -n kube-system get secrets hubble-server-certs -o jsonpath="{.data[\'tls\\.crt\']}" | base64 -d | openssl x509 -noout -subject')).toBe('subject=CN = *.default.hubble-grpc.cilium.io\n')
})

it('tells of all nodes', () => {
  const [health, flows, rate, nodes] = run('cilium hubble port-forward >/tmp/forward & sleep 1; hubble status').split('\n')
  expect(run('cat /tmp/forward')).toBe('ℹ️  Hubble Relay is available at 127.0.0.1:4245\n')
  expect([health, nodes]).toEqual(['Healthcheck (via localhost:4245): Ok', 'Connected Nodes: 3/3'])
  expect([flows, rate].join('\n')).toMatch(/^Current\/Max Flows: \d+\/12,285 \(\d+\.\d\d%\)\nFlows\/s: \d+\.\d\d$/)
  expect(run('hubble list nodes -o wide | awk \'{print $1, $2, $NF, $(NF-1), $(NF-2)}\'')).toBe('NAME STATUS TLS ADDRESS VERSION\ncontrol-plane Connected Enabled 172.18.0.2:4244 v1.17.4\nworker-1 Connected Enabled 172.18.0.3:4244 v1.17.4\nworker-2 Connected Enabled 172.18.0.4:4244 v1.17.4\n')
  expect(run('hubble list namespaces')).toContain('kube-system\n')
  expect(run('hubble status --server 127.0.0.1:4245 -o dict')).toMatch(/NUM CONNECTED NODES: 3\n NUM UNAVAIL\. NODES: 0\n {12}VERSION: hubble-relay v1\.17\.4\n$/)
})

it('brings the flows of both nodes in the order of their times', () => {
  run('kubectl exec client -- curl -s $(kubectl get pod web-2 -o jsonpath={.status.podIP}) -o /dev/null')
  const syn = plain(run('hubble observe --from-pod client --to-pod web-2 --tcp-flags SYN --print-node-name'))
  expect(syn).toEqual([
    ' [default/worker-1]: default/client (ID) -> default/web-2:80 (ID) to-overlay FORWARDED (TCP Flags: SYN)',
    ' [default/worker-2]: default/client (ID) -> default/web-2:80 (ID) to-endpoint FORWARDED (TCP Flags: SYN)',
  ])
  expect(plain(run('hubble observe --from-pod client --to-pod web-2 --tcp-flags SYN --node-name worker-2'))).toHaveLength(1)
  expect(run('hubble observe --pod client --last 3 -o json | jq -r .node_name | sort | uniq -c')).toBe('      3 default/worker-1\n      3 default/worker-2\n')
  // its own connections are flows, too
  expect(plain(run('hubble observe --from-pod kube-system/hubble-relay --to-port 4244 --last 1'))[0]).toMatch(/^: kube-system\/hubble-relay-\S+ \(ID\) -> 172\.18\.0\.\d:4244 \((host|remote-node|kube-apiserver)\) to-(stack|overlay|network) FORWARDED/)
})

it('follows, and a policy shows as what it drops', () => {
  const policy = '{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: closed}, spec: {podSelector: {matchLabels: {run: web-2}}}}'
  run(`hubble observe -f --verdict DROPPED --to-pod default/web-2 >/tmp/drops & sleep 1; echo '${policy}' | kubectl apply -f -
    sleep 1; kubectl exec client -- curl -s -m 1 $(kubectl get pod web-2 -o jsonpath={.status.podIP}); sleep 3; kill %%`)
  expect([...new Set(plain(run('cat /tmp/drops')))]).toEqual([
    ': default/client (ID) <> default/web-2:80 (ID) policy-verdict:none INGRESS DENIED (TCP Flags: SYN)', ': default/client (ID) <> default/web-2:80 (ID) Policy denied DROPPED (TCP Flags: SYN)',
  ])
  expect(run('hubble observe --drop-reason-desc POLICY_DENIED --last 1 --type drop -o json | jq -r .flow.drop_reason_desc')).toBe('POLICY_DENIED\n')
})

it('does without an agent, and says so', () => {
  // where the relay is not: hubble-peer's internalTrafficPolicy is Local
  const away = run('kubectl -n kube-system get pods -l k8s-app=hubble-relay -o jsonpath={.items[0].spec.nodeName}') === 'worker-1' ? 'worker-2' : 'worker-1'
  const elsewhere = { spec: { template: { spec: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'NotIn', values: [away] }] }] } } } } } } }
  run(`kubectl -n kube-system patch ds cilium -p '${JSON.stringify(elsewhere)}'; sleep 90`)
  expect(run('hubble status -P --port-forward-port 4999 | tail -n +4')).toBe(`Connected Nodes: 2/3\nUnavailable Nodes: 1\n  - ${away}\n`)
  expect(plain(run('hubble observe --last 1 -P --port-forward-port 0 2>&1 >/dev/null'))[0]!.replace(/relay-\S+\]/, 'relay]')).toBe(` [default/hubble-relay]: 1 nodes are unavailable: ${away}`)
})

it('refuses what it does not know', () => {
  expect(run('hubble status -o yaml')).toBe('invalid output format: yaml\n')
  expect(run('hubble list nodes -o yaml')).toBe('unknown output format: yaml\n')
  expect(run('hubble observe --to-port x')).toBe('invalid argument "x" for "--to-port" flag: failed to build filter: invalid port filter: strconv.ParseUint: parsing "x": invalid syntax\n')
  expect(run('hubble status --server nowhere')).toContain("failed to connect to 'nowhere'")
  expect(run('hubble status --tls; echo $?')).toBe('podhop: not simulated: hubble --tls (hubble-relay speaks without TLS: use --server HOST:PORT or --port-forward)\n69\n')
  expect(run('cilium hubble ui')).toContain('podhop: not simulated: cilium hubble ui')
  expect(run('cilium hubble disable; sleep 60; hubble status -P --port-forward-port 4777; kubectl -n kube-system exec ds/cilium -- hubble status')).toContain('failed to port forward: services "hubble-relay" not found\n')
})
