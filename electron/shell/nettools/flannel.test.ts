import { describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

const WEB = 'kubectl create deployment web --image=nginx --replicas=4; kubectl rollout status deployment/web; kubectl expose deployment web --port=80'

function far(run: House['run']): string {
  return run("kubectl get pods -o jsonpath='{.items[?(@.spec.nodeName==\"worker-2\")].status.podIP}'").output.split(' ')[0]!
}

describe('flannel with other backends than vxlan', () => {
  it('routes to the nodes themselves: no tunnel, the whole MTU', () => {
    const { run } = house({ cni: { plugin: 'flannel', backend: 'host-gw' } })
    run(WEB)
    const routes = run('hop node worker-1 -- ip route').output
    expect(routes).toMatch(/^10\.244\.0\.0\/24 via 172\.18\.0\.\d dev eth0 $/m)
    expect(routes).toMatch(/^10\.244\.2\.0\/24 via 172\.18\.0\.4 dev eth0 $/m)
    expect(run('hop node worker-1 -- ip link show flannel.1').code).toBe(1)
    expect(run('hop node worker-1 -- cat /run/flannel/subnet.env').output).toContain('FLANNEL_MTU=1500\n')
    expect(run('kubectl get node worker-1 -o jsonpath="{.metadata.annotations}"').output).toContain('"flannel.alpha.coreos.com/backend-data":"null","flannel.alpha.coreos.com/backend-type":"host-gw"')
    const log = run("kubectl -n kube-flannel logs ds/kube-flannel-ds --all-pods 2>/dev/null || kubectl -n kube-flannel logs $(kubectl -n kube-flannel get pod --field-selector spec.nodeName=worker-1 -o name)").output
    expect(log).toContain('route_network.go:55] Watching for new subnet leases\n')
    expect(log).toContain('route_network.go:92] Subnet added: 10.244.2.0/24 via 172.18.0.4\n')
    const trace = JSON.parse(run(`hop trace node/worker-1 ${far(run)}:80 -o json`).output) as { verdict: string; hops: { stage: string }[] }
    expect(trace.verdict).toBe('delivered')
    expect(trace.hops.some((h) => h.stage === 'encapsulate')).toBe(false)
    expect(run('kubectl run c --image=curlimages/curl --restart=Never -i --rm -q -- curl -s -o /dev/null -w "%{http_code}" http://web').output).toContain('200')
  })

  it('a lost route is there again after ten seconds', () => {
    const { run } = house({ cni: { plugin: 'flannel', backend: 'host-gw' } })
    run('hop node worker-1 -- ip route del 10.244.2.0/24')
    expect(run('hop node worker-1 -- ip route').output).not.toContain('10.244.2.0/24')
    run('sleep 11')
    expect(run('hop node worker-1 -- ip route').output).toContain('10.244.2.0/24 via 172.18.0.4 dev eth0')
  })

  it('can be chosen later, in the ConfigMap, as soon as the Pods are made anew', () => {
    const { run } = house()
    run(WEB)
    expect(run('hop node worker-1 -- ip route').output).toContain('10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink')
    run("kubectl -n kube-flannel get cm kube-flannel-cfg -o yaml | sed 's/\"Type\": \"vxlan\"/\"Type\": \"host-gw\"/' | kubectl apply -f - 2>/dev/null")
    run('kubectl -n kube-flannel rollout restart ds/kube-flannel-ds; kubectl -n kube-flannel rollout status ds/kube-flannel-ds; sleep 20')
    expect(run('hop node worker-1 -- ip route').output).toContain('10.244.2.0/24 via 172.18.0.4 dev eth0')
    expect(run(`hop trace node/worker-1 ${far(run)}:80 -o json | jq -r .verdict`).output).toBe('delivered\n')
  })

  it('with wireguard, Pods speak through an encrypted device that goes and comes with flanneld', () => {
    const { run } = house({ cni: { plugin: 'flannel', backend: 'wireguard' } })
    run(WEB)
    const routes = run('hop node worker-1 -- ip route').output
    expect(routes).toMatch(/^10\.244\.0\.0\/16 dev flannel-wg scope link $/m)
    expect(run('hop node worker-1 -- cat /run/flannel/subnet.env').output).toContain('FLANNEL_MTU=1420\n')
    const shown = run('hop node worker-1 -- wg show flannel-wg').output
    expect(shown).toContain('  listening port: 51820\n')
    const key = /public key: (\S+)/.exec(run('hop node worker-2 -- wg show flannel-wg').output)![1]!
    expect(shown).toContain(`peer: ${key}\n  endpoint: 172.18.0.4:51820\n  allowed ips: 10.244.2.0/24\n`)
    expect(run('kubectl get node worker-2 -o yaml').output).toContain(`flannel.alpha.coreos.com/backend-data: '{"PublicKey":"${key}"}'\n    flannel.alpha.coreos.com/backend-type: wireguard\n`)
    const trace = JSON.parse(run(`hop trace node/worker-1 ${far(run)}:80 -o json`).output) as { verdict: string; hops: { stage: string; text: string }[] }
    expect([trace.verdict, trace.hops.some((h) => h.stage === 'encapsulate' && h.text.includes('encrypts the whole packet'))]).toEqual(['delivered', true])
    run('kubectl run c --image=curlimages/curl --overrides=\'{"spec":{"nodeName":"worker-1"}}\' --command -- sleep 999; kubectl wait --for=condition=Ready pod/c')
    expect(run(`kubectl exec c -- curl -s -m 2 -o /dev/null -w "%{http_code}" http://${far(run)}`).output).toBe('200')
    run('kubectl -n kube-flannel delete pod --field-selector spec.nodeName=worker-1; sleep 10')
    expect(run('hop node worker-1 -- wg show flannel-wg').output).toContain(`peer: ${key}\n`)
    expect(run(`kubectl exec c -- curl -s -m 2 -o /dev/null -w "%{http_code}" http://${far(run)}`).output).toBe('200')
    expect(run('kubectl logs -n kube-flannel $(kubectl -n kube-flannel get pod --field-selector spec.nodeName=worker-1 -o name)').output).toContain('Subnet added: 10.244.2.0/24 via 172.18.0.4:51820\n')
  })

  it('with ipip, the nodes are the other ends of one tunnel, twenty bytes a packet; DirectRouting leaves it out', () => {
    const { run } = house({ cni: { plugin: 'flannel', backend: 'ipip' } })
    run(WEB)
    const path = (): unknown => {
      const { verdict, hops } = JSON.parse(run(`hop trace node/worker-1 ${far(run)}:80 -o json`).output) as { verdict: string; hops: { stage: string; interface?: string }[] }
      return [verdict, hops.filter((h) => h.stage === 'encapsulate' || h.stage === 'decapsulate').map((h) => h.interface)]
    }
    expect(run('hop node worker-1 -- ip route').output).toContain('10.244.2.0/24 via 172.18.0.4 dev flannel.ipip onlink \n')
    expect(run('hop node worker-1 -- ip -d addr show flannel.ipip').output).toMatch(/^\d+: flannel\.ipip@NONE: <NOARP,UP,LOWER_UP> mtu 1480 [^]*\n {4}link\/ipip 172\.18\.0\.3 brd 0\.0\.0\.0 [^]*\n {4}ipip ipip remote any local 172\.18\.0\.3 ttl inherit nopmtudisc [^]*\n {4}inet 10\.244\.1\.0\/32 scope global flannel\.ipip\n/)
    expect(run('hop node worker-1 -- cat /run/flannel/subnet.env').output).toContain('FLANNEL_MTU=1480\n')
    expect(path()).toEqual(['delivered', ['flannel.ipip', 'flannel.ipip']])
    expect(run('kubectl run c --image=curlimages/curl --restart=Never -i --rm -q -- curl -s -o /dev/null -w "%{http_code}" http://web').output).toContain('200')
    run('hop node worker-1 -- ip route del 10.244.2.0/24; sleep 11')
    expect(path()).toEqual(['delivered', ['flannel.ipip', 'flannel.ipip']])
    run("kubectl -n kube-flannel get cm kube-flannel-cfg -o yaml | sed 's/\"Type\": \"ipip\"/\"Type\": \"ipip\", \"DirectRouting\": true/' | kubectl apply -f - 2>/dev/null; kubectl -n kube-flannel rollout restart ds/kube-flannel-ds; kubectl -n kube-flannel rollout status ds/kube-flannel-ds; sleep 20")
    expect(run('hop node worker-1 -- ip route').output).toContain('10.244.2.0/24 via 172.18.0.4 dev eth0')
    expect(path()).toEqual(['delivered', []])
  })

  it('DirectRouting leaves the tunnel out to nodes on the same wire, once flanneld has started anew; the log says so', () => {
    const { run } = house()
    run(WEB)
    run("kubectl -n kube-flannel get cm kube-flannel-cfg -o yaml | sed 's/\"Type\": \"vxlan\"/\"Type\": \"vxlan\", \"DirectRouting\": true/' | kubectl apply -f - 2>/dev/null; sleep 60")
    expect(run('hop node worker-1 -- ip route').output).toContain('10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink')
    run('kubectl -n kube-flannel rollout restart ds/kube-flannel-ds; kubectl -n kube-flannel rollout status ds/kube-flannel-ds; sleep 20')
    expect(run('hop node worker-1 -- ip route').output).toContain('10.244.2.0/24 via 172.18.0.4 dev eth0')
    expect(run('hop node worker-1 -- cat /run/flannel/subnet.env').output).toContain('FLANNEL_MTU=1450\n')
    const trace = JSON.parse(run(`hop trace node/worker-1 ${far(run)}:80 -o json`).output) as { verdict: string; hops: { stage: string }[] }
    expect([trace.verdict, trace.hops.some((h) => h.stage === 'encapsulate')]).toEqual(['delivered', false])
    expect(run('kubectl -n kube-flannel logs $(kubectl -n kube-flannel get pod --field-selector spec.nodeName=worker-1 -o name)').output).toMatch(/match\.go:259\] Using interface with name eth0 and address 172\.18\.0\.3\n.*match\.go:281\] Defaulting external address to interface address \(172\.18\.0\.3\)\n.*vxlan\.go:141\] VXLAN config: VNI=1 Port=0 GBP=false Learning=false DirectRouting=true\n/)
  })

  it('--iface says which interface; one that is not there ends flanneld, and what is not heeded is said', () => {
    const { run } = house()
    const args = (...more: string[]): string => {
      run(`kubectl -n kube-flannel patch ds kube-flannel-ds --type json -p '[{"op":"replace","path":"/spec/template/spec/containers/0/args","value":${JSON.stringify(['--ip-masq', '--kube-subnet-mgr', ...more])}}]'; sleep 5; kubectl -n kube-flannel delete pod --field-selector spec.nodeName=worker-1; sleep 15`)
      return run('kubectl -n kube-flannel logs $(kubectl -n kube-flannel get pod --field-selector spec.nodeName=worker-1 -o name)').output
    }
    expect(args('--iface=eth9')).toMatch(/main\.go:262\] Could not find valid interface matching eth9: error looking up interface eth9: route ip\+net: no such network interface\n.*main\.go:267\] Failed to find interface to use that matches the interfaces and\/or regexes provided\n$/)
    expect(args('--iface=eth9', '--iface=eth0')).toContain('] Using interface with name eth0 and address 172.18.0.3\n')
    expect(args('--public-ip=1.2.3.4')).toContain('podhop: not simulated: flanneld --public-ip=1.2.3.4 (use its default, or --iface)\n')
    expect(args('--nonsense')).toContain('flag provided but not defined: -nonsense\n')
  })

  it('says which backends there are', () => {
    const { run } = house()
    run("kubectl -n kube-flannel get cm kube-flannel-cfg -o yaml | sed 's/\"Type\": \"vxlan\"/\"Type\": \"ipsec\"/' | kubectl apply -f - 2>/dev/null")
    run('kubectl -n kube-flannel delete pod --field-selector spec.nodeName=worker-1; sleep 5')
    const pod = run('kubectl -n kube-flannel get pod --field-selector spec.nodeName=worker-1 -o name').output.trim()
    expect(run(`kubectl -n kube-flannel logs ${pod}`).output).toContain("podhop: not simulated: flannel's backend ipsec (use vxlan, host-gw, ipip or wireguard)")
  })
})
