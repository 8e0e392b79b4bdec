import type { Clock } from '../../engine/clock.ts'
import type { Cluster, HostPorts } from '../../engine/cluster.ts'
import { ApiServer } from '../../engine/kubernetes/api-server.ts'
import type { KubernetesClient } from '../../engine/kubernetes/client.ts'
import type { Process } from '../../engine/machine/types.ts'
import { CallbackFile } from '../../engine/machine/files.ts'
import { kubeadmConfig } from '../../engine/node/kubeconfig.ts'
import { decodeUtf8 } from '../../engine/text.ts'
import { runScript } from '../index.ts'
import { laptop, type Result } from '../testing.samples.ts'
import { registerKubectl } from './index.ts'

/** The administrator's, under names of its own. */
const kubeconfig = (clock: Clock): string => kubeadmConfig('admin', { apiServer: '172.18.0.2', seed: 1, born: clock.epoch }).replaceAll('kubernetes-admin@podhop', 'podhop').replaceAll('kubernetes-admin', 'podhop')

export interface Bench {
  clock: Clock
  api: ApiServer
  cluster: Cluster
  /** A script in the lab's shell, to its end (or for an hour of virtual time). */
  run(script: string): Result
  /** The same, left running. */
  start(script: string): { process: Process; stdout: () => string; stderr: () => string }
  write(path: string, content: string): void
}

/** A laptop with kubectl, on an API server without agents. */
export function bench(options: { client?: (api: ApiServer) => KubernetesClient; kubectlRun?: 'pod' | 'deployment'; ports?: HostPorts } = {}): Bench {
  const { clock, machine, run } = laptop()
  const api = new ApiServer(clock, { freeze: true })
  const cluster = {
    config: { nodes: [{ name: 'control-plane', role: 'control-plane', ip: '172.18.0.2' }], kubectlRun: options.kubectlRun ?? 'pod' },
    clock,
    client: api,
    connection: options.client?.(api) ?? api,
    // nobody whom packets would reach
    nodes: new Map(),
    programs: machine.programs,
    laptop: machine,
    ports: options.ports ?? { open: (port: number, answer: (result: { port: number }) => void) => void clock.schedule(0, () => answer({ port: port || 40000 })), close: () => undefined },
  } as unknown as Cluster
  registerKubectl(cluster)
  machine.fs.installProgram('/usr/bin/kubectl', 'kubectl')
  machine.fs.makeDirectory('/home/student/.kube')
  machine.fs.writeFile('/home/student/.kube/config', kubeconfig(clock))
  return {
    clock,
    api,
    cluster,
    run,
    start(script) {
      let stdout = ''
      let stderr = ''
      const out = new CallbackFile(clock, (b) => (stdout += decodeUtf8(b)))
      const err = new CallbackFile(clock, (b) => (stderr += decodeUtf8(b)))
      const process = runScript(machine, script, new Map([[1, out], [2, err]]))
      return { process, stdout: () => stdout, stderr: () => stderr }
    },
    write: (path, content) => machine.fs.writeFile(path, content),
  }
}
