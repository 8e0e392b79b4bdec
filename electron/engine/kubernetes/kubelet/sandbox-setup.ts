import { sleep, type Task } from '../../machine/task.ts'
import { factsFor } from './host.ts'
import { dnsProblems, hostnameOf } from './pod-files.ts'
import type { PodWorker } from './pod-worker.ts'
import { PodSandbox, SandboxError } from './sandbox.ts'
import { MountError } from './volumes.ts'

/** What containerd takes for a sandbox, in virtual ms. */
const SANDBOX_LATENCY = 120
/** Directories of the host of which a part is made when somebody looks. */
const LOOKED_AT = /^\/(etc(\/kubernetes\/?)?|var(\/log(\/(pods|containers)(\/.*)?)?\/?)?)?$/

/** A Pod's volumes, and its sandbox; or what there is not, which its Events tell (kuberuntime SyncPod, steps 1 to 4). */
export function* setUpSandbox(worker: PodWorker): Task<PodSandbox | 'no network' | 'no volumes' | 'no sandbox'> {
  const { host, pod } = worker
  if (!pod.spec.hostNetwork) {
    const problem = host.plugin.status(host.context)
    if (problem) {
      worker.event('Warning', 'NetworkNotReady', `network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: ${problem}`)
      return 'no network'
    }
  }
  if (pod.spec.volumes?.some((v) => v.hostPath && LOOKED_AT.test(v.hostPath.path))) host.context.machine.visit()
  try {
    worker.volumes.setUp(pod, factsFor(host, []))
  } catch (error) {
    if (!(error instanceof MountError)) throw error
    worker.event('Warning', 'FailedMount', error.message)
    return 'no volumes'
  }
  yield sleep(worker.clock, SANDBOX_LATENCY)
  if (host.clusterDns.length === 0 && (pod.spec.dnsPolicy === 'ClusterFirstWithHostNet' || (pod.spec.dnsPolicy === 'ClusterFirst' && !pod.spec.hostNetwork))) {
    worker.event('Warning', 'MissingClusterDNS', `pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})". kubelet does not have ClusterDNS IP configured and cannot create Pod using "${pod.spec.dnsPolicy}" policy. Falling back to "Default" policy.`)
  }
  if (pod.spec.dnsConfig) for (const problem of dnsProblems(pod, host)) worker.event('Warning', 'DNSConfigForming', problem)
  try {
    return new PodSandbox(worker, hostnameOf(pod, host.context.machine.hostname).hostname, host.context, host.plugin, (name) => host.reserveSandboxNetwork(name), host.random)
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error
    worker.event('Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${error.message}`)
    return 'no sandbox'
  }
}
