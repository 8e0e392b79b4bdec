import { buildInfo, exposition, type MetricFamily, type Sample } from '../../prometheus.ts'
import type { Pod } from '../types.ts'

/** What is measured: containerd's sandboxes and containers on the node. */
export interface MeasuredRuntime {
  sandboxes(): readonly MeasuredSandbox[]
  containers(): readonly { readonly running: boolean }[]
}

interface MeasuredSandbox {
  readonly id: string
  readonly pod: Pod
  readonly ready: boolean
  readonly hostNetwork: boolean
  readonly network: { readonly links: ReadonlyMap<string, { readonly name: string; readonly statistics: Readonly<Record<Statistic, number>> }> } | undefined
}

type Statistic = 'rxPackets' | 'rxBytes' | 'rxDropped' | 'txPackets' | 'txBytes' | 'txDropped'

/** /metrics of the kubelet of v1.33 (pkg/kubelet/metrics), as far as the values are known here. */
export function kubeletMetrics(node: string, runtime: MeasuredRuntime): string {
  const containers = runtime.containers()
  const running = containers.filter((c) => c.running).length
  const states = [['exited', containers.length - running], ['running', running]] as const
  return exposition([
    buildInfo(),
    { name: 'kubelet_node_name', help: "[ALPHA] The node's name. The count is always 1.", type: 'gauge', samples: [{ labels: { node }, value: 1 }] },
    { name: 'kubelet_running_containers', help: '[ALPHA] Number of containers currently running', type: 'gauge', samples: states.flatMap(([state, value]) => (value > 0 ? { labels: { container_state: state }, value } : [])) },
    { name: 'kubelet_running_pods', help: '[ALPHA] Number of pods that have a running pod sandbox', type: 'gauge', samples: [{ labels: {}, value: runtime.sandboxes().filter((s) => s.ready).length }] },
  ])
}

const TRAFFIC: readonly (readonly [name: string, help: string, statistic: Statistic])[] = [
  ['receive_bytes', 'Cumulative count of bytes received', 'rxBytes'],
  ['receive_packets', 'Cumulative count of packets received', 'rxPackets'],
  ['receive_packets_dropped', 'Cumulative count of packets dropped while receiving', 'rxDropped'],
  ['transmit_bytes', 'Cumulative count of bytes transmitted', 'txBytes'],
  ['transmit_packets', 'Cumulative count of packets transmitted', 'txPackets'],
  ['transmit_packets_dropped', 'Cumulative count of packets dropped while transmitting', 'txDropped'],
]

/** /metrics/cadvisor: what went through the Pods' interfaces, counted where it went. Of memory and processors nothing is known. */
export function containerMetrics(runtime: MeasuredRuntime, wall: number): string {
  const own = runtime.sandboxes().filter((s) => s.ready && !s.hostNetwork)
  const measured = own.flatMap(({ id, pod, network }) => [...(network?.links.values() ?? [])].filter((link) => link.name !== 'lo').map((link) => ({ id, pod, link })))
  return exposition(TRAFFIC.map(([name, help, statistic]): MetricFamily => ({
    name: `container_network_${name}_total`,
    help,
    type: 'counter',
    samples: measured.map(({ id, pod, link }): Sample => ({
      labels: { container: '', id: `${cgroupOf(pod)}/cri-containerd-${id}.scope`, image: 'registry.k8s.io/pause:3.10', interface: link.name, name: id, namespace: pod.metadata.namespace, pod: pod.metadata.name },
      value: link.statistics[statistic],
      at: Math.floor(wall),
    })),
  })))
}

/** Where systemd has the Pod's control group: pkg/kubelet/cm, pod_container_manager_linux.go. */
function cgroupOf({ metadata, status }: Pod): string {
  const kind = (status.qosClass ?? 'BestEffort').toLowerCase()
  const below = kind === 'guaranteed' ? '' : `-${kind}`
  return `/kubepods.slice${below === '' ? '' : `/kubepods${below}.slice`}/kubepods${below}-pod${metadata.uid.replaceAll('-', '_')}.slice`
}
