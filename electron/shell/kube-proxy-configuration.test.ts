import { describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** kube-proxy does what its ConfigMap says, once it is started again; what it cannot do it says. */
const edit = (lab: House, from: string, to: string): void => {
  const { output, code } = lab.run(`kubectl -n kube-system get cm kube-proxy -o yaml | sed "s/${from}/${to}/" | kubectl apply -f - >/dev/null 2>&1
    kubectl -n kube-system rollout restart ds/kube-proxy >/dev/null; sleep 60`)
  expect([output, code]).toEqual(['', 0])
}

describe('kube-proxy’s configuration', () => {
  it.each([['iptables', 'iptables-save -t nat', /-A KUBE-SVC-\w+ [^\n]*-d 10\.96\.0\.10\/32[^\n]*-j KUBE-MARK-MASQ/], ['nftables', 'nft list ruleset', /ip daddr 10\.96\.0\.10 [^\n]*jump mark-for-masquerade/]])('masqueradeAll in %s mode', (proxyMode, list, masquerade) => {
    const lab = house({ proxyMode })
    const rules = (): string[] => lab.run(`hop node worker-1 -- ${list}`).output.split('\n').filter((line) => masquerade.test(line))
    expect(rules().length).toBeGreaterThan(0)
    for (const rule of rules()) expect(rule).toContain('10.244.0.0/16')
    edit(lab, 'masqueradeAll: false', 'masqueradeAll: true')
    expect(rules().length).toBeGreaterThan(0)
    for (const rule of rules()) expect(rule).not.toContain('10.244.0.0/16')
  })

  it('localhostNodePorts: without them 127.0.0.1 is not routed', () => {
    const lab = house({})
    const routed = (): string => lab.run('hop node worker-1 -- iptables-save -t nat').output
    expect(routed()).not.toContain('! -d 127.0.0.0/8')
    edit(lab, 'localhostNodePorts: null', 'localhostNodePorts: false')
    expect(routed()).toMatch(/KUBE-SERVICES ! -d 127\.0\.0\.0\/8[^\n]*nodeports/)
  })

  it('nodePortAddresses: a node port is where they say', () => {
    const lab = house({})
    edit(lab, 'nodePortAddresses: null', 'nodePortAddresses: [172.16.0.0\\/12]')
    expect(lab.run('hop node worker-1 -- iptables-save -t nat').output).toMatch(/-A KUBE-SERVICES -d 172\.18\.0\.3\/32 [^\n]*-j KUBE-NODEPORTS/)
  })

  it.each([
    ['BridgeInterface', '/; s/bridgeInterface: .*/bridgeInterface: cni0', '-d 10.96.0.10/32 ! -i cni0', '-i cni0'],
    ['InterfaceNamePrefix', '/; s/interfaceNamePrefix: .*/interfaceNamePrefix: cni', '-d 10.96.0.10/32 ! -i cni+', '-i cni+'],
    ['NodeCIDR', '', '! -s 10.244.1.0/24 -d 10.96.0.10/32', '-s 10.244.1.0/24'],
  ])('detectLocalMode %s: whom a Service sees by the client’s address', (mode, more, others, own) => {
    const lab = house({})
    lab.run('kubectl run web --image=nginx --port=80 --expose >/dev/null; kubectl patch svc web -p \'{"spec":{"type":"NodePort","externalTrafficPolicy":"Local"}}\' >/dev/null; sleep 5')
    edit(lab, 'detectLocalMode: .*', `detectLocalMode: ${mode}${more}`)
    const rules = lab.run('hop node worker-1 -- iptables-save -t nat').output
    expect(rules).toContain(`${others} -p udp `)
    expect(rules).not.toContain('10.244.0.0/16 -d 10.96')
    expect(rules).toMatch(new RegExp(`-A KUBE-EXT-\\w+ ${own.replaceAll('.', '\\.').replace('+', '\\+')} -m comment --comment "pod traffic for default/web external destinations"`))
    expect(lab.run('kubectl -n kube-system logs -l k8s-app=kube-proxy --tail=20').output.includes('NodeInfo')).toBe(mode === 'NodeCIDR')
    // a moment, so that the streams are open
    expect(lab.run('kubectl run c --image=busybox --restart=Never --attach --quiet -- sh -c "sleep 1; wget -qO- -T 5 web" 2>&1 | grep -c -e nginx.com -e warning').output).toBe('1\n')
  })

  it('conntrack: what it sets of the node, and leaves at 0; its log says so', () => {
    const lab = house({})
    const settings = (): string => lab.run('hop node worker-1 -- sysctl -n net.netfilter.nf_conntrack_max net.netfilter.nf_conntrack_tcp_timeout_established net.netfilter.nf_conntrack_tcp_timeout_close_wait net.netfilter.nf_conntrack_udp_timeout_stream').output.replaceAll('\n', ' ')
    expect(settings()).toBe('131072 86400 3600 120 ')
    expect(lab.run('kubectl -n kube-system logs $(kubectl -n kube-system get po -l k8s-app=kube-proxy --field-selector spec.nodeName=worker-1 -o name) | grep conntrack | sed "s/.*conntrack.go/conntrack.go/"').output).toBe([
      'conntrack.go:121] "Set sysctl" entry="net/netfilter/nf_conntrack_max" value=131072', 'conntrack.go:60] "Setting nf_conntrack_max" nfConntrackMax=131072',
      'conntrack.go:121] "Set sysctl" entry="net/netfilter/nf_conntrack_tcp_timeout_established" value=86400', 'conntrack.go:121] "Set sysctl" entry="net/netfilter/nf_conntrack_tcp_timeout_close_wait" value=3600', '',
    ].join('\n'))
    // A connection that is open has a day.
    expect(lab.run("hop node worker-1 -- conntrack -L -p tcp --state ESTABLISHED 2>/dev/null | awk '$3 > 86400' | wc -l").output.trim()).toBe('0')
    edit(lab, 'maxPerCore: null', 'maxPerCore: 0/; s/tcpEstablishedTimeout: null/tcpEstablishedTimeout: 2h/; s/udpStreamTimeout: 0s/udpStreamTimeout: 3m')
    expect(settings()).toBe('131072 7200 3600 180 ')
  })

  it('metricsBindAddress and healthzBindAddress: where it may be asked', () => {
    const lab = house({})
    const ask = (port: number, path: string): string => lab.run(`curl -s -o /dev/null -w '%{http_code}' http://172.18.0.3:${port}${path}`).output
    expect([ask(10_249, '/metrics'), ask(10_256, '/healthz')]).toEqual(['000', '200'])
    edit(lab, 'metricsBindAddress: .*', 'metricsBindAddress: 0.0.0.0:10249/; s/healthzBindAddress: .*/healthzBindAddress: 0.0.0.0:20256')
    expect([ask(10_249, '/metrics'), ask(10_256, '/healthz'), ask(20_256, '/healthz')]).toEqual(['200', '000', '200'])
  })

  it('minSyncPeriod: what changes soon after another change waits so long', () => {
    const lab = house({})
    edit(lab, 'minSyncPeriod: 0s', 'minSyncPeriod: 20s')
    const has = (name: string): boolean => lab.run('hop node worker-1 -- iptables-save -t nat').output.includes(`default/${name} cluster IP`)
    lab.run('kubectl create deploy web --image=nginx --port=80 >/dev/null; sleep 60')
    lab.run('kubectl expose deploy web >/dev/null; sleep 2; kubectl expose deploy web --name=two >/dev/null; sleep 3')
    expect([has('web'), has('two')]).toEqual([true, false])
    lab.run('sleep 45')
    expect(has('two')).toBe(true)
  })

  it.each([['bindAddress: 0.0.0.0', 'bindAddress: 127.0.0.1', 'bindAddress 127.0.0.1'], ['oomScoreAdj: null', 'featureGates: {TopologyAwareHints: true}', 'feature gate TopologyAwareHints']])('what nobody heeds here is said: %s', (from, to, said) => {
    const lab = house({})
    edit(lab, from, to)
    expect(lab.run('kubectl -n kube-system logs -l k8s-app=kube-proxy --tail=3').output).toContain(`podhop: not simulated: ${said}`)
  })

  it('detectLocalMode BridgeInterface in ipvs mode; in nftables mode it says that it cannot', () => {
    const lab = house({ proxyMode: 'ipvs' })
    edit(lab, 'detectLocalMode: .*', 'detectLocalMode: BridgeInterface/; s/bridgeInterface: .*/bridgeInterface: cni0')
    expect(lab.run('hop node worker-1 -- iptables-save -t nat').output).toContain('-A KUBE-SERVICES ! -i cni0 -m comment --comment "Kubernetes service cluster ip + port for masquerade purpose" -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ')
    const other = house({ proxyMode: 'nftables' })
    edit(other, 'detectLocalMode: .*', 'detectLocalMode: BridgeInterface/; s/bridgeInterface: .*/bridgeInterface: cni0')
    expect(other.run('kubectl -n kube-system logs -l k8s-app=kube-proxy --tail=3').output).toContain('podhop: not simulated: detectLocalMode BridgeInterface')
  })

  it.each([
    ['BridgeInterface', 'KubeProxyConfiguration.DetectLocalConfiguration.InterfaceName: Invalid value: \\"\\": must not be empty'],
    ['Nonsense', 'KubeProxyConfiguration.DetectLocalMode: Unsupported value: \\"Nonsense\\": supported values: \\"ClusterCIDR\\", \\"NodeCIDR\\", \\"BridgeInterface\\", \\"InterfaceNamePrefix\\", \\"\\"'],
  ])('detectLocalMode %s alone is a mistake', (mode, words) => {
    const lab = house({})
    edit(lab, 'detectLocalMode: .*', `detectLocalMode: ${mode}`)
    expect(lab.run('kubectl -n kube-system logs -l k8s-app=kube-proxy --tail=3').output).toContain(`"command failed" err="failed validate: ${words}"`)
  })

  it.each([
    ['a mode that there is not', `sed 's/mode: .*/mode: nonsense/'`, 'cat', 'E0105 08:01:25.000000       1 run.go:72] "command failed" err="failed validate: KubeProxyConfiguration.Mode.ProxyMode: Invalid value: \\"nonsense\\": must be iptables, ipvs, nftables or blank (blank means the best-available proxy [currently iptables])"'],
    ['another file in its command', 'cat', `sed 's#kube-proxy/config.conf#kube-proxy/configuration.conf#'`, 'E0105 08:01:25.000000       1 run.go:72] "command failed" err="failed complete: open /var/lib/kube-proxy/configuration.conf: no such file or directory"'],
    ['no YAML', `sed 's/mode: .*/mode: [/'`, 'cat', 'podhop: not simulated: what kube-proxy says of /var/lib/kube-proxy/config.conf, which is no YAML at line '],
  ])('with %s it ends with the real words, and its rules stay', (_, config, command, words) => {
    const lab = house({})
    const rules = (): string => lab.run('hop node worker-1 -- iptables-save -t nat | grep -c KUBE-SEP').output
    const before = rules()
    expect(before).toMatch(/^[1-9]/)
    lab.run(`kubectl -n kube-system get cm kube-proxy -o yaml | ${config} | kubectl replace -f -; kubectl -n kube-system get ds kube-proxy -o yaml | ${command} | kubectl replace -f -
      kubectl -n kube-system delete pod -l k8s-app=kube-proxy; sleep 60`)
    expect(lab.run('kubectl -n kube-system get pods -l k8s-app=kube-proxy').output).toMatch(/^NAME.*\n(kube-proxy-\w+ +0\/1 +CrashLoopBackOff +3 .*\n){3}$/)
    const said = lab.run('kubectl -n kube-system logs -l k8s-app=kube-proxy --tail=1').output
    const same = (text: string): string => text.replaceAll(/E0105 [\d:.]+/g, 'E0105')
    expect(same(said)).toContain(same(words))
    expect(rules()).toBe(before)
  })
})
