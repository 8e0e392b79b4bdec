import { untilReached } from '../../kubernetes/connection.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { AccountClient } from '../../kubernetes/rbac/account-client.ts'
import type { Process, Program } from '../../machine/types.ts'
import { accountOf, tellFailure } from '../../programs/account.ts'
import { klogLine } from '../../programs/klog.ts'
import { serveGo, splitTarget } from '../../programs/http/go.ts'
import { Output, untilSignal } from '../../programs/output.ts'
import type { SystemServices } from '../../programs/types.ts'
import { networkOf, tryParseCidr } from '../../network/address.ts'
import { CNI_CONF, Ipamd, ipamdOf, type PoolSettings } from './ipamd.ts'
import { CNI_VERSION } from './manifests.ts'
import { NodeAgent } from './node-agent.ts'
import { POLICY_ENDPOINTS, PolicyEndpointController } from './policy-endpoints.ts'

/** The programs of the images of Amazon's VPC CNI plugin. */
export function awsVpcPrograms(services: SystemServices): Record<string, Program> {
  return {
    'aws-vpc-cni-init': init, 'aws-vpc-cni': agent(services), 'aws-grpc-health-probe': healthProbe(services), 'aws-eks-nodeagent': nodeAgent(services), 'aws-network-policy-controller': controller(services),
  }
}

/** What acts here as it comes, and not otherwise. */
const FIXED: Readonly<Record<string, string>> = {
  AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: 'false', ENABLE_POD_ENI: 'false', AWS_VPC_CNI_NODE_PORT_SUPPORT: 'true', AWS_VPC_ENI_MTU: '1500', POD_MTU: '1500', AWS_VPC_K8S_CNI_VETHPREFIX: 'eni', NETWORK_POLICY_ENFORCING_MODE: 'standard', ENABLE_IPv4: 'true', ENABLE_IPv6: 'false',
  ENABLE_V4_EGRESS: 'true', ENABLE_V6_EGRESS: 'false', AWS_VPC_K8S_CNI_EXTERNAL_SERVICE_CIDRS: '', DISABLE_NETWORK_RESOURCE_PROVISIONING: 'false',
}

const NOT_ON_NODE = 'the Pod does not run on the host network of a node'

function json(process: Process, level: string, caller: string, message: string): string {
  return `${JSON.stringify({ level, ts: new Date(process.clock.wall()).toISOString(), caller, msg: message })}\n`
}

/** As its ServiceAccount may use the API; klog says on stderr what it may not. */
function accountFor(process: Process, client: KubernetesClient, manager: string): AccountClient {
  const out = new Output(process, 2)
  return accountOf(process, client, (failure) => tellFailure({ minor: 31, patch: 3 }, failure, (severity, source, message) => out.write(klogLine(process.clock.wall(), severity, process.pid, source, message))), { manager })
}

/** misc/10-aws.conflist as the entrypoint fills it in, without the plugin for IPv6 egress, which is off. */
const CONFLIST = `${JSON.stringify({
  cniVersion: '0.4.0', name: 'aws-cni', disableCheck: true,
  plugins: [
    { name: 'aws-cni', type: 'aws-cni', vethPrefix: 'eni', mtu: '1500', podSGEnforcingMode: 'strict', pluginLogFile: '/var/log/aws-routed-eni/plugin.log', pluginLogLevel: 'DEBUG', capabilities: { 'io.kubernetes.cri.pod-annotations': true } },
    { type: 'portmap', capabilities: { portMappings: true }, snat: true },
  ],
}, null, 2)}\n`

/** cmd/aws-vpc-cni-init */
const init: Program = function* (process) {
  const line = (message: string): string => `time="${new Date(process.clock.wall()).toISOString().slice(0, 19)}Z" level=info msg="${message}"\n`
  yield* process.printError(line('Copying CNI plugin binaries ...') + line('Copied all CNI plugin binaries to /host/opt/cni/bin') + line('Found primaryMAC') + line('CNI init container done'))
  return 0
}

/** cmd/aws-vpc-cni: starts ipamd, and when that answers puts the configuration onto the node. */
function agent(services: SystemServices): Program {
  return function* (process) {
    const node = services.nodeOf(process)
    const out = new Output(process, 1)
    const log = (level: string, caller: string, message: string): void => out.write(json(process, level, caller, message))
    if (!node) {
      log('fatal', 'entrypoint', NOT_ON_NODE)
      yield* out.flush()
      return 1
    }
    log('info', 'entrypoint', 'Validating env variables ...')
    const unsupported = Object.entries(FIXED).find(([name, value]) => (process.env.get(name) ?? value) !== value)
    if (unsupported !== undefined) {
      yield* process.printError(`podhop: not simulated: ${unsupported[0]}=${process.env.get(unsupported[0])!} of aws-node (use ${unsupported[1]})\n`)
      return 69
    }
    const number = (name: string, preset: number): number => Number(process.env.get(name) ?? preset)
    const is = (name: string): boolean => /^(1|t|true)$/i.test(process.env.get(name) ?? '')
    const random = process.env.get('AWS_VPC_K8S_CNI_RANDOMIZESNAT') ?? ''
    const external = is('AWS_VPC_K8S_CNI_EXTERNALSNAT')
    const exclude = (process.env.get('AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS') ?? '').split(',').map((text) => text.trim()).filter(Boolean).flatMap((text) => {
      const cidr = tryParseCidr(text)
      if (!cidr) log('error', 'networkutils/network.go:715', `${text} from AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS is not a valid CIDR`)
      return cidr?.version === 4 ? [networkOf(text)] : []
    })
    const settings: PoolSettings = {
      warmEnis: number('WARM_ENI_TARGET', 1), warmIps: number('WARM_IP_TARGET', 0), minimumIps: number('MINIMUM_IP_TARGET', 0), maxEnis: number('MAX_ENI', 0),
      warmPrefixes: is('ENABLE_PREFIX_DELEGATION') ? number('WARM_PREFIX_TARGET', 1) || 1 : undefined,
      snat: { external, exclude: external ? [] : exclude, random: random === 'none' || random === 'hashrandom' ? random : 'prng' },
    }
    log('info', 'entrypoint', 'Starting IPAM daemon... ')
    log('info', 'entrypoint', 'Checking for IPAM connectivity... ')
    const client = accountFor(process, node.client, 'aws-k8s-agent')
    // its cache of nodes is asked first, and waits until it has them
    yield* client.untilSynced(['nodes'])
    const ipamd = yield* untilReached(process.clock, () => new Ipamd({ ...node, client }, settings, log))
    process.onExit(() => ipamd.stop())
    log('info', 'entrypoint', 'Copying config file... ')
    const { fs } = node.machine
    fs.makeDirectory('/etc/cni/net.d', { parents: true })
    fs.writeFile(CNI_CONF, CONFLIST)
    log('info', 'entrypoint', `Successfully copied CNI plugin binary and config file (${CNI_VERSION}).`)
    yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    yield* out.flush()
    return 0
  }
}

function healthProbe(services: SystemServices): Program {
  return function* (process) {
    const node = services.nodeOf(process)
    if (node && ipamdOf(node.network)) {
      yield* process.print('status: SERVING\n')
      return 0
    }
    yield* process.printError('timeout: failed to connect service ":50051" within 5s\n')
    return 2
  }
}

function nodeAgent(services: SystemServices): Program {
  return function* (process) {
    const node = services.nodeOf(process)
    const out = new Output(process, 1)
    const log = (message: string): void => out.write(json(process, 'info', 'controllers/policyendpoints_controller.go', message))
    if (!node) {
      log(NOT_ON_NODE)
      yield* out.flush()
      return 1
    }
    const enabled = process.argv.includes('--enable-network-policy=true')
    if (enabled) {
      const client = accountFor(process, node.client, 'aws-eks-nodeagent')
      yield* client.untilSynced([POLICY_ENDPOINTS])
      const running = yield* untilReached(process.clock, () => new NodeAgent({ ...node, client }, node.client, log))
      process.onExit(() => running.stop())
    } else log('Network Policy feature is disabled, starting only the metrics server')
    yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    yield* out.flush()
    return 0
  }
}

function controller(services: SystemServices): Program {
  return function* (process) {
    const out = new Output(process, 2)
    out.write(json(process, 'info', 'controller-runtime', 'Starting the network policy controller'))
    serveGo(process, 'controller', 8081, undefined, ({ target }) => (/^\/(healthz|readyz)$/.test(splitTarget(target).path) ? { status: 200, body: 'ok' } : { status: 404, body: '404 page not found\n' }))
    const node = services.nodeOf(process)
    const reached = node?.client ?? services.client
    const client = accountFor(process, reached, 'controller')
    yield* client.untilSynced([POLICY_ENDPOINTS, 'services', 'pods', 'namespaces', 'networkpolicies'])
    const running = yield* untilReached(process.clock, () => new PolicyEndpointController(client, reached, process.clock))
    process.onExit(() => running.stop())
    yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    yield* out.flush()
    return 0
  }
}
