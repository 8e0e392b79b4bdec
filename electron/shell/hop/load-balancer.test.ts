import { describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

/** `cloud: loadbalancer`, seen from outside: addresses, health, and whom the server sees. */
const WEB = `
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {nodeName: worker-1, containers: [{name: web, image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: [netexec, --http-port=80]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
`

function withWeb(config: Record<string, unknown> = { cloud: 'loadbalancer' }): House & { sh(script: string): string } {
  const made = house(config)
  made.run('kubectl apply -f -', WEB)
  made.cluster.settle()
  return { ...made, sh: (script) => made.run(script).output }
}

const seen = (from: string): string => `hop trace ${from} http://203.0.113.1 -o json | jq -r '.verdict + " " + (.reason // .sourceSeenByServer)'`
const events = "kubectl get events -o custom-columns=R:.reason,M:.message,C:.source.component --no-headers --field-selector involvedObject.kind=Service | sed -E 's/ +/ /g'"

describe('a load balancer of the cloud', () => {
  it('is not there without a cloud: EXTERNAL-IP stays <pending>', () => {
    const { sh, cluster } = withWeb({})
    expect(sh('kubectl get svc web --no-headers')).toMatch(/^web +LoadBalancer +\S+ +<pending> +80:\d+\/TCP/)
    expect(cluster.loadBalancer).toBeUndefined()
  })

  it('gives the Service an address, which leads outsiders and the laptop to its Pods', () => {
    const { sh } = withWeb()
    expect(sh("kubectl get svc web -o jsonpath='{.status.loadBalancer}{.metadata.finalizers}'")).toBe('{"ingress":[{"ip":"203.0.113.1","ipMode":"VIP"}]}["service.kubernetes.io/load-balancer-cleanup"]')
    expect(sh('kubectl get svc web --no-headers')).toContain(' 203.0.113.1 ')
    expect(sh('curl -s http://203.0.113.1/hostname')).toBe('web')
    expect(sh(seen('external'))).toMatch(/^delivered 10\.244\./)
    expect(sh(events)).toBe('EnsuringLoadBalancer Ensuring load balancer service-controller\nEnsuredLoadBalancer Ensured load balancer service-controller\n')
  })

  it('never sends to the control plane, which carries the label that keeps it out', () => {
    const { cluster, sh } = withWeb()
    const nodes = (): string[] => cluster.loadBalancer!.frontends()[0]!.backends.map((b) => b.name)
    expect(nodes()).toEqual(['worker-1', 'worker-2'])
    sh('kubectl label node worker-2 node.kubernetes.io/exclude-from-external-load-balancers=')
    cluster.settle()
    expect(nodes()).toEqual(['worker-1'])
    expect(sh(events)).toContain('UpdatedLoadBalancer Updated load balancer with new hosts')
    sh('kubectl label node worker-1 node.kubernetes.io/exclude-from-external-load-balancers=')
    cluster.settle()
    expect(sh(events)).toContain('UnAvailableLoadBalancer There are no available nodes for LoadBalancer')
  })

  it('with externalTrafficPolicy Local asks the node for its endpoints, and the server sees the client', () => {
    const { sh, cluster } = withWeb()
    sh(`kubectl patch svc web -p '{"spec":{"externalTrafficPolicy":"Local"}}'; sleep 30`)
    expect(cluster.loadBalancer!.frontends()[0]!.backends).toMatchObject([{ name: 'worker-1', healthy: true }, { name: 'worker-2', healthy: false, problem: '503' }])
    expect(sh(seen('external'))).toBe('delivered 192.0.2.20\n')
    // any client of the internet, of its wire or from further away, and nothing of it stays
    for (const ip of ['192.0.2.77', '198.51.100.7', '8.8.4.4']) expect(sh(seen(`external/${ip}`))).toBe(`delivered ${ip}\n`)
    expect(cluster.external.network.isLocal('8.8.4.4')).toBe(false)
    expect(sh('curl -s http://203.0.113.1/clientip')).toMatch(/^192\.0\.2\.10:\d+$/)
    const answer = (node: string): string => sh(`curl -s -w '%{http_code}' http://${node}:$(kubectl get svc web -o jsonpath='{.spec.healthCheckNodePort}')/healthz`)
    expect(answer('172.18.0.3')).toBe('{\n\t"service": {\n\t\t"namespace": "default",\n\t\t"name": "web"\n\t},\n\t"localEndpoints": 1,\n\t"serviceProxyHealthy": true\n}200')
    expect(answer('172.18.0.4')).toContain('"localEndpoints": 0')
    expect(answer('172.18.0.4')).toMatch(/503$/)
    expect(sh('curl -s http://172.18.0.3:10256/healthz')).toMatch(/^\{"lastUpdated": "2026-01-05 [\d:.]+ \+0000 UTC m=\+[\d.]+","currentTime": "[^"]+", "nodeEligible": true\}$/)
  })

  it('takes a node out that does not answer, and sends to the others', () => {
    const { sh, cluster } = withWeb()
    sh('hop fault apply node-down worker-2; sleep 30')
    expect(cluster.loadBalancer!.frontends()[0]!.backends.map((b) => [b.name, b.healthy])).toEqual([['worker-1', true], ['worker-2', false]])
    for (let i = 0; i < 4; i++) expect(sh(seen('external'))).toMatch(/^delivered/)
    sh('hop fault clear --all; sleep 60')
    expect(cluster.loadBalancer!.frontends()[0]!.backends.every((b) => b.healthy)).toBe(true)
  })

  it('names what it drops', () => {
    const { sh } = withWeb()
    expect(sh('hop trace external http://203.0.113.1:81 -o json | jq -r .reason')).toBe('drop-load-balancer\n')
    expect(sh('hop trace external http://203.0.113.9 -o json | jq -r .reason')).toBe('drop-load-balancer\n')
    sh(`kubectl patch svc web -p '{"spec":{"externalTrafficPolicy":"Local"}}'; kubectl delete pod web --now; sleep 30`)
    expect(sh(seen('external'))).toBe('dropped drop-no-healthy-node\n')
  })

  it('leaves loadBalancerSourceRanges to kube-proxy', () => {
    const { sh } = withWeb()
    sh(`kubectl patch svc web -p '{"spec":{"loadBalancerSourceRanges":["192.0.2.20/32"]}}'; sleep 3`)
    expect(sh(seen('external'))).toMatch(/^delivered/)
    expect(sh(seen('laptop'))).toBe('dropped drop-filter-rule\n')
    expect(sh(events)).toContain('LoadBalancerSourceRanges [] -> [192.0.2.20/32] service-controller')
  })

  it('gives the address that is asked for, and says why not', () => {
    const { sh, run, cluster } = withWeb()
    const second = (spec: string, name: string): void => {
      run('kubectl apply -f -', `{apiVersion: v1, kind: Service, metadata: {name: ${name}}, spec: {type: LoadBalancer, ${spec}, selector: {app: web}, ports: [{port: 80}]}}`)
      cluster.settle()
    }
    second('loadBalancerIP: 203.0.113.77', 'wanted')
    second('loadBalancerIP: 203.0.113.77', 'taken')
    second('loadBalancerIP: 198.51.100.1', 'foreign')
    second('loadBalancerClass: example.com/other', 'other')
    expect(sh('kubectl get svc --no-headers | sort | awk \'$2 == "LoadBalancer" {print $1, $4}\'')).toBe('foreign <pending>\nother <pending>\ntaken <pending>\nwanted 203.0.113.77\nweb 203.0.113.1\n')
    expect(sh(events)).toContain('SyncLoadBalancerFailed Error syncing load balancer: failed to ensure load balancer: requested IP 203.0.113.77 is already in use by default/wanted service-controller')
    expect(sh(events)).toContain("requested IP 198.51.100.1 is not an address of the load balancer's pool 203.0.113.0/24")
    expect(sh('kubectl get svc other -o yaml')).not.toContain('finalizers')
  })

  it('goes with the Service, or with its type', () => {
    const { sh, cluster } = withWeb()
    sh(`kubectl patch svc web -p '{"spec":{"type":"ClusterIP"}}'`)
    cluster.settle()
    expect(cluster.loadBalancer!.frontends()).toEqual([])
    expect(sh('kubectl get svc web -o yaml')).not.toMatch(/finalizers|ingress|nodePort/)
    expect(sh(events)).toContain('Type LoadBalancer -> ClusterIP service-controller\nDeletingLoadBalancer Deleting load balancer service-controller\nDeletedLoadBalancer Deleted load balancer service-controller\n')
    sh(`kubectl patch svc web -p '{"spec":{"type":"LoadBalancer"}}'`)
    cluster.settle()
    sh('kubectl delete svc web')
    cluster.settle()
    expect(cluster.loadBalancer!.frontends()).toEqual([])
    expect(sh('kubectl get svc web')).toContain('NotFound')
  })
})

describe('an answer that nobody translates back', () => {
  it('is no success: IPVS has sent the packet on from a node without endpoints, and the answer comes another way', () => {
    const { sh, run, cluster } = withWeb({ proxyMode: 'ipvs', cni: 'bridge' })
    run('kubectl apply -f -', 'apiVersion: v1\nkind: Service\nmetadata: {name: loc}\nspec: {type: NodePort, externalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 80, nodePort: 30081}]}\n')
    run('kubectl run far --image=nicolaka/netshoot --overrides=\'{"spec": {"nodeName": "worker-2"}}\' -- sleep infinity')
    cluster.settle()
    expect(sh("hop trace default/far 172.18.0.2:30081 -o json | jq -r '.verdict + \" \" + .reason, .reply[-1].text'")).toMatch(/^dropped drop-unasked-answer\nThe answer comes from 10\.244\.\S+:80, but 172\.18\.0\.2:30081 was asked: /)
    expect(run('kubectl exec far -- curl -s -m 3 http://172.18.0.2:30081').code).toBe(28)
  })

  it('and Cilium in the place of kube-proxy tells the load balancer that its node is well', () => {
    const { sh } = withWeb({ cloud: 'loadbalancer', cni: 'cilium' })
    expect(sh(seen('laptop'))).toMatch(/^delivered /)
  })
})
