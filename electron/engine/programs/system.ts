import { coreDns } from '../dns/coredns.ts'
import { nodeCache } from '../dns/node-cache.ts'
import { antreaPrograms } from '../cni/antrea/programs.ts'
import { calicoPrograms } from '../cni/calico/programs.ts'
import { ciliumPrograms } from '../cni/cilium/programs.ts'
import { FlannelAgent, type AgentLog } from '../cni/flannel-agent.ts'
import { gobgp } from '../cni/kube-router/gobgp.ts'
import { kubeRouter } from '../cni/kube-router/kube-router.ts'
import { awsVpcPrograms } from '../cni/aws-vpc/programs.ts'
import { weavePrograms } from '../cni/weave/programs.ts'
import type { Program } from '../machine/types.ts'
import { kubeProxy } from '../proxy/kube-proxy.ts'
import type { NodeContext } from '../cni/types.ts'
import { accountOf, tellFailure } from './account.ts'
import { settingsOf } from './flanneld.ts'
import { ingressNginx } from './ingress-nginx/main.ts'
import { klogLine } from './klog.ts'
import { metallbPrograms } from './metallb/metallb.ts'
import { nginxGateway } from './nginx-gateway/gateway-program.ts'
import { Output, untilSignal } from './output.ts'
import { withApi } from './api-way.ts'
import { haproxyIngress } from './haproxy/controller.ts'
import { proportionalAutoscaler } from './proportional-autoscaler.ts'
import { traefik } from './traefik/traefik.ts'
import type { SystemServices } from './types.ts'

/** Programs of the cluster's own Pods, which reach the API and their node. */
export function systemPrograms(services: SystemServices): Record<string, Program> {
  return { coredns: withApi(services, coreDns), 'node-cache': nodeCache(services), flanneld: flanneld(services), 'kube-router': kubeRouter(services), gobgp: gobgp(services), 'kube-proxy': kubeProxy(services), 'cluster-proportional-autoscaler': proportionalAutoscaler(services), ...ingressNginx(services), ...traefik(services), ...haproxyIngress(services), ...nginxGateway(services), ...metallbPrograms(services), ...calicoPrograms(services), ...ciliumPrograms(services), ...antreaPrograms(services), ...weavePrograms(services), ...awsVpcPrograms(services) }
}

function flanneld(services: SystemServices): Program {
  return function* (process) {
    const found = services.nodeOf(process)
    if (!found) {
      yield* process.printError(klogLine(process.clock.wall(), 'E', process.pid, 'main.go:232', 'Failed to create SubnetManager: the Pod does not run on the host network of a node'))
      return 1
    }
    const out = new Output(process, 2)
    const { clock } = process
    const klog = (severity: 'W' | 'E', source: string, message: string): void => out.write(klogLine(clock.wall(), severity, process.pid, source, message))
    const client = accountOf(process, found.client, (failure) => tellFailure({ minor: 31, patch: 3 }, failure, klog), { manager: 'flanneld' })
    const node: NodeContext = { ...found, client }
    const [namespace, name] = [process.env.get('POD_NAMESPACE') ?? '', process.env.get('POD_NAME') ?? '']
    const refused = client.refusal({ verb: 'get', resource: 'pods', namespace, name })
    if (refused) {
      klog('E', 'main.go:232', `Failed to create SubnetManager: error retrieving pod spec for '${namespace}/${name}': ${refused.message}`)
      yield* out.flush()
      return 1
    }
    const late = process.files.get(2)?.late
    const log: AgentLog = (source, message, at) => {
      const wall = clock.epoch + (at ?? clock.now)
      const line = klogLine(wall, 'I', process.pid, source, message)
      if (at !== undefined && late) late.insert(wall, line)
      else out.write(line)
    }
    log('main.go:235', `Created subnet manager: Kubernetes Subnet Manager - ${node.name}`)
    log('main.go:238', 'Installing signal handlers')
    const read = settingsOf(process, node.network)
    if ('code' in read) {
      yield* out.flush()
      yield* process.printError(read.message)
      return read.code
    }
    yield* client.untilSynced(['nodes'])
    const agent = new FlannelAgent(node, log, read.type, late, read)
    process.onExit(() => agent.stop())
    yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    log('main.go:374', 'shutdownHandler sent cancel signal...')
    yield* out.flush()
    return 0
  }
}
