import type { ClusterConfig } from '../../config.ts'
import type { Program } from '../../machine/types.ts'
import type { SocketOwner } from '../../network/types.ts'
import { serveGo, splitTarget } from '../../programs/http/go.ts'
import { klogLine } from '../../programs/klog.ts'
import { Output, untilSignal } from '../../programs/output.ts'
import type { SystemServices } from '../../programs/types.ts'
import { addToBridge, removeFromBridge } from '../bridge-link.ts'
import type { Agent, CniPlugin, CniResult, NodeContext, Sandbox } from '../types.ts'
import { CONF, readConf } from './conf.ts'
import { kubeRouterManifests } from './manifests.ts'
import { NetworkPolicyController } from './netpol.ts'
import { NetworkRoutesController, type Log } from './routing.ts'

/**
 * kube-router v2.6 with --run-router and --run-firewall: BGP between the nodes, a bridge on each, NetworkPolicies by
 * iptables and ipset. Everything that it writes stays when it stops.
 */
const HEALTH_PORT = 20_244

function startControllers(context: NodeContext, log: Log, owner?: SocketOwner): Agent {
  const routes = new NetworkRoutesController(context, log, owner)
  const policies = new NetworkPolicyController(context, log)
  return {
    stop() {
      policies.stop()
      routes.stop()
    },
  }
}

/** The kube-router binary in its host-network Pod. */
export function kubeRouter(services: SystemServices): Program {
  return function* (process) {
    const { clock, pid } = process
    const node = services.nodeOf(process)
    if (!node) {
      yield* process.printError(klogLine(clock.wall(), 'E', pid, 'main.go:83', 'Failed to parse kube-router config: the Pod does not run on the host network of a node'))
      return 1
    }
    const out = new Output(process, 2)
    const log: Log = (source, message, severity = 'I') => out.write(klogLine(clock.wall(), severity, pid, source, message))
    log('version.go:66', 'Running kube-router version v2.6.0, built on 2025-09-20T21:34:39+0000, go1.24.7')
    log('metrics_controller.go:185', 'Disabling metrics for kube-router, set --metrics-port properly in order to enable')
    try {
      serveGo(process, 'kube-router', HEALTH_PORT, undefined, ({ target }) =>
        splitTarget(target).path === '/healthz' ? { status: 200, body: 'OK\n' } : { status: 404, body: '404 page not found\n' })
    } catch (error) {
      log('health_controller.go:157', `Health controller error: listen tcp :${HEALTH_PORT}: bind: ${(error as Error).message.toLowerCase()}`, 'E')
    }
    const agent = startControllers(node, log, { pid, program: 'kube-router' })
    process.onExit(() => agent.stop())
    yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    log('kube-router.go:292', 'Shutting down the controllers')
    yield* out.flush()
    return 0
  }
}

export const kubeRouterPlugin: CniPlugin = {
  name: 'kube-router',
  agentProgram: 'kube-router',

  manifests(config: ClusterConfig): object[] {
    return kubeRouterManifests(config)
  },

  startAgent(context: NodeContext, log?: (line: string) => void): Agent {
    return startControllers(context, (source, message) => log?.(`${source}] ${message}`))
  },

  status(context: NodeContext): string | undefined {
    return context.machine.fs.exists(CONF) ? undefined : 'cni plugin not initialized'
  },

  add(context: NodeContext, sandbox: Sandbox): CniResult {
    let config
    try {
      config = readConf(context)
      if (config) return addToBridge(context, sandbox, config)
    } catch (error) {
      throw new Error(`plugin type="bridge" failed (add): ${(error as Error).message}`)
    }
    throw new Error('cni plugin not initialized')
  },

  remove(context: NodeContext, sandbox: Sandbox): void {
    const config = readConf(context)
    if (config) removeFromBridge(context, sandbox, config.network, config.subnets)
    else if (sandbox.network.links.has('eth0')) sandbox.network.removeLink('eth0')
  },
}
