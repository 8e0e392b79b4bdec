import { describe, expect, it } from 'vitest'
import type { Journey } from '../../electron/engine/cluster.ts'
import { topologyView } from '../../electron/host/view/topology.ts'
import { house } from '../../electron/shell/house.samples.ts'
import { groupHops } from '../journey/verdicts.ts'
import { layoutTopology } from './layout.ts'
import { stopsOf } from './path.ts'
import { anchorOf } from './shapes.ts'

/** The window's picture against real journeys: each hop of every plugin and proxy mode has its place, tunnels included. */
const PODS = `
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: worker-1, containers: [{name: c, image: busybox, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {nodeName: worker-2, containers: [{name: c, image: nginx}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, nodePort: 30080}]}
`
const NODE = '$(kubectl get node worker-1 -o jsonpath={.status.addresses[0].address})'

describe.each([
  [{ cni: 'flannel' }, 'flannel.1'], [{ cni: 'flannel', proxyMode: 'nftables' }, 'flannel.1'], [{ cni: 'flannel', proxyMode: 'ipvs' }, 'flannel.1'], [{ cni: { plugin: 'flannel', backend: 'host-gw' } }, 'eth0'],
  [{ cni: 'bridge' }, 'eth0'], [{ cni: 'calico' }, 'tunl0'], [{ cni: { plugin: 'calico', encapsulation: 'VXLAN' } }, 'vxlan.calico'], [{ cni: { plugin: 'calico', encapsulation: 'None' } }, 'eth0'],
  [{ cni: 'kube-router' }, 'eth0'], [{ cni: 'cilium' }, 'cilium_vxlan'], [{ cni: { plugin: 'cilium', routing: 'native' } }, 'eth0'],
])('a journey in a cluster with %j', (config, tunnel) => {
  const { cluster, run } = house(config)
  run('kubectl apply -f -', PODS)
  cluster.settle()
  const traced = (from: string, to: string): Journey => {
    expect(run(`hop trace ${from} ${to}`).code).toBe(0)
    return cluster.journeys.recent.findLast((j) => j.program === 'hop' && j.destinationPort !== 53)!
  }

  it.each([['between Pods of two nodes', 'default/client', 'web:80'], ['from outside', 'external', `${NODE}:30080`]])('is drawn and listed, %s', (_, from, to) => {
    const journey = traced(from, to)
    const picture = topologyView(cluster)
    const layout = layoutTopology(picture, { showSystem: false })
    const hops = [...journey.hops, ...journey.reply]
    expect(hops.filter((h) => h.machine === 'worker-1').map((h) => h.interface)).toContain(tunnel)
    const faces = new Set(hops.filter((h) => h.interface !== undefined && layout.anchors.has(h.machine)).map((h) => anchorOf(h.machine, h.interface!)))
    expect([...faces].filter((f) => !layout.anchors.has(f))).toEqual([])
    const stops = stopsOf(hops, layout)
    expect(hops.filter((_, i) => !stops.some((s) => s.hop === i)).map((h) => h.machine)).toEqual([])
    for (const { at, via } of stops) for (const point of [at, ...via]) expect(Number.isFinite(point.x) && Number.isFinite(point.y)).toBe(true)
    const listed = groupHops(journey.hops, journey.reply)
    expect(listed.flatMap((g) => g.hops.map((h) => h.number))).toEqual(hops.map((_, i) => i + 1))
  })
})
