import type { EventRecorder, ObjectReference } from '../kubernetes/controllers/events.ts'
import type { KubeObject, Pod } from '../kubernetes/types.ts'
import { klogLine } from '../programs/klog.ts'
import type { Journal } from './journal.ts'
import type { Service, ServiceChange } from './services.ts'

type Severity = 'I' | 'W' | 'E'
interface Line { severity: Severity; source: string; text: string }

/** What systemd itself says of a unit. */
export function systemdLine(service: Service, what: ServiceChange): string[] {
  const { name, description } = service
  switch (what) {
    case 'started': return [`Started ${name}.service - ${description}.`]
    case 'stopped': return [`Stopping ${name}.service - ${description}...`, `${name}.service: Deactivated successfully.`, `Stopped ${name}.service - ${description}.`]
    case 'failed': return [`${name}.service: Main process exited, code=exited, status=${service.failed === 'exec' ? '203/EXEC' : '1/FAILURE'}`, `${name}.service: Failed with result 'exit-code'.`]
    case 'killed': return [`${name}.service: Main process exited, code=killed, status=${service.killedBy === 'SIGTERM' ? '15/TERM' : service.killedBy === 'SIGINT' ? '2/INT' : service.killedBy === 'SIGQUIT' ? '3/QUIT' : '9/KILL'}`, `${name}.service: Failed with result 'signal'.`]
    case 'scheduled': return [`${name}.service: Scheduled restart job, restart counter is at ${service.restarts}.`]
  }
}

const q = (text: string): string => JSON.stringify(text)

/**
 * What the kubelet of a node writes to its log, with --v=2, at the moments at which it records these events
 * (pkg/kubelet v1.33: prober/prober.go, kuberuntime, pod_workers.go, kubelet.go). Lines are made when they are read.
 */
export class KubeletLog {
  readonly #journal: Journal
  readonly #node: string
  readonly #pidOf: (name: 'kubelet' | 'containerd') => number
  /** Of a Pod's container that runs, by the Pod's uid. */
  readonly #containerId: (uid: string, container: string) => string

  constructor(journal: Journal, node: string, pidOf: (name: 'kubelet' | 'containerd') => number, containerId: (uid: string, container: string) => string) {
    this.#journal = journal
    this.#node = node
    this.#pidOf = pidOf
    this.#containerId = containerId
  }

  /** As klog.ErrorS and InfoS. */
  line(severity: Severity, source: string, text: () => string): void {
    const pid = this.#pidOf('kubelet')
    this.#journal.write(this.#node, 'kubelet', 'kubelet', pid, (at) => klogLine(at, severity, pid, source, text()).trimEnd())
  }

  /** Takes part in what an {@link EventRecorder} is told. */
  onEvent(object: KubeObject | ObjectReference, reason: string, message: string, fieldPath = ''): void {
    if (!WRITES.has(reason) || object.kind !== 'Pod' || !('metadata' in object)) return
    const container = fieldPath.slice(fieldPath.indexOf('{') + 1, fieldPath.lastIndexOf('}'))
    const pod = object as Pod
    // what every Pod has is not put together before somebody reads it
    if (reason === 'Started' || reason === 'Killing') return this.#lifecycle(pod, reason, container)
    this.#containerd(pod, reason, message)
    const pid = this.#pidOf('kubelet')
    const lines = linesOf(pod, reason, message, container)
    for (const { severity, source, text } of lines) this.#journal.write(this.#node, 'kubelet', 'kubelet', pid, (at) => klogLine(at, severity, pid, source, text).trimEnd())
  }

  #lifecycle({ metadata, spec }: Pod, reason: 'Started' | 'Killing', container: string): void {
    const { namespace, name, uid } = metadata
    const id = this.#containerId(uid, container)
    const grace = metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30
    const ref = (): string => `pod=${q(`${namespace}/${name}`)}`
    this.#runtime('info', () => `msg=${q(reason === 'Started' ? `StartContainer for ${q(id)} returns successfully` : `StopContainer for ${q(id)} with timeout ${grace} (s)`)}`)
    if (reason === 'Started') this.line('I', 'kubelet.go:2569', () => `"SyncLoop (PLEG): event for pod" ${ref()} event={"ID":${q(uid)},"Type":"ContainerStarted","Data":${q(id)}}`)
    else this.line('I', 'kuberuntime_container.go:809', () => `"Killing container with a grace period" ${ref()} podUID=${q(uid)} containerName=${q(container)} containerID=${q(`containerd://${id}`)} gracePeriod=${grace}`)
  }

  /** What containerd itself logs of what it is asked for. */
  #containerd({ metadata: { name, namespace, uid } }: Pod, reason: string, message: string): void {
    if (reason === 'Pulling') this.#runtime('info', () => `msg=${q(`PullImage ${q(/"(.*)"/.exec(message)?.[1] ?? '')}`)}`)
    else if (reason === 'FailedCreatePodSandBox') this.#runtime('error', () => `msg="RunPodSandbox for &PodSandboxMetadata{Name:${name},Uid:${uid},Namespace:${namespace},Attempt:0,} failed, error" error=${q(message.replace('Failed to create pod sandbox: ', ''))}`)
    else if (reason === 'Failed' && message.startsWith('Failed to pull image')) this.#runtime('error', () => `msg=${q(`PullImage ${q(/"([^"]*)"/.exec(message)?.[1] ?? '')} failed`)} error=${q(message.replace(/^Failed to pull image "[^"]*": /, ''))}`)
  }

  /** A line of containerd (logrus). */
  #runtime(level: 'info' | 'error', text: () => string): void {
    this.#journal.write(this.#node, 'containerd', 'containerd', this.#pidOf('containerd'), (at) => `time="${new Date(Math.floor(at / 1000) * 1000).toISOString().slice(0, 19)}.${String(Math.floor((at % 1000) * 1e6)).padStart(9, '0')}Z" level=${level} ${text()}`)
  }
}

/** Reasons of events with which the log gets lines. */
const WRITES: ReadonlySet<string> = new Set(['Pulling', 'Unhealthy', 'FailedCreatePodSandBox', 'NetworkNotReady', 'SandboxChanged', 'Failed', 'BackOff', 'Killing', 'FailedMount', 'Started', 'FailedPostStartHook', 'FailedPreStopHook'])

function linesOf(pod: Pod, reason: string, message: string, container: string): Line[] {
  const { name, namespace, uid } = pod.metadata
  const ref = `pod=${q(`${namespace}/${name}`)}`
  const refs = `${ref} podUID=${q(uid)}`
  const full = `${name}_${namespace}(${uid})`
  const skipping = (error: string): Line => ({ severity: 'E', source: 'pod_workers.go:1301', text: `"Error syncing pod, skipping" err=${q(error)} ${refs}` })
  switch (reason) {
    case 'Unhealthy': {
      const probe = /^(\w+) probe (failed|errored[^:]*): ([^]*)$/.exec(message)
      if (!probe) return []
      const about = `probeType=${q(probe[1]!)} ${ref} podUID=${q(uid)} containerName=${q(container)}`
      if (probe[2] !== 'failed') return [{ severity: 'E', source: 'prober.go:104', text: `"Probe errored" err=${q(probe[3]!)} ${about} probeResult="unknown"` }]
      return [{ severity: 'I', source: 'prober.go:107', text: `"Probe failed" ${about} probeResult="failure" output=${quotedBlock(probe[3]!)}` }]
    }
    case 'FailedCreatePodSandBox': {
      const error = message.replace('Failed to create pod sandbox: ', '')
      return [
        { severity: 'E', source: 'log.go:32', text: `"RunPodSandbox from runtime service failed" err=${q(error)}` },
        { severity: 'E', source: 'kuberuntime_sandbox.go:72', text: `"Failed to create sandbox for pod" err=${q(error)} ${ref}` },
        { severity: 'E', source: 'kuberuntime_manager.go:1252', text: `"CreatePodSandbox for pod failed" err=${q(error)} ${ref}` },
        skipping(`failed to "CreatePodSandbox" for ${q(full)} with CreatePodSandboxError: ${q(`Failed to create sandbox for pod ${q(full)}: ${error}`)}`),
      ]
    }
    case 'NetworkNotReady': return [skipping(message)]
    case 'SandboxChanged': return [{ severity: 'I', source: 'util.go:48', text: `"No ready sandbox for pod can be found. Need to start a new one" ${ref}` }]
    case 'Failed': {
      const pull = /^Failed to pull image "([^"]*)": ([^]*)$/.exec(message)
      if (pull) {
        return [
          { severity: 'E', source: 'log.go:32', text: `"PullImage from runtime service failed" err=${q(pull[2]!)} image=${q(pull[1]!)}` },
          { severity: 'E', source: 'kuberuntime_image.go:42', text: `"Failed to pull image" err=${q(pull[2]!)} image=${q(pull[1]!)}` },
          skipping(`failed to "StartContainer" for ${q(container)} with ErrImagePull: ${q(pull[2]!)}`),
        ]
      }
      const error = message.replace(/^Error: /, '')
      return /^Err|^ImagePullBackOff$/.test(error) ? [] : [skipping(`failed to "StartContainer" for ${q(container)} with RunContainerError: ${q(error)}`)]
    }
    case 'BackOff': {
      if (message.startsWith('Back-off pulling')) return [skipping(`failed to "StartContainer" for ${q(container)} with ImagePullBackOff: ${q(`${message}: ErrImagePull`)}`)]
      return [skipping(`failed to "StartContainer" for ${q(container)} with CrashLoopBackOff: ${q(`back-off restarting failed container=${container} pod=${full}`)}`)]
    }
    case 'FailedMount': return [{ severity: 'E', source: 'nestedpendingoperations.go:348', text: `Operation for ${q(full)} failed. Error: ${message}` }]
    case 'Pulling': return []
    default: return [{ severity: 'E', source: 'handlers.go:83', text: `"Exec lifecycle hook for Container in Pod failed" err=${q(message)} ${ref} containerName=${q(container)}` }]
  }
}

/** klog/v2 puts what has several lines between "=<" and ">". */
function quotedBlock(text: string): string {
  if (!text.includes('\n')) return q(text)
  return `<\n${text.replace(/\n$/, '').split('\n').map((line) => `\t${line}\n`).join('')} >`
}

/** An event recorder that a kubelet's log hears, too. */
export function heardBy(events: EventRecorder, log: KubeletLog | undefined): EventRecorder {
  if (!log) return events
  const tell = events.event.bind(events)
  events.event = (object, type, reason, message, options) => {
    log.onEvent(object, reason, message, options?.fieldPath)
    tell(object, type, reason, message, options)
  }
  return events
}
