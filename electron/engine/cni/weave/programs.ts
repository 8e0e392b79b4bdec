import type { ReflectorFailure } from '../../kubernetes/rbac/account-reflector.ts'
import { accountOf } from '../../programs/account.ts'
import { klogLine } from '../../programs/klog.ts'
import { untilReached } from '../../kubernetes/connection.ts'
import { timestamp } from '../../kubernetes/human-duration.ts'
import type { Process, Program } from '../../machine/types.ts'
import { byName } from '../../own.ts'
import { serveGo, splitTarget } from '../../programs/http/go.ts'
import { Output, untilSignal } from '../../programs/output.ts'
import type { SystemServices } from '../../programs/types.ts'
import type { NodeContext } from '../types.ts'
import { CNI_CONF, CONTROL_PORT, MESH_PORT, peerName, WEAVE_VERSION } from './names.ts'
import { WeaveNpc } from './npc.ts'
import { routerOf, WeaveRouter } from './router.ts'
import { connectionsText, ipamText, peersText, psText, statusText } from './status.ts'

/** The programs of Weave's images. */
export function weavePrograms(services: SystemServices): Record<string, Program> {
  return { 'weave-init': init(services), 'weave-launch': launch(services), 'weave-npc': npc(services), weave: weaveScript(services) }
}

const CONFLIST = `{
    "cniVersion": "0.3.0",
    "name": "weave",
    "plugins": [
        {
            "name": "weave",
            "type": "weave-net",
            "hairpinMode": true
        },
        {
            "type": "portmap",
            "capabilities": {"portMappings": true},
            "snat": true
        }
    ]
}
`

/** "INFO: 2026/11/21 09:17:00.123456 text" */
function line(process: Process, level: string, message: string): string {
  const text = new Date(process.clock.wall()).toISOString()
  return `${level}: ${text.slice(0, 10).replaceAll('-', '/')} ${text.slice(11, 23)}000 ${message}\n`
}

const NOT_ON_NODE = 'The Pod does not run on the host network of a node'

/** prog/weave-kube/init.sh: bridged packets go through iptables, and the plugin's files are on the node. */
function init(services: SystemServices): Program {
  return function* (process) {
    const node = services.nodeOf(process)
    if (!node) {
      yield* process.printError(`${NOT_ON_NODE}\n`)
      return 1
    }
    node.network.setSysctl('net.bridge.bridge-nf-call-iptables', '1')
    const { fs } = node.machine
    fs.makeDirectory('/etc/cni/net.d', { parents: true })
    if (!fs.exists(CNI_CONF)) fs.writeFile(CNI_CONF, CONFLIST)
    return 0
  }
}

/** The reflectors of Weave's client-go, which is of 2020. */
function tellOld(process: Process, out: Output): (failure: ReflectorFailure) => void {
  return ({ type, list, error }) => out.write(klogLine(process.clock.wall(), 'E', process.pid, list === undefined ? 'reflector.go:283' : 'reflector.go:126', `github.com/weaveworks/weave/prog/weave-npc/main.go:${type === '*v1.NetworkPolicy' ? 330 : 316}: Failed to ${list === undefined ? 'watch' : 'list'} ${type}: ${list ?? error}`))
}

/** prog/weave-kube/launch.sh */
function launch(services: SystemServices): Program {
  return function* (process) {
    const found = services.nodeOf(process)
    const out = new Output(process, 2)
    const log = (message: string): void => out.write(line(process, 'INFO', message))
    if (!found) {
      out.write('Failed to get peers\n')
      yield* out.flush()
      return 1
    }
    const client = accountOf(process, found.client, tellOld(process, out), { manager: 'weave-net' })
    const node: NodeContext = { ...found, client }
    const refused = client.refusal({ verb: 'list', resource: 'nodes' })
    if (refused) {
      out.write(`${line(process, 'FATA', `[kube-peers] Could not get peers: ${refused.message}`)}Failed to get peers\n`)
      yield* out.flush()
      return 1
    }
    const range = process.env.get('IPALLOC_RANGE') ?? '10.32.0.0/12'
    log(`Command line options: map[conn-limit:200 datapath:datapath db-prefix:/weavedb/weave-net docker-api: expect-npc:true http-addr:127.0.0.1:${CONTROL_PORT} ipalloc-init:consensus=${node.config.nodes.length} ipalloc-range:${range} metrics-addr:0.0.0.0:6782 name:${peerName(node.name)} nickname:${node.name} no-dns:true no-masq-local:true port:${MESH_PORT}]`)
    log(`weave  ${WEAVE_VERSION}`)
    const router = yield* untilReached(process.clock, () => new WeaveRouter(node, range, log, { pid: process.pid, program: 'weaver' }))
    process.onExit(() => router.stop())
    serveGo(process, 'weaver', CONTROL_PORT, '127.0.0.1', ({ target }) => splitTarget(target).path === '/status' ? { status: 200, body: `${statusText(node, router)}\n` } : { status: 404, body: '404 page not found\n' })
    log(`Listening for HTTP control messages on 127.0.0.1:${CONTROL_PORT}`)
    log('Listening for metrics requests on 0.0.0.0:6782')
    yield* untilReached(process.clock, () => setNodeStatus(node))
    yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    log('=== received SIGTERM, exiting ===')
    yield* out.flush()
    return 0
  }
}

/** kube-utils -set-node-status */
function setNodeStatus(node: NodeContext): void {
  const now = timestamp(node.clock.wall())
  const condition = { type: 'NetworkUnavailable', status: 'False', reason: 'WeaveIsUp', message: 'Weave pod has set this', lastTransitionTime: now, lastHeartbeatTime: now }
  node.client.patch('nodes', undefined, node.name, 'application/strategic-merge-patch+json', { status: { conditions: [condition] } }, { subresource: 'status' })
}

function npc(services: SystemServices): Program {
  return function* (process) {
    const found = services.nodeOf(process)
    const out = new Output(process, 2)
    if (!found) {
      out.write(line(process, 'FATA', NOT_ON_NODE))
      yield* out.flush()
      return 1
    }
    out.write(line(process, 'INFO', `Starting Weaveworks NPC ${WEAVE_VERSION}; node name "${found.name}"`))
    out.write(line(process, 'INFO', 'Serving /metrics on :6781'))
    const client = accountOf(process, found.client, tellOld(process, out), { manager: 'weave-npc' })
    const node: NodeContext = { ...found, client }
    yield* client.untilSynced(['namespaces', 'pods', 'networkpolicies'])
    const running = yield* untilReached(process.clock, () => new WeaveNpc(node, (level, message) => out.write(line(process, level, message))))
    process.onExit(() => running.stop())
    const signal = yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    out.write(line(process, 'FATA', `Exiting: ${signal === 'SIGTERM' ? 'terminated' : 'interrupt'}`))
    yield* out.flush()
    return 1
  }
}

const SIMULATED = 'status [connections|peers|ipam|dns|targets], ps, version'

/** /home/weave/weave, the script: asks the router of its node. */
function weaveScript(services: SystemServices): Program {
  return function* (process) {
    const args = process.argv.slice(1).filter((a) => a !== '--local')
    const [command, ...rest] = args
    if (command === 'version') {
      yield* process.print(`weave script ${WEAVE_VERSION}\nweave ${WEAVE_VERSION}\n`)
      return 0
    }
    const what = command === 'status' && rest.length < 2 ? `status ${rest[0] ?? ''}`.trim() : command === 'ps' && rest.length === 0 ? 'ps' : undefined
    const texts: Record<string, (node: NodeContext, router: WeaveRouter) => string> = byName({
      status: (node, router) => `\n${statusText(node, router)}\n`,
      'status connections': (_, router) => connectionsText(router),
      'status peers': (_, router) => peersText(router),
      'status ipam': (_, router) => ipamText(router),
      // launched with --no-dns
      'status dns': () => '',
      'status targets': (_, router) => router.mesh.targets.map((t) => `${t}\n`).join(''),
      ps: (_, router) => psText(router),
    })
    const print = what === undefined ? undefined : texts[what]
    if (!print) {
      yield* process.printError(`podhop: not simulated: weave ${args.join(' ')} (use ${SIMULATED})\n`)
      return 69
    }
    const node = services.nodeOf(process)
    const router = node && routerOf(node.network)
    if (!node || !router) {
      yield* process.printError('Could not connect to the weave container: weave is not running.\n')
      return 1
    }
    yield* process.print(print(node, router))
    return 0
  }
}
