import type { ContainerView, NodeView, SandboxView } from '../../../engine/cluster.ts'
import { hex, sha256 } from '../../../engine/sha256.ts'
import { encodeUtf8 } from '../../../engine/text.ts'

/** What containerd answers, as protojson writes it: the messages of cri-api v0.33. */

type Json = Record<string, unknown>

const nanos = (wall: number): string => String(BigInt(Math.floor(wall)) * 1_000_000n + BigInt(Math.floor((wall % 1) * 1e6)))
/** time.RFC3339Nano of a time in ms. */
export const rfc3339 = (wall: number): string => {
  const digits = String(Math.floor((wall % 1000) * 1e6)).padStart(9, '0').replace(/0+$/, '')
  return `${new Date(Math.floor(wall / 1000) * 1000).toISOString().slice(0, 19)}${digits ? `.${digits}` : ''}Z`
}

const sorted = (map: Readonly<Record<string, string>>): Record<string, string> => Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)))

export function podLabels({ pod: { metadata } }: SandboxView): Record<string, string> {
  const { name, namespace, uid, annotations } = metadata
  return sorted({ ...metadata.labels, 'io.kubernetes.pod.name': name, 'io.kubernetes.pod.namespace': namespace, 'io.kubernetes.pod.uid': annotations?.['kubernetes.io/config.hash'] ?? uid })
}

export function podAnnotations({ pod: { metadata } }: SandboxView): Record<string, string> {
  const { annotations = {}, creationTimestamp } = metadata
  return sorted({ 'kubernetes.io/config.seen': rfc3339(Date.parse(String(creationTimestamp))), 'kubernetes.io/config.source': 'api', ...annotations })
}

const podMetadata = ({ pod: { metadata }, attempt }: SandboxView): Json => ({ name: metadata.name, uid: metadata.annotations?.['kubernetes.io/config.hash'] ?? metadata.uid, namespace: metadata.namespace, attempt })

/** PodSandbox. */
export function sandboxJson(s: SandboxView): Json {
  return { id: s.id, metadata: podMetadata(s), state: s.ready ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY', createdAt: nanos(s.createdAt), labels: podLabels(s), annotations: podAnnotations(s), runtimeHandler: '' }
}

export function containerLabels(c: ContainerView): Record<string, string> {
  const { name, namespace, uid, annotations } = c.sandbox.pod.metadata
  return { 'io.kubernetes.container.name': c.name, 'io.kubernetes.pod.name': name, 'io.kubernetes.pod.namespace': namespace, 'io.kubernetes.pod.uid': annotations?.['kubernetes.io/config.hash'] ?? uid }
}

export function containerAnnotations(c: ContainerView): Record<string, string> {
  const { spec } = c.record
  const ports = spec.ports?.map((p) => ({ ...(p.name ? { name: p.name } : {}), ...(p.hostPort ? { hostPort: p.hostPort } : {}), containerPort: p.containerPort, protocol: p.protocol ?? 'TCP' }))
  return sorted({
    'io.kubernetes.container.hash': hex(sha256(encodeUtf8(JSON.stringify({ name: spec.name, image: spec.image })))).slice(0, 8),
    ...(ports?.length ? { 'io.kubernetes.container.ports': JSON.stringify(ports) } : {}),
    'io.kubernetes.container.restartCount': String(c.attempt),
    'io.kubernetes.container.terminationMessagePath': spec.terminationMessagePath ?? '/dev/termination-log',
    'io.kubernetes.container.terminationMessagePolicy': spec.terminationMessagePolicy ?? 'File',
    'io.kubernetes.pod.terminationGracePeriod': String(c.sandbox.pod.spec.terminationGracePeriodSeconds ?? 30),
  })
}

const stateOf = (c: ContainerView): string => (c.running ? 'CONTAINER_RUNNING' : 'CONTAINER_EXITED')

/** Container. */
export function containerJson(c: ContainerView): Json {
  const id = c.image?.id ?? ''
  return {
    id: c.id, podSandboxId: c.sandbox.id, metadata: { name: c.name, attempt: c.attempt }, image: { image: id, annotations: {}, userSpecifiedImage: '', runtimeHandler: '' }, imageRef: id,
    state: stateOf(c), createdAt: nanos(c.createdAt), labels: containerLabels(c), annotations: containerAnnotations(c), imageId: id,
  }
}

/** ContainerStatus, with times for people. */
export function containerStatus(c: ContainerView): Json {
  return {
    id: c.id, metadata: { attempt: c.attempt, name: c.name }, state: stateOf(c), createdAt: rfc3339(c.createdAt), startedAt: rfc3339(c.startedAt), finishedAt: c.running ? '0001-01-01T00:00:00Z' : rfc3339(c.finishedAt), exitCode: c.exitCode,
    image: { annotations: {}, image: c.image?.reference ?? '', runtimeHandler: '', userSpecifiedImage: '' }, imageRef: c.image?.digest ?? '', imageId: c.image?.id ?? '', reason: c.reason, message: c.message,
    labels: containerLabels(c), annotations: containerAnnotations(c),
    mounts: (c.record.spec.volumeMounts ?? []).map((m) => ({ containerPath: m.mountPath, gidMappings: [], hostPath: `/var/lib/kubelet/pods/${c.sandbox.pod.metadata.uid}/volumes/${m.name}`, image: null, imageSubPath: '', propagation: 'PROPAGATION_PRIVATE', readonly: m.readOnly ?? false, recursiveReadOnly: false, selinuxRelabel: false, uidMappings: [] })),
    logPath: c.logPath, resources: null, stopSignal: 'RUNTIME_DEFAULT', user: c.run ? { linux: { gid: String(c.run.process.user.gid), supplementalGroups: [String(c.run.process.user.gid)], uid: String(c.run.process.user.uid) } } : null,
  }
}

/** What containerd adds with `verbose`: the part that people ask for. */
export function containerInfo(view: NodeView, c: ContainerView): Json {
  const { run, sandbox, image, record: { spec } } = c
  const argv = [...(spec.command ?? image?.entrypoint ?? []), ...(spec.args ?? (spec.command ? [] : (image?.command ?? [])))]
  const pause = sandbox.pause ? view.processes.pidOf(sandbox.pause.process) : 0
  const own = sandbox.hostNetwork ? [] : [{ path: `/proc/${pause}/ns/net`, type: 'network' }]
  return {
    pid: run ? view.processes.pidOf(run.process) : 0, removing: false, runtimeType: 'io.containerd.runc.v2', sandboxID: sandbox.id, snapshotKey: c.id, snapshotter: 'overlayfs',
    runtimeSpec: {
      ociVersion: '1.2.0', hostname: run?.machine.hostname ?? '',
      process: { args: argv, cwd: run?.process.cwd ?? '/', env: run ? [...run.machine.env].map(([k, v]) => `${k}=${v}`) : [], terminal: c.record.spec.tty ?? false, user: { gid: run?.process.user.gid ?? 0, uid: run?.process.user.uid ?? 0 } },
      linux: { namespaces: [{ type: 'pid' }, { path: `/proc/${pause}/ns/ipc`, type: 'ipc' }, { path: `/proc/${pause}/ns/uts`, type: 'uts' }, { type: 'mount' }, ...own] },
      root: { path: 'rootfs' },
    },
  }
}

/** PodSandboxStatus. */
export function sandboxStatus(s: SandboxView): Json {
  const host = { ipc: s.pod.spec.hostIPC ? 'NODE' : 'POD', network: s.hostNetwork ? 'NODE' : 'POD', pid: s.pod.spec.hostPID ? 'NODE' : s.pod.spec.shareProcessNamespace ? 'POD' : 'CONTAINER', targetId: '', usernsOptions: null }
  const [ip = '', ...more] = s.hostNetwork ? [] : s.ips
  return {
    id: s.id, metadata: podMetadata(s), state: s.ready ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY', createdAt: rfc3339(s.createdAt), network: { additionalIps: more.map((each) => ({ ip: each })), ip },
    linux: { namespaces: { options: host } }, labels: podLabels(s), annotations: podAnnotations(s), runtimeHandler: '',
  }
}

export function sandboxInfo(view: NodeView, s: SandboxView): Json {
  return {
    pid: s.pause ? view.processes.pidOf(s.pause.process) : 0, processStatus: s.ready ? 'running' : 'deleted', netNamespaceClosed: !s.ready && !s.hostNetwork, image: 'registry.k8s.io/pause:3.10', runtimeHandler: '', runtimeType: 'io.containerd.runc.v2', snapshotKey: s.id, snapshotter: 'overlayfs',
    runtimeSpec: { hostname: s.pause?.machine.hostname ?? '', linux: { namespaces: [{ type: 'pid' }, { type: 'ipc' }, { type: 'uts' }, { type: 'mount' }, ...(s.hostNetwork ? [] : [{ path: s.netns, type: 'network' }])] } },
    ...(s.hostNetwork || !s.ready ? {} : { cniResult: { Interfaces: { eth0: { IPConfigs: s.ips.map((ip) => ({ IP: ip })), Mac: s.network?.links.get('eth0')?.mac ?? '', Sandbox: s.netns } } } }),
  }
}
