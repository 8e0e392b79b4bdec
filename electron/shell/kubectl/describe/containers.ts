import type { Container, ContainerStatus, Pod, Probe } from '../../../engine/kubernetes/types.ts'
import { goFormat, quote } from '../../../engine/kubernetes/json.ts'
import { at, list, map, text } from '../objects.ts'
import { describeVolumes } from './volumes.ts'
import { type Description, rfc1123 } from './writer.ts'

/** Containers, their states, probes, environment and volumes, of a Pod or of a template (`space` is then two blanks). */
export function describeContainers(d: Description, title: string, containers: readonly Container[], statuses: readonly ContainerStatus[] | undefined, pod: Pod | undefined, space = ''): void {
  d.line(0, `${space}${title}:${containers.length === 0 ? ' <none>' : ''}`)
  for (const container of containers) {
    const status = statuses?.find((s) => s.name === container.name)
    d.line(1, `${space ? ' ' : ''}${container.name}:`)
    if (status) d.field('Container ID', status.containerID, 2)
    d.field('Image', container.image, 2)
    if (status) d.field('Image ID', status.imageID, 2)
    ports(d, 'Port', (container.ports ?? []).map((p) => `${p.containerPort}/${p.protocol ?? 'TCP'}`))
    ports(d, 'Host Port', (container.ports ?? []).map((p) => `${p.hostPort ?? 0}/${p.protocol ?? 'TCP'}`))
    words(d, 'Command', container.command)
    words(d, 'Args', container.args)
    if (status) {
      describeState(d, 'State', status.state)
      if (status.lastState?.terminated) describeState(d, 'Last State', status.lastState)
      d.field('Ready', status.ready ? 'True' : 'False', 2)
      d.field('Restart Count', status.restartCount, 2)
    }
    resources(d, 'Limits', container.resources?.limits)
    resources(d, 'Requests', container.resources?.requests)
    if (container.livenessProbe) d.field('Liveness', describeProbe(container.livenessProbe), 2)
    if (container.readinessProbe) d.field('Readiness', describeProbe(container.readinessProbe), 2)
    if (container.startupProbe) d.field('Startup', describeProbe(container.startupProbe), 2)
    environment(d, container, pod)
    mounts(d, container)
  }
}

function ports(d: Description, name: string, texts: readonly string[]): void {
  if (texts.length > 1) d.field(`${name}s`, texts.join(', '), 2)
  else d.field(name, texts[0] ?? '<none>', 2)
}

function words(d: Description, title: string, all: readonly string[] | undefined): void {
  if (!all || all.length === 0) return
  d.line(2, `${title}:`)
  for (const word of all) for (const line of word.split('\n')) d.line(3, line)
}

function describeState(d: Description, name: string, state: ContainerStatus['state']): void {
  if (state?.running) {
    d.field(name, 'Running', 2)
    d.field('Started', rfc1123(state.running.startedAt), 3)
  } else if (state?.terminated) {
    const t = state.terminated
    d.field(name, 'Terminated', 2)
    if (t.reason) d.field('Reason', t.reason, 3)
    if (t.message) d.field('Message', t.message, 3)
    d.field('Exit Code', t.exitCode, 3)
    if (t.signal) d.field('Signal', t.signal, 3)
    d.field('Started', rfc1123(t.startedAt), 3)
    d.field('Finished', rfc1123(t.finishedAt), 3)
  } else {
    d.field(name, 'Waiting', 2)
    if (state?.waiting?.reason) d.field('Reason', state.waiting.reason, 3)
  }
}

function resources(d: Description, title: string, quantities: unknown): void {
  const entries = Object.entries(map(quantities)).sort(([a], [b]) => (a < b ? -1 : 1))
  if (entries.length === 0) return
  d.line(2, `${title}:`)
  for (const [name, quantity] of entries) d.field(name, quantity, 3)
}

function describeProbe(probe: Probe): string {
  const attributes = `delay=${probe.initialDelaySeconds ?? 0}s timeout=${probe.timeoutSeconds ?? 1}s period=${probe.periodSeconds ?? 10}s #success=${probe.successThreshold ?? 1} #failure=${probe.failureThreshold ?? 3}`
  if (probe.exec) return `exec ${goFormat(probe.exec.command ?? [])} ${attributes}`
  if (probe.httpGet) {
    const { scheme = 'HTTP', host = '', port, path = '' } = probe.httpGet
    const literal = host.includes(':') ? `[${host}]` : host
    return `http-get ${scheme.toLowerCase()}://${literal}:${String(port)}${path} ${attributes}`
  }
  if (probe.tcpSocket) return `tcp-socket ${probe.tcpSocket.host ?? ''}:${String(probe.tcpSocket.port)} ${attributes}`
  if (probe.grpc) return `grpc <pod>:${probe.grpc.port} ${probe.grpc.service ?? ''} ${attributes}`
  return `unknown ${attributes}`
}

function environment(d: Description, container: Container, pod: Pod | undefined): void {
  if (container.envFrom?.length) {
    d.line(2, 'Environment Variables from:')
    for (const e of container.envFrom) {
      const from = e.configMapRef ? 'ConfigMap' : e.secretRef ? 'Secret' : ''
      const ref = e.configMapRef ?? e.secretRef
      d.line(3, `${ref?.name ?? ''}\t${from}${e.prefix ? ` with prefix '${e.prefix}'` : ''}\tOptional: ${String(ref?.optional ?? false)}`)
    }
  }
  d.line(2, `Environment:${container.env?.length ? '' : '\t<none>'}`)
  for (const e of container.env ?? []) {
    const from = e.valueFrom
    if (!from) d.line(3, `${e.name}:\t${(e.value ?? '').split('\n').join('\n      \t')}`)
    else if (from.fieldRef) d.line(3, `${e.name}:\t${pod ? fieldValue(pod, from.fieldRef.fieldPath) : ''} (${from.fieldRef.apiVersion ?? 'v1'}:${from.fieldRef.fieldPath})`)
    else if (from.resourceFieldRef) {
      const [kind, name] = from.resourceFieldRef.resource.split('.') as [string, string]
      const value = text(at(container.resources, kind, name)) || '0'
      d.line(3, `${e.name}:\t${value === '0' && kind === 'limits' ? 'node allocatable' : value} (${from.resourceFieldRef.resource})`)
    } else if (from.secretKeyRef) d.line(3, `${e.name}:\t<set to the key '${from.secretKeyRef.key}' in secret '${from.secretKeyRef.name ?? ''}'>\tOptional: ${String(from.secretKeyRef.optional ?? false)}`)
    else if (from.configMapKeyRef) d.line(3, `${e.name}:\t<set to the key '${from.configMapKeyRef.key}' of config map '${from.configMapKeyRef.name ?? ''}'>\tOptional: ${String(from.configMapKeyRef.optional ?? false)}`)
  }
}

/** The Pod's own field that a variable shows. */
function fieldValue(pod: Pod, path: string): string {
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path)
  if (keyed) return text(at(pod, 'metadata', keyed[1]!, keyed[2]!))
  if (path === 'status.podIPs') return list(pod.status.podIPs).map((ip) => text(at(ip, 'ip'))).join(',')
  return text(at(pod, ...path.split('.')))
}

function mounts(d: Description, container: Container): void {
  const sorted = [...(container.volumeMounts ?? [])].sort((a, b) => (a.mountPath < b.mountPath ? -1 : 1))
  d.line(2, `Mounts:${sorted.length === 0 ? '\t<none>' : ''}`)
  for (const m of sorted) d.line(3, `${m.mountPath} from ${m.name} (${[m.readOnly ? 'ro' : 'rw', ...(m.subPath ? [`path=${quote(m.subPath)}`] : [])].join(',')})`)
}

/** The template of a controller. */
export function describePodTemplate(d: Description, template: unknown): void {
  const spec = at(template, 'spec')
  d.line(0, 'Pod Template:')
  d.labels('  Labels', at(template, 'metadata', 'labels'))
  if (Object.keys(map(at(template, 'metadata', 'annotations'))).length > 0) d.annotations('  Annotations', at(template, 'metadata', 'annotations'))
  if (at(spec, 'serviceAccountName')) d.field('Service Account', at(spec, 'serviceAccountName'), 1)
  if (list(at(spec, 'initContainers')).length > 0) describeContainers(d, 'Init Containers', list(at(spec, 'initContainers')) as Container[], undefined, undefined, '  ')
  describeContainers(d, 'Containers', list(at(spec, 'containers')) as Container[], undefined, undefined, '  ')
  describeVolumes(d, list(at(spec, 'volumes')), '  ')
  if (at(spec, 'priorityClassName')) d.field('Priority Class Name', at(spec, 'priorityClassName'), 1)
  d.labels('  Node-Selectors', at(spec, 'nodeSelector'))
  d.tolerations('  Tolerations', at(spec, 'tolerations'))
}
