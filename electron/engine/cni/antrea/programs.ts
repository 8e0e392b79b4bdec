import { accountOf, tellFailure, type ClientGo } from '../../programs/account.ts'
import type { NodeContext } from '../types.ts'
import { StatusError } from '../../kubernetes/client.ts'
import { untilReached } from '../../kubernetes/connection.ts'
import type { KubeObject } from '../../kubernetes/types.ts'
import type { ClusterConfig } from '../../config.ts'
import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { klogLine } from '../../programs/klog.ts'
import { Output, untilSignal } from '../../programs/output.ts'
import type { SystemServices } from '../../programs/types.ts'
import { AntreaAgent } from './agent.ts'
import type { AgentLog } from './agent-log.ts'
import { antreaCommands } from './commands/index.ts'
import { CONTROLLER_INFOS, TIERS } from './crds.ts'
import { VERSION } from './manifests.ts'
import { groupStatus } from './groups.ts'
import { TraceflowController } from './traceflow.ts'
import { EgressIps } from './ip-pools.ts'
import { adminGate } from './admin.ts'
import { readSettings, SettingsError, type AntreaSettings } from './settings.ts'
import { SYSTEM_TIERS } from './native.ts'

/** The programs of Antrea's images. */
export function antreaPrograms(services: SystemServices): Record<string, Program> {
  return { 'antrea-agent': agent(services), 'antrea-controller': controller(services), 'antrea-start-ovs': startOvs, 'antrea-install-cni': installCni, ...antreaCommands(services) }
}

function agent(services: SystemServices): Program {
  return function* (process) {
    const out = new Output(process, 2)
    const log: AgentLog = (source, message, severity = 'I') => out.write(klogLine(process.clock.wall(), severity, process.pid, source, message))
    const found = services.nodeOf(process)
    log('log_file.go:93', '"Set log file max size" size=104857600')
    log('agent.go:109', `"Starting Antrea Agent" version="${VERSION}"`)
    if (!found) {
      log('main.go:54', '"Error running agent" err="error initializing agent: failed to get Node"', 'F')
      yield* out.flush()
      return 1
    }
    const settings = settingsFor(process, 'agent', found.config)
    if (settings instanceof SettingsError) return yield* refuse(settings, log, out)
    const pod = { name: process.env.get('POD_NAME') ?? '', namespace: process.env.get('POD_NAMESPACE') ?? 'kube-system' }
    const client = accountOf(process, found.client, (failure) => tellFailure(CLIENT_GO, failure, (severity, source, message) => log(source, message, severity)), { manager: 'antrea-agent' })
    const node: NodeContext = { ...found, client }
    yield* client.untilSynced(['nodes', 'services', 'endpointslices'])
    const running = yield* untilReached(process.clock, () => new AntreaAgent(node, log, pod, settings, { env: process.env, owner: { pid: process.pid, program: 'antrea-agent' } }))
    process.onExit(() => running.stop())
    yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    log('agent.go:962', '"Stopping Antrea Agent"')
    yield* out.flush()
    return 0
  }
}

function settingsFor(process: Process, part: 'agent' | 'controller', config: ClusterConfig): AntreaSettings | SettingsError {
  try {
    return readSettings(process, part, config)
  } catch (error) {
    if (error instanceof SettingsError) return error
    throw error
  }
}

/** The program ends: with its own words, or with this simulation's. */
function* refuse(error: SettingsError, log: AgentLog, out: Output): Task<number> {
  if (error.notSimulated) out.write(`${error.message}\n`)
  else log('main.go:54', `"Error running command" err="failed to complete: ${error.message}"`, 'F')
  yield* out.flush()
  return error.notSimulated ? 69 : 1
}

const CLIENT_GO: ClientGo = { minor: 31, name: 'k8s.io/client-go/informers/factory.go:160' }
const TIER_NAMES: Readonly<Record<string, string>> = { emergency: 'Emergency', securityops: 'SecurityOps', networkops: 'NetworkOps', platform: 'Platform', application: 'Application', baseline: 'Baseline' }

function controller(services: SystemServices): Program {
  return function* (process) {
    const out = new Output(process, 2)
    const log: AgentLog = (source, message, severity = 'I') => out.write(klogLine(process.clock.wall(), severity, process.pid, source, message))
    const found = services.nodeOf(process)
    if (!found) return 1
    const settings = settingsFor(process, 'controller', found.config)
    if (settings instanceof SettingsError) return yield* refuse(settings, log, out)
    const client = accountOf(process, found.client, (failure) => tellFailure(CLIENT_GO, failure, (severity, source, message) => out.write(klogLine(process.clock.wall(), severity, process.pid, source, message))), { manager: 'antrea-controller' })
    const node: NodeContext = { ...found, client }
    log('controller.go:140', `"Starting Antrea Controller" version="${VERSION}"`)
    const now = `${new Date(Math.floor(process.clock.wall() / 1000) * 1000).toISOString().slice(0, 19)}Z`
    const content = {
      version: VERSION, podRef: { kind: 'Pod', namespace: process.env.get('POD_NAMESPACE'), name: process.env.get('POD_NAME') }, nodeRef: { kind: 'Node', name: node.name },
      serviceRef: { kind: 'Service', name: 'antrea' }, networkPolicyControllerInfo: {}, connectedAgentNum: node.config.nodes.length,
      controllerConditions: [{ type: 'ControllerHealthy', status: 'True', lastHeartbeatTime: now }], apiPort: 10_349,
    }
    yield* untilReached(process.clock, () => {
      try {
        node.client.create(CONTROLLER_INFOS, undefined, { apiVersion: 'crd.antrea.io/v1beta1', kind: 'AntreaControllerInfo', metadata: { name: 'antrea-controller' }, ...content } as unknown as KubeObject)
      } catch (error) {
        if (!(error instanceof StatusError)) throw error
        if (error.status.reason === 'AlreadyExists') node.client.patch(CONTROLLER_INFOS, undefined, 'antrea-controller', 'application/merge-patch+json', content)
      }
    })
    adminGate(node.config).set(settings.adminNetworkPolicy)
    // initializeTiers: the ones that every cluster has
    for (const [name, priority] of Object.entries(SYSTEM_TIERS)) {
      yield* untilReached(process.clock, () => {
        try {
          node.client.create(TIERS, undefined, { apiVersion: 'crd.antrea.io/v1beta1', kind: 'Tier', metadata: { name }, spec: { description: `[READ-ONLY]: System generated ${TIER_NAMES[name]!} Tier`, priority } } as unknown as KubeObject)
        } catch (error) {
          if (!(error instanceof StatusError)) throw error
        }
      })
    }
    const ips = yield* untilReached(process.clock, () => new EgressIps(node.client, process.clock))
    process.onExit(() => ips.stop())
    const traceflow = yield* untilReached(process.clock, () => new TraceflowController(node.client, process.clock))
    process.onExit(() => traceflow.stop())
    const groups = yield* untilReached(process.clock, () => groupStatus(node.client, process.clock))
    process.onExit(groups)
    yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    log('controller.go:492', '"Stopping Antrea controller"')
    yield* out.flush()
    return 0
  }
}

/** start_ovs: the database and the switch daemon. The flows are the kernel's and the bridge's, and stay. */
const startOvs: Program = function* (process) {
  const out = new Output(process, 1)
  const line = (text: string): void => out.write(`[${new Date(process.clock.wall()).toISOString().slice(0, 19)}Z INFO antrea-ovs]: ${text}\n`)
  line('Starting ovsdb-server')
  line('Started ovsdb-server')
  line('Starting ovs-vswitchd')
  line('Started ovs-vswitchd')
  line('Started the loop that checks OVS status every 30 seconds')
  yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
  line('Stopping OVS before quit')
  yield* out.flush()
  return 0
}

/** install_cni: the plugin's executable and its configuration, onto the node. */
const installCni: Program = function* (process) {
  const { fs } = process
  for (const name of ['antrea', 'loopback', 'portmap', 'bandwidth']) if (!fs.exists(`/host/opt/cni/bin/${name}`)) fs.installProgram(`/host/opt/cni/bin/${name}`, 'cni-plugin')
  fs.makeDirectory('/host/etc/cni/net.d', { parents: true })
  fs.writeFile('/host/etc/cni/net.d/10-antrea.conflist', fs.readText('/etc/antrea/antrea-cni.conflist'))
  yield* process.print('Module openvswitch is built-in\nModule wireguard is built-in\n')
  return 0
}
