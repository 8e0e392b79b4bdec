import { describe, expect, it } from 'vitest'
import { createCluster, parseClusterConfig } from '../../engine/cluster.ts'
import { inspect } from './inspect.ts'

function inspected(proxyMode: string): NonNullable<ReturnType<typeof inspect>> {
  const cluster = createCluster(parseClusterConfig({ nodes: 2, proxyMode }))
  cluster.settle()
  return inspect(cluster, 'service', 'kube-system/kube-dns')!
}

describe('the inspector of a Service', () => {
  it.each([
    ['iptables', 'iptables-save -t nat', /^-A KUBE-SEP-\w+ .*"kube-system\/kube-dns:dns"/m],
    ['nftables', 'nft list table ip kube-proxy', /^\tchain \S+-kube-system\/kube-dns\/udp\/dns {/m],
    ['ipvs', 'ipvsadm -Ln', /^UDP {2}10\.96\.0\.10:53 rr/m],
  ])('shows the rules of kube-proxy in mode %s, and those of no other', (mode, command, expected) => {
    const [rules] = inspected(mode).sections
    expect(rules!.command).toBe(command)
    expect(rules!.text).toMatch(expected)
    expect(rules!.text).not.toMatch(/default\/kubernetes|10\.96\.0\.1:/)
  })

  it('shows the YAML that kubectl get -o yaml prints', () => {
    const { yaml } = inspected('iptables')
    expect(yaml).toMatch(/^apiVersion: v1\nkind: Service\nmetadata:\n {2}annotations:|^apiVersion: v1\nkind: Service\nmetadata:\n {2}creationTimestamp: "/)
    expect(yaml).not.toContain('managedFields')
  })
})
