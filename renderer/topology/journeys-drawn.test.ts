import { describe, expect, it } from 'vitest'
import type { Journey } from '../../electron/engine/cluster.ts'
import { topologyView } from '../../electron/host/view/topology.ts'
import { house } from '../../electron/shell/house.samples.ts'
import { groupHops } from '../journey/verdicts.ts'
import { layoutTopology } from './layout.ts'
import { FONT, textWidth } from './measure.ts'
import { stopsOf, type Stop } from './path.ts'
import { anchorOf, type Layout } from './shapes.ts'

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
/** Plugins whose Pods hang on no bridge. */
const ROUTED = new Set(['calico', 'cilium', 'aws-vpc'])

/** The plugin's options, what packets for the other node leave by, and what is inside of the switch and so not drawn. */
const CLUSTERS: [Record<string, unknown>, string, string[]?][] = [
  [{ cni: 'flannel' }, 'flannel.1'], [{ cni: 'flannel', proxyMode: 'nftables' }, 'flannel.1'], [{ cni: 'flannel', proxyMode: 'ipvs' }, 'flannel.1'], [{ cni: { plugin: 'flannel', backend: 'host-gw' } }, 'eth0'],
  [{ cni: 'bridge' }, 'eth0'], [{ cni: 'calico' }, 'tunl0'], [{ cni: { plugin: 'calico', encapsulation: 'VXLAN' } }, 'vxlan.calico'], [{ cni: { plugin: 'calico', encapsulation: 'None' } }, 'eth0'],
  [{ cni: 'kube-router' }, 'eth0'], [{ cni: 'cilium' }, 'cilium_vxlan'], [{ cni: { plugin: 'cilium', routing: 'native' } }, 'eth0'],
  [{ cni: 'antrea' }, 'genev_sys_6081', ['antrea-tun0']], [{ cni: { plugin: 'flannel', backend: 'wireguard' } }, 'flannel-wg'], [{ cni: 'weave' }, 'vxlan-6784', ['vethwe-bridge', 'vethwe-datapath']], [{ cni: 'aws-vpc' }, 'eth0'],
]

describe.each(CLUSTERS)('a journey in a cluster with %j', (config, tunnel, within = []) => {
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
    expect([...faces].filter((f) => !layout.anchors.has(f) && !within.some((name) => f.endsWith(` ${name}`)))).toEqual([])
    const stops = stopsOf(hops, layout)
    expect(hops.filter((_, i) => !stops.some((s) => s.hop === i)).map((h) => h.machine)).toEqual([])
    for (const { at, via } of stops) for (const point of [at, ...via]) expect(Number.isFinite(point.x) && Number.isFinite(point.y)).toBe(true)
    expect(struckOut(stops, layout)).toEqual([])
    expect([...layout.shapes.values()].some((s) => s.kind === 'router'), 'whether Pods have a route each').toBe(ROUTED.has(cluster.config.cni))
    const listed = groupHops(journey.hops, journey.reply)
    expect(listed.flatMap((g) => g.hops.map((h) => h.number))).toEqual(hops.map((_, i) => i + 1))
  })
})

/** What is written on an interface and has a level stretch of the way through it. */
function struckOut(stops: readonly Stop[], layout: Layout): string[] {
  const level = stops.slice(1).flatMap((stop, i) => [stops[i]!.at, ...stop.via, stop.at].flatMap((p, j, way) => (j > 0 && p.y === way[j - 1]!.y ? [{ y: p.y, x1: Math.min(p.x, way[j - 1]!.x), x2: Math.max(p.x, way[j - 1]!.x) }] : [])))
  const faces = [...layout.shapes.values()].filter((s) => s.kind === 'nic' || s.kind === 'tunnel' || s.kind === 'bridge' || s.kind === 'router')
  return faces.filter((s) => {
    const [middle, half] = [s.x + s.w / 2, textWidth(s.text, FONT.small) / 2]
    return level.some(({ y, x1, x2 }) => Math.abs(y - (s.y + s.h / 2)) < s.h / 2 - 2 && x1 < middle + half && x2 > middle - half)
  }).map((s) => `${s.id} ${s.text}`)
}
