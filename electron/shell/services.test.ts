import { beforeEach, describe, expect, it } from 'vitest'
import { decodeUtf8, encodeUtf8 } from '../engine/cluster.ts'
import { house, type House } from './house.samples.ts'

/** What a Service promises, told from the outside with curl, in each family of a dual-stack cluster, whoever writes the rules. */
const IMAGE = 'registry.k8s.io/e2e-test-images/agnhost:2.53'
const NODE = { IPv4: '172.18.0.', IPv6: 'fc00:f853:ccd:e793::' } as const
const CLUSTER = { IPv4: '10.96.0.', IPv6: 'fd00:10:96::' } as const

let lab: House
const run = (script: string): string => lab.run(script).output

interface PodOptions { name: string; node?: string; args?: string; labels?: string; extra?: string; spec?: string }
const pod = ({ name, node = 'worker-1', args = 'netexec, --http-port=80, --udp-port=81', labels = 'app: web', extra = '', spec = '' }: PodOptions): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {${labels}}}
spec: {nodeName: ${node}, ${spec}containers: [{name: c, image: '${IMAGE}', args: [${args}]${extra}}]}
---`
const apply = (yaml: string): void => {
  const { output, code } = lab.run(`kubectl apply -f - >/dev/null <<'EOF'\n${yaml}\nEOF\nsleep 8`)
  expect([output, code]).toEqual(['', 0])
}

const WAYS = (['iptables', 'nftables'] as const).flatMap((mode) => (['IPv4', 'IPv6'] as const).map((family) => [mode, family] as const))

describe.each(WAYS)('with %s over %s', (proxyMode, family) => {
  const host = (ip: string): string => (family === 'IPv6' ? `[${ip}]` : ip)
  const node = (n: number): string => host(`${NODE[family]}${n}`)
  const vip = `${CLUSTER[family]}80`
  const service = (spec: string, name = 'web', ip = vip, port = ''): string => `
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {ipFamilies: [${family}], clusterIP: '${ip}', ports: [{port: 80${port}}], ${spec}}
---`
  const client = (n: 1 | 2): string => pod({ name: `client-${n}`, node: `worker-${n}`, labels: 'app: client', args: 'pause' })
  const from = (who: string, url: string, more = ''): string => run(`kubectl exec ${who} -- curl -s -m 2 ${more} ${url}`)
  const addressOf = (name: string): string => run(`kubectl get pod ${name} -o jsonpath='{.status.podIPs[${family === 'IPv4' ? 0 : 1}].ip}'`)
  const seen = (count: number, who: string, pause = ''): string[] => [...new Set(run(`kubectl exec ${who} -- sh -c 'for i in $(seq ${count}); do curl -s -m 2 http://${host(vip)}/hostname; echo; ${pause} done'`).trim().split('\n'))].sort()

  beforeEach(() => {
    lab = house({ ipFamilies: ['IPv4', 'IPv6'], proxyMode })
  })

  it('externalIPs are taken by every node that gets a packet for them', () => {
    apply(pod({ name: 'web', node: 'worker-2' }) + client(1) + service(`selector: {app: web}, externalIPs: ['${NODE[family]}3']`))
    expect(run(`curl -s http://${node(3)}/hostname`)).toBe('web')
    expect(from('client-1', `http://${node(3)}/hostname`)).toBe('web')
    expect(lab.run(`curl -s -m 2 http://${node(4)}/hostname`).code).toBe(7)
  })

  it('sessionAffinity keeps a client at one Pod until its time has passed', () => {
    apply(['a', 'b', 'c'].map((name) => pod({ name })).join('') + client(1) + service('selector: {app: web}, sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 5}}'))
    expect(seen(12, 'client-1')).toHaveLength(1)
    expect(seen(12, 'client-1', 'sleep 6;')).toEqual(['a', 'b', 'c'])
  })

  it('internalTrafficPolicy Local: the Pods of the own node, or nobody', () => {
    apply(pod({ name: 'far', node: 'worker-2' }) + client(1) + client(2) + service('selector: {app: web}, internalTrafficPolicy: Local'))
    expect(from('client-2', `http://${host(vip)}/hostname`)).toBe('far')
    expect(from('client-1', `http://${host(vip)}/hostname`)).toContain('exit code 28')
    apply(pod({ name: 'near' }))
    expect(seen(6, 'client-1')).toEqual(['near'])
  })

  it('externalTrafficPolicy Local: the Pod sees the client, and nodes without a Pod say so at the health check port', () => {
    apply(pod({ name: 'web', node: 'worker-2' }) + service('type: LoadBalancer, selector: {app: web}, externalTrafficPolicy: Local, healthCheckNodePort: 30999', 'web', vip, ', nodePort: 30080'))
    const laptop = family === 'IPv4' ? '192.0.2.10' : '[2001:db8::a]'
    expect(run(`curl -s http://${node(4)}:30080/clientip`)).toMatch(new RegExp(`^${laptop.replaceAll(/[.[\]]/g, '\\$&')}:`))
    expect(lab.run(`curl -s -m 2 http://${node(3)}:30080/`).code).toBe(28)
    expect(run(`curl -s http://${node(4)}:30999/healthz`)).toContain('"localEndpoints": 1')
    expect(run(`curl -s -o /dev/null -w '%{http_code}' http://${node(3)}:30999/healthz`)).toBe('503')
  })

  it('trafficDistribution PreferClose stays in the zone, as long as somebody is there', () => {
    run('kubectl label node worker-1 topology.kubernetes.io/zone=a; kubectl label node worker-2 topology.kubernetes.io/zone=b; sleep 2')
    apply(pod({ name: 'here' }) + pod({ name: 'there', node: 'worker-2' }) + client(1) + service('selector: {app: web}, trafficDistribution: PreferClose'))
    expect(seen(8, 'client-1')).toEqual(['here'])
    run('kubectl delete pod here --now; sleep 3')
    expect(seen(4, 'client-1')).toEqual(['there'])
  })

  it('Pods that terminate are asked only when nobody else is ready', () => {
    const slow = ", lifecycle: {preStop: {sleep: {seconds: 30}}}"
    apply(pod({ name: 'old', node: 'worker-2', extra: slow, spec: 'terminationGracePeriodSeconds: 60, ' }) + client(1) + service('type: NodePort, selector: {app: web}, externalTrafficPolicy: Local', 'web', vip, ', nodePort: 30080'))
    run('kubectl delete pod old --wait=false; sleep 3')
    expect(run("kubectl get endpointslices -l kubernetes.io/service-name=web -o jsonpath='{.items[0].endpoints[0].conditions}'")).toBe('{"ready":false,"serving":true,"terminating":true}')
    expect(from('client-1', `http://${host(vip)}/hostname`)).toBe('old')
    expect(run(`curl -s -m 2 http://${node(4)}:30080/hostname`)).toBe('old')
    apply(pod({ name: 'new' }))
    expect(seen(8, 'client-1')).toEqual(['new'])
    run('sleep 60')
    expect(lab.run(`curl -s -m 2 http://${node(4)}:30080/hostname`).code).toBe(28)
  })

  it('a Pod reaches itself through its own Service, by the name of its node', () => {
    apply(pod({ name: 'web' }) + service('selector: {app: web}'))
    expect(from('web', `http://${host(vip)}/hostname`)).toBe('web')
    expect(from('web', `http://${host(vip)}/clientip`)).toMatch(family === 'IPv4' ? /^10\.244\.1\.1:/ : /^\[fd00:10:244:1::1\]:/)
  })

  it('a client of UDP that keeps its port is led to the Pod that took over', () => {
    apply(pod({ name: 'one' }) + client(1) + service('selector: {app: web}').replace('port: 80', 'port: 81, protocol: UDP'))
    const socket = lab.cluster.podNetwork('default', 'client-1')!.sockets.udp({ port: 4444 })
    const ask = (): string => {
      let answer = ''
      socket.onDatagram = ({ data }) => (answer += decodeUtf8(data))
      socket.send(encodeUtf8('hostname'), vip, 81)
      run('sleep 1')
      return answer
    }
    expect(ask()).toBe('one')
    apply(pod({ name: 'two', node: 'worker-2' }))
    run('kubectl delete pod one --now; sleep 3')
    expect(ask()).toBe('two')
  })

  it('publishNotReadyAddresses: DNS and the rules know Pods that are not ready', () => {
    const never = ', readinessProbe: {exec: {command: [nope]}}'
    apply(pod({ name: 'web', extra: never }) + client(1) + service('selector: {app: web}, publishNotReadyAddresses: true') + service('selector: {app: web}, publishNotReadyAddresses: true', 'peers', 'None') + service('selector: {app: web}', 'hidden', 'None'))
    expect(run('kubectl get pod web --no-headers')).toContain('0/1')
    expect(from('client-1', `http://${host(vip)}/hostname`)).toBe('web')
    const type = family === 'IPv4' ? 'A' : 'AAAA'
    expect(run(`kubectl run dig --image=nicolaka/netshoot --restart=Never -it --rm -q -- dig +short peers.default.svc.cluster.local ${type}`)).toContain(addressOf('web'))
    expect(from('client-1', 'http://hidden/')).toContain('exit code 6')
  })

  it('a Service without a selector leads where its EndpointSlice says', () => {
    apply(client(1) + service('', 'web', vip) + `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: ${family}
ports: [{name: '', port: 80}]
endpoints: [{addresses: ['${family === 'IPv4' ? '192.0.2.53' : '2001:db8::35'}']}]
---`)
    expect(from('client-1', `http://${host(vip)}/`, '-H "Host: example.com"')).toContain('<html>')
  })

  it('a named port may be another number in every Pod', () => {
    const ports = (n: number): string => `, ports: [{name: http, containerPort: ${n}}]`
    apply(pod({ name: 'a', args: 'netexec, --http-port=8080', extra: ports(8080) }) + pod({ name: 'b', args: 'netexec, --http-port=9090', extra: ports(9090) }) + client(1) + service('selector: {app: web}', 'web', vip, ', targetPort: http'))
    expect(seen(12, 'client-1')).toEqual(['a', 'b'])
  })
})

describe('a Service of type LoadBalancer', () => {
  const balanced = (spec: string): string => `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {app: web}, ipFamilyPolicy: RequireDualStack, ports: [{port: 80}], ${spec}}
---`
  const external = (): string[] => run("kubectl get service web -o jsonpath='{.status.loadBalancer.ingress[*].ip}'").split(' ')
  beforeEach(() => {
    lab = house({ ipFamilies: ['IPv4', 'IPv6'], cloud: 'loadbalancer' })
  })

  it('has an address in each of its families, and is reached on both from outside', () => {
    apply(pod({ name: 'web' }) + balanced('externalTrafficPolicy: Local'))
    expect(external()).toEqual(['203.0.113.1', '2001:db8:cafe::1'])
    expect(run('curl -s -m 2 http://203.0.113.1/clientip')).toMatch(/^192\.0\.2\.10:/)
    expect(run('curl -s -m 2 http://[2001:db8:cafe::1]/clientip')).toMatch(/^\[2001:db8::a\]:/)
    run("kubectl patch service web -p '{\"spec\":{\"ipFamilyPolicy\":\"SingleStack\"}}'; sleep 2")
    expect(external()).toEqual(['203.0.113.1'])
    expect(lab.run('curl -s -m 2 http://[2001:db8:cafe::1]/').code).toBe(28)
  })

  it('lets in only the clients of its loadBalancerSourceRanges', () => {
    apply(pod({ name: 'web' }) + balanced("loadBalancerSourceRanges: ['192.0.2.20/32', '2001:db8::/64']"))
    expect(lab.run('curl -s -m 2 http://203.0.113.1/').code).toBe(28)
    expect(run('curl -s -m 2 http://[2001:db8:cafe::1]/hostname')).toBe('web')
  })

  it('is left to another controller when it names a class', () => {
    apply(pod({ name: 'web' }) + balanced('loadBalancerClass: example.com/other'))
    expect(run('kubectl get service web --no-headers')).toMatch(/LoadBalancer +\S+ +<pending>/)
  })
})

it('SCTP ports have rules like any other', () => {
  lab = house()
  apply(pod({ name: 'web' }))
  run('kubectl expose pod web --port 9000 --protocol SCTP; sleep 2')
  expect(run('kubectl get service web --no-headers')).toContain('9000/SCTP')
  expect(run('hop node worker-1 -- iptables-save -t nat | grep default/web')).toMatch(/-p sctp -m comment --comment "default\/web cluster IP" -m sctp --dport 9000 -j KUBE-SVC-/)
})
