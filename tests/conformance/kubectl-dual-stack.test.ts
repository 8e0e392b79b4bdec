import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findKubectl } from './kubectl/find-kubectl.ts'
import { TwoClusters } from './kubectl/two-clusters.ts'

const REAL = findKubectl()

const FILES: Record<string, string> = {
  'both.yaml': `apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: c, image: nginx, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-2, labels: {app: web}}
spec: {hostNetwork: true, containers: [{name: c, image: nginx, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: both}
spec: {ipFamilyPolicy: PreferDualStack, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: six}
spec: {type: NodePort, ipFamilies: [IPv6], selector: {app: web}, externalIPs: ['2001:db8::7'], ports: [{name: http, port: 80}, {name: alt, port: 81, targetPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: peers}
spec: {clusterIP: None, ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv6, IPv4], selector: {app: web}, ports: [{port: 80}]}
`,
  'twice.yaml': 'apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ipFamilies: [IPv4, IPv4], ports: [{port: 80}]}\n',
  'single.yaml': 'apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ipFamilyPolicy: SingleStack, ipFamilies: [IPv4, IPv6], ports: [{port: 80}]}\n',
  'outside.yaml': "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {clusterIP: 'fd00:10:97::1', ports: [{port: 80}]}\n",
}

const COMMANDS = [
  'apply -f both.yaml', '# wait 6', 'get pods', 'get pods -o wide', 'describe pod web --show-events=false', 'describe pod web-2 --show-events=false', 'get services', 'get services -o wide', 'describe service both', 'describe service six', 'describe service peers',
  'get endpointslices', 'get endpointslices -l kubernetes.io/service-name=both -o yaml', 'get endpoints', 'describe endpoints six', 'describe endpointslices -l kubernetes.io/service-name=six', 'get service both -o yaml', 'get service peers -o json', 'get nodes -o wide', 'get node worker-1 -o jsonpath={.status.addresses}{.spec}',
  'get ipaddresses', 'get servicecidrs', 'describe servicecidr kubernetes', 'apply -f twice.yaml', 'apply -f single.yaml', 'apply -f outside.yaml',
  `patch service both -p {"spec":{"ipFamilies":["IPv6","IPv4"]}}`, `patch service both -p {"spec":{"ipFamilies":["IPv4"]}}`, `patch service both -p {"spec":{"ipFamilyPolicy":"SingleStack"}}`, 'get service both -o yaml',
  `patch service six -p {"spec":{"ipFamilyPolicy":"PreferDualStack"}}`, 'describe service six', 'explain service.spec.ipFamilyPolicy', 'expose pod web --port 90 --name exposed', 'get service exposed -o yaml',
]

describe.skipIf(!REAL)('of a dual-stack cluster kubectl says what kubectl 1.33 says', () => {
  let both: TwoClusters

  beforeAll(async () => {
    both = new TwoClusters(REAL!, { ipFamilies: ['IPv4', 'IPv6'] })
    await both.open()
    for (const [name, content] of Object.entries(FILES)) both.write(name, content)
  })
  afterAll(() => both.close())

  it.each(COMMANDS.map((line, i): [number, string] => [i + 1, line]))('%i: %s', async (_, line) => {
    const pause = /^# wait (\d+)$/.exec(line)
    if (pause) return both.wait(Number(pause[1]) * 1000)
    const { ours, real } = await both.both(line.split(' '))
    expect(ours).toEqual(real)
  })
})
