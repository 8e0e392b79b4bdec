import type { UpstreamOutcome, UpstreamRequest } from '../programs/http/client.ts'
import type { KubernetesClient, LogOptions } from './client.ts'
import { FieldErrors } from './field-errors.ts'
import { badRequest, invalid } from './status.ts'
import type { KubeObject, Pod } from './types.ts'

/** What the kubelets do for the API server. Implemented by kubelet/. Container names are always given. */
export interface NodeAgents extends Pick<KubernetesClient, 'logs' | 'exec' | 'attach' | 'openForward'> {
  /** Where those ask from who come over no simulated connection. */
  readonly laptop: string
  /** An HTTP request from the API server's own machine. Returns what gives up. */
  ask(request: Omit<UpstreamRequest, 'program'>, done: (outcome: UpstreamOutcome) => void): () => void
  /** Where a host is for the API server, by its node's resolver; Go's words where it is nowhere. Returns what gives up. */
  lookUp(host: string, done: (found: { address: string } | { error: string }) => void): () => void
}

function chooseContainer(object: KubeObject, wanted: string | undefined): string {
  const { metadata, spec } = object as Pod
  const names = (list: readonly { name: string }[] | undefined): string[] => (list ?? []).map((c) => c.name)
  const containers = names(spec.containers)
  const init = names(spec.initContainers)
  const ephemeral = names(spec.ephemeralContainers)
  if (wanted) {
    if ([...containers, ...init, ...ephemeral].includes(wanted)) return wanted
    throw badRequest(`container ${wanted} is not valid for pod ${metadata.name}`)
  }
  if (containers.length === 1) return containers[0]!
  if (containers.length === 0) throw badRequest(`a container name must be specified for pod ${metadata.name}`)
  let message = `a container name must be specified for pod ${metadata.name}, choose one of: [${containers.join(' ')}]`
  if (init.length > 0) message += ` or one of the init containers: [${init.join(' ')}]`
  if (ephemeral.length > 0) message += ` or one of the ephemeral containers: [${ephemeral.join(' ')}]`
  throw badRequest(message)
}

/** The container whose log is asked for: pkg/registry/core/pod LogLocation. A Pod without a node has an empty log. */
export function checkLogTarget(pod: KubeObject, wanted: string | undefined): { name: string; assigned: boolean } {
  return { name: chooseContainer(pod, wanted), assigned: !!(pod as Pod).spec.nodeName }
}

/** ValidatePodLogOptions of pkg/apis/core/validation: what kubectl itself lets through (--since=0.1s is 0 s). */
export function checkLogOptions(pod: string, { sinceSeconds, sinceTime }: LogOptions): void {
  if (sinceTime !== undefined || sinceSeconds === undefined || sinceSeconds >= 1) return
  const errors = new FieldErrors()
  errors.invalid('sinceSeconds', sinceSeconds, 'must be greater than 0')
  throw invalid({ kind: 'PodLogOptions', group: '' }, pod, errors)
}

/** The container for exec and attach: pkg/registry/core/pod streamLocation. */
export function checkExecTarget(pod: KubeObject, wanted: string | undefined): string {
  const container = chooseContainer(pod, wanted)
  checkAssigned(pod)
  return container
}

export function checkAssigned(pod: KubeObject): void {
  if (!(pod as Pod).spec.nodeName) throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`)
}
