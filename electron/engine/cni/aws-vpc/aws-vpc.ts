import type { ClusterConfig } from '../../config.ts'
import type { Agent, CniPlugin, CniResult, NodeContext, Sandbox } from '../types.ts'
import { POD_INTERFACE, setUpPod, tearDownPod } from './host-network.ts'
import { CNI_CONF, ipamdOf } from './ipamd.ts'
import { awsManifests } from './manifests.ts'

/**
 * Amazon's VPC CNI plugin v1.19 (aws/amazon-vpc-cni-k8s): Pods have addresses of the nodes' own network, which the
 * cloud has given to their node's network cards. The podCIDR of a cluster file has no meaning here.
 */
export const awsVpcPlugin: CniPlugin = {
  name: 'aws-vpc',
  agentProgram: 'aws-vpc-cni',

  manifests(_config: ClusterConfig): object[] {
    return awsManifests()
  },

  startAgent(): Agent {
    throw new Error('ipamd runs in its Pod')
  },

  status(context: NodeContext): string | undefined {
    return context.machine.fs.exists(CNI_CONF) ? undefined : 'cni plugin not initialized'
  },

  add(context: NodeContext, sandbox: Sandbox): CniResult {
    if (!context.machine.fs.exists(CNI_CONF)) throw new Error('cni plugin not initialized')
    const failed = (reason: string): Error => new Error(`plugin type="aws-cni" name="aws-cni" failed (add): add cmd: ${reason}`)
    const ipamd = ipamdOf(context.network)
    if (!ipamd) {
      throw failed('Error received from AddNetwork gRPC call: rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:50051: connect: connection refused"')
    }
    const assigned = ipamd.assign(sandbox)
    if (!assigned) throw failed('failed to assign an IP address to container')
    const hostInterface = setUpPod(context, sandbox, assigned.ip, assigned.table)
    return { ips: [assigned.ip], interface: POD_INTERFACE, hostInterface }
  },

  remove(context: NodeContext, sandbox: Sandbox): void {
    const ip = ipamdOf(context.network)?.release(sandbox.id) ?? sandbox.network.links.get(POD_INTERFACE)?.addresses[0]?.address
    if (ip !== undefined) tearDownPod(context, ip)
    if (sandbox.network.links.has(POD_INTERFACE)) sandbox.network.removeLink(POD_INTERFACE)
  },
}
