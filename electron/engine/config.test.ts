import { describe, expect, it } from 'vitest'
import { clusterChoices, ClusterConfigError, parseClusterConfig } from './config.ts'

function problemsOf(source: unknown): readonly string[] {
  try {
    parseClusterConfig(source)
  } catch (error) {
    return (error as ClusterConfigError).problems
  }
  return []
}

describe('the cluster file', () => {
  it('has a default for everything', () => {
    expect(parseClusterConfig('')).toEqual({
      nodes: [
        { name: 'control-plane', role: 'control-plane', ip: '172.18.0.2' },
        { name: 'worker-1', role: 'worker', ip: '172.18.0.3' },
        { name: 'worker-2', role: 'worker', ip: '172.18.0.4' },
      ],
      podCIDR: ['10.244.0.0/16'],
      serviceCIDR: ['10.96.0.0/12'],
      nodePortRange: { from: 30000, to: 32767 },
      ipFamilies: ['IPv4'],
      cni: 'flannel',
      cniOptions: { backend: 'vxlan' },
      proxyMode: 'iptables',
      cloud: 'none',
      ingressController: 'none',
      kubectlRun: 'pod',
      seed: 1,
    })
    expect(parseClusterConfig({})).toEqual(parseClusterConfig(''))
  })

  it('takes nodes by name, and gives addresses to those without', () => {
    const { nodes } = parseClusterConfig('nodes: [{name: control-plane}, {name: a, ip: 172.18.0.3}, {name: b}]')
    expect(nodes.map((n) => [n.name, n.role, n.ip])).toEqual([['control-plane', 'control-plane', '172.18.0.2'], ['a', 'worker', '172.18.0.3'], ['b', 'worker', '172.18.0.4']])
  })

  it('tells the plugin what it is to do, and says what it could be told', () => {
    expect(parseClusterConfig('cni: {plugin: flannel, backend: host-gw}')).toMatchObject({ cni: 'flannel', cniOptions: { backend: 'host-gw' } })
    expect(problemsOf('cni: {plugin: flannel, backend: udp, mtu: 1}')).toEqual([
      'cni.backend: "udp" is not allowed; allowed: vxlan, host-gw, ipip, wireguard',
      'cni.mtu: unknown key (value 1); allowed: plugin, backend',
    ])
    expect(problemsOf('cni: {plugin: lila}')).toEqual(['cni.plugin: "lila" is not allowed; allowed: bridge, flannel, calico, cilium, weave, kube-router, antrea, aws-vpc'])
  })

  it('names every mistake: the key, the value and what is allowed', () => {
    expect(problemsOf({ node: 3, cni: 'kindnet', nodePortRange: '40000-30000', seed: -1 })).toEqual([
      'node: unknown key (value 3); allowed: nodes, podCIDR, serviceCIDR, nodePortRange, ipFamilies, cni, proxyMode, cloud, ingressController, kubectlRun, seed',
      'cni: "kindnet" is not allowed; allowed: bridge, flannel, calico, cilium, weave, kube-router, antrea, aws-vpc',
      'nodePortRange: "40000-30000" is not allowed; allowed: FROM-TO within 1-65535, as 30000-32767',
      'seed: -1 is not allowed; allowed: a whole number from 0',
    ])
  })

  it('refuses prefixes that overlap, are too small, or have host bits', () => {
    expect(problemsOf({ podCIDR: '10.96.0.0/16' })).toEqual(['podCIDR: "10.96.0.0/16" is not allowed; allowed: a prefix that does not overlap serviceCIDR 10.96.0.0/12'])
    expect(problemsOf({ podCIDR: '10.244.0.0/23', nodes: 3 })[0]).toContain('nodes: 3 is not allowed; allowed: a whole number from 1 to 2')
    expect(problemsOf({ podCIDR: '10.244.0.1/16' })[0]).toMatch(/^podCIDR: "10.244.0.1\/16" is not allowed/)
  })

  it('refuses two nodes of one name or address, or none that leads', () => {
    expect(problemsOf({ nodes: [{ name: 'control-plane' }, { name: 'a', ip: '172.18.0.9' }, { name: 'a', ip: '172.18.0.9' }] })).toHaveLength(2)
    expect(problemsOf({ nodes: [{ name: 'a' }] })[0]).toContain('exactly one node of role control-plane')
    expect(problemsOf({ nodes: [{ name: 'control-plane', ip: '192.168.0.1' }] })[0]).toContain('an address of 172.18.0.0/16')
  })

  it('says what is not simulated', () => {
    expect(problemsOf({ cni: 'aws-vpc', ipFamilies: ['IPv6'] })).toEqual([expect.stringMatching(/^podhop: not simulated: ipFamilies \[IPv6\] with cni aws-vpc \(use \[IPv4\], or cni bridge or flannel/)])
  })

  it('says why a plugin and IP families do not go together, as the real one has it', () => {
    expect(problemsOf({ cni: 'weave', ipFamilies: ['IPv6'] })).toEqual(['ipFamilies: ["IPv6"] is not allowed; allowed: [IPv4] with cni weave: Weave Net has never learned IPv6'])
    expect(problemsOf({ cni: 'aws-vpc', ipFamilies: ['IPv4', 'IPv6'] })).toEqual([expect.stringContaining("VPC CNI currently doesn't support dual stack mode")])
    expect(problemsOf({ cni: 'cilium', ipFamilies: ['IPv6'] })).toEqual([expect.stringContaining('the tunnels of Cilium 1.17 run over IPv4 alone')])
    expect(problemsOf({ ipFamilies: ['IPv5'] })).toEqual(['ipFamilies: ["IPv5"] is not allowed; allowed: [IPv4], [IPv4, IPv6], [IPv6, IPv4], [IPv6]'])
    const { refusals } = clusterChoices()
    expect([refusals['weave IPv4,IPv6'], refusals['cilium routing=tunnel IPv6'], refusals['cilium routing=native IPv6'], refusals['calico IPv6']]).toEqual([expect.stringContaining('Weave'), expect.stringContaining('tunnels'), undefined, undefined])
  })

  it('has the primary family first in everything', () => {
    const first = parseClusterConfig({ ipFamilies: ['IPv6', 'IPv4'], nodes: [{ name: 'control-plane' }, { name: 'a', ip: '172.18.1.0' }] })
    expect([first.podCIDR[0], first.serviceCIDR[0]]).toEqual(['fd00:10:244::/56', 'fd00:10:96::/112'])
    expect(first.nodes.map((n) => [n.ip, n.secondIp])).toEqual([['fc00:f853:ccd:e793::2', '172.18.0.2'], ['fc00:f853:ccd:e793::100', '172.18.1.0']])
    const only = parseClusterConfig({ ipFamilies: ['IPv6'], nodes: [{ name: 'control-plane' }, { name: 'a', ip: 'fc00:f853:ccd:e793::a1' }] })
    expect(only.nodes.map((n) => [n.ip, n.secondIp])).toEqual([['fc00:f853:ccd:e793::2', undefined], ['fc00:f853:ccd:e793::a1', undefined]])
    expect(problemsOf({ ipFamilies: ['IPv6'], nodes: [{ name: 'control-plane', ip: '172.18.0.2' }] })).toEqual([expect.stringContaining('allowed: an address of fc00:f853:ccd:e793::/64 from fc00:f853:ccd:e793::2')])
  })

  it('has prefixes and node addresses of both families in a dual-stack cluster', () => {
    const { podCIDR, serviceCIDR, nodes } = parseClusterConfig('ipFamilies: [IPv4, IPv6]\nnodes: [{name: control-plane}, {name: a, ip: 172.18.1.0}]')
    expect([podCIDR, serviceCIDR]).toEqual([['10.244.0.0/16', 'fd00:10:244::/56'], ['10.96.0.0/12', 'fd00:10:96::/112']])
    expect(nodes.map((n) => [n.ip, n.secondIp])).toEqual([['172.18.0.2', 'fc00:f853:ccd:e793::2'], ['172.18.1.0', 'fc00:f853:ccd:e793::100']])
    expect(problemsOf({ ipFamilies: ['IPv4', 'IPv6'], podCIDR: '10.244.0.0/16' })[0]).toContain('two prefixes, comma-separated, of IPv4 and IPv6, as 10.244.0.0/16,fd00:10:244::/56')
    expect(problemsOf({ ipFamilies: ['IPv4', 'IPv6'], podCIDR: '10.244.0.0/16,fd00:10:244::/63', nodes: 3 })[0]).toContain('a whole number from 1 to 2')
    expect(problemsOf({ ipFamilies: ['IPv4', 'IPv6'], serviceCIDR: '10.96.0.0/12,fc00:f853:ccd:e793::/112' })[0]).toContain('a prefix that does not overlap')
  })

  it('says where the YAML is broken, and in which file', () => {
    expect(() => parseClusterConfig('nodes: [1', 'my.yaml')).toThrow(/^my.yaml: line 1, column \d+: /)
    expect(() => parseClusterConfig({ seed: 'x' }, 'my.yaml')).toThrow('my.yaml: seed: "x" is not allowed')
  })
})
