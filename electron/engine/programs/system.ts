import { coreDns } from '../dns/coredns.ts'
import { calicoPrograms } from '../cni/calico/programs.ts'
import { FlannelAgent } from '../cni/flannel-agent.ts'
import { kubeRouter } from '../cni/kube-router/kube-router.ts'
import type { Program } from '../machine/types.ts'
import { kubeProxy } from '../proxy/kube-proxy.ts'
import { ingressNginx } from './ingress-nginx/controller.ts'
import { klogLine } from './klog.ts'
import { Output, untilSignal } from './output.ts'
import type { SystemServices } from './types.ts'

/** Programs of the cluster's own Pods, which reach the API and their node. */
export function systemPrograms(services: SystemServices): Record<string, Program> {
  return { coredns: coreDns(services.client), flanneld: flanneld(services), 'kube-router': kubeRouter(services), 'kube-proxy': kubeProxy(services), ...ingressNginx(services), ...calicoPrograms(services) }
}

function flanneld(services: SystemServices): Program {
  return function* (process) {
    const node = services.nodeOf(process)
    if (!node) {
      yield* process.printError(klogLine(process.clock.wall(), 'E', process.pid, 'main.go:232', 'Failed to create SubnetManager: the Pod does not run on the host network of a node'))
      return 1
    }
    const out = new Output(process, 2)
    const log = (source: string, message: string): void => out.write(klogLine(process.clock.wall(), 'I', process.pid, source, message))
    log('main.go:235', `Created subnet manager: Kubernetes Subnet Manager - ${node.name}`)
    log('main.go:238', 'Installing signal handlers')
    const agent = new FlannelAgent(node, log)
    process.onExit(() => agent.stop())
    yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    log('main.go:374', 'shutdownHandler sent cancel signal...')
    yield* out.flush()
    return 0
  }
}
