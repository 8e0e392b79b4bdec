import type { ClusterConfig } from '../../config.ts'
import type { Agent, CniPlugin, CniResult, NodeContext, Sandbox } from '../types.ts'
import { agentOf, SOCKET } from './agent.ts'
import { TOOLS } from './commands/index.ts'
import { datapathOf, POD_INTERFACE } from './datapath.ts'
import { antreaManifests } from './manifests.ts'

/** Antrea v2.4 as a network plugin: antrea-cni asks the agent over its socket (pkg/cni of antrea-io/antrea). */
const CNI_FILE = '/etc/cni/net.d/10-antrea.conflist'

export const antreaPlugin: CniPlugin = {
  name: 'antrea',
  agentProgram: 'antrea-agent',
  tools: TOOLS,

  manifests(config: ClusterConfig): object[] {
    return antreaManifests(config)
  },

  startAgent(): Agent {
    throw new Error('the agent of Antrea runs in its Pod')
  },

  status(context: NodeContext): string | undefined {
    return context.machine.fs.exists(CNI_FILE) ? undefined : 'cni plugin not initialized'
  },

  add(context: NodeContext, sandbox: Sandbox): CniResult {
    const { fs } = context.machine
    if (!fs.exists(CNI_FILE)) throw new Error('cni plugin not initialized')
    const failed = (reason: string): Error => new Error(`plugin type="antrea" failed (add): ${reason}`)
    const agent = agentOf(context.network)
    if (!agent?.datapath) {
      const why = fs.exists(SOCKET) ? 'connection refused' : 'no such file or directory'
      throw failed(`rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix ${SOCKET}: connect: ${why}"`)
    }
    try {
      const { ips, name } = agent.addPod(sandbox)
      return { ips: [...ips], interface: POD_INTERFACE, hostInterface: name }
    } catch (error) {
      throw failed((error as Error).message)
    }
  },

  remove(context: NodeContext, sandbox: Sandbox): void {
    if (sandbox.network.links.has(POD_INTERFACE)) sandbox.network.removeLink(POD_INTERFACE)
    // Without an agent flows and port stay until the next one finds the link gone.
    if (datapathOf(context.network)) agentOf(context.network)?.removePod(sandbox)
  },
}
