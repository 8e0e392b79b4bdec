import { accountOf } from '../../programs/account.ts'
import { asManager } from '../../kubernetes/managed-fields/as-manager.ts'
import type { Program } from '../../machine/types.ts'
import { Output, untilSignal } from '../../programs/output.ts'
import type { SystemServices } from '../../programs/types.ts'
import type { NodeContext } from '../types.ts'
import { Bird } from './bird.ts'
import { birdcl } from './birdcl.ts'
import { calicoctl } from './calicoctl.ts'
import { kubeControllers } from './controllers.ts'
import { Felix, versionsOf } from './felix.ts'
import { calicoLine, untilDone } from './log.ts'
import { CALICO_CONFLIST, NODENAME_FILE } from './names.ts'
import { networkAvailable, startNode } from './startup.ts'

/** The programs of Calico's images: the init containers', and calico-node, under whose one roof Felix, confd and BIRD run (runit). */
/** node/pkg/health: so long after its start a node is ready only when all peerings stand. */
const THRESHOLD = 30_000

interface Running { felix: Felix; birds: readonly Bird[] }

export function calicoPrograms(services: SystemServices): Record<string, Program> {
  const running = new Map<string, Running>()
  return {
    'calico-node': calicoNode(services, running),
    'calico-start-runit': startRunit(services, running),
    'calico-ipam': upgradeIpam,
    'calico-install-cni': installCni,
    calicoctl: calicoctl(services, (node) => {
      const parts = running.get(node)
      return parts && { running: true, birds: parts.birds }
    }),
    birdcl: birdcl(services, (node) => running.get(node)?.birds),
    ...kubeControllers(services),
  }
}

/** start_runit: startup, then the services. */
function startRunit(services: SystemServices, running: Map<string, Running>): Program {
  return function* (process) {
    const found = services.nodeOf(process)
    const out = new Output(process, 1)
    const log = (source: string, message: string, severity = 'INFO'): void => out.write(calicoLine(process.clock.wall(), process.pid, source, message, severity))
    if (!found) {
      log('startup/startup.go 179', 'The Pod does not run on the host network of a node', 'ERROR')
      yield* out.flush()
      return 1
    }
    const client = accountOf(process, found.client, ({ type, list, error }) => log('felix/watchercache.go 205', `Failed to ${list === undefined ? 'create watcher' : 'perform list of current data during resync'} ListRoot="/calico/resources/v3/projectcalico.org/${type.replace(/.*\./, '').toLowerCase()}" error=connection is unauthorized: ${list ?? error}`), { manager: 'calico-node' })
    const node: NodeContext = { ...found, client }
    const refused = client.refusal({ verb: 'get', resource: 'nodes', name: 'foo' })
    if (refused) {
      log('startup/startup.go 442', 'Checking datastore connection')
      log('startup/startup.go 457', `Connection to the datastore is unauthorized error=connection is unauthorized: ${refused.message}`, 'WARNING')
      log('startup/utils.go 48', 'Terminating', 'WARNING')
      out.write('Calico node failed to start\n')
      yield* out.flush()
      return 1
    }
    yield* untilDone(process, () => startNode(node, process.env, log), (message) => log('startup/startup.go 457', `Hit error connecting to datastore - retry error=${message}`))
    out.write('Calico node started successfully\n')
    const felix = new Felix(node, process.env, log)
    const backend = process.env.get('CALICO_NETWORKING_BACKEND') ?? 'bird'
    const birds = backend === 'bird' ? versionsOf(node).map((version) => new Bird(node, version, process.pid, (line) => out.write(`bird${version === 6 ? '6' : ''}: ${line}\n`))) : []
    running.set(node.name, { felix, birds })
    process.onExit(() => {
      running.delete(node.name)
      felix.stop()
      for (const bird of birds) bird.stop()
    })
    yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    yield* out.flush()
    return 0
  }
}

/** /bin/calico-node with one of its flags. */
function calicoNode(services: SystemServices, running: ReadonlyMap<string, Running>): Program {
  return function* (process) {
    const flags = new Set(process.argv.slice(1).map((a) => a.replace(/^--?/, '')))
    const node = services.nodeOf(process)
    if (flags.has('v')) {
      yield* process.print('v3.30.3\n')
      return 0
    }
    if (flags.has('init')) return 0
    if (!node) {
      yield* process.printError('podhop: not simulated: calico-node outside a calico-node Pod (kubectl exec -n kube-system ds/calico-node -- calico-node …)\n')
      return 69
    }
    if (flags.has('shutdown')) {
      node.machine.fs.writeFile('/var/lib/calico/shutdownTS', new Date(process.clock.wall()).toISOString())
      try {
        networkAvailable({ ...node, client: asManager(node.client, 'calico-node') }, false)
      } catch {
        // The API server cannot be reached; the Pod goes all the same.
      }
      return 0
    }
    const known = ['felix-ready', 'felix-live', 'bird-ready', 'bird-live', 'bird6-ready', 'bird6-live']
    const strange = [...flags].filter((f) => !known.includes(f))
    if (strange.length > 0 || flags.size === 0) {
      yield* process.printError(`podhop: not simulated: calico-node ${strange.map((f) => `-${f}`).join(' ')} (use -v ${known.map((f) => `-${f}`).join(' ')} -shutdown)\n`)
      return 69
    }
    const problem = unready(node, running.get(node.name), flags)
    if (problem === undefined) return 0
    yield* process.print(`calico/node is not ready: ${problem}\n`)
    return 1
  }
}

/** node/pkg/health */
function unready(node: NodeContext, parts: Running | undefined, flags: ReadonlySet<string>): string | undefined {
  if (flags.has('felix-ready') || flags.has('felix-live')) {
    const kind = flags.has('felix-ready') ? 'readiness' : 'liveness'
    const is = kind === 'readiness' ? 'felix is not ready' : 'Felix is not live'
    if (!parts) return `${is}: Get "http://localhost:9099/${kind}": dial tcp 127.0.0.1:9099: connect: connection refused`
    if (kind === 'readiness' && !parts.felix.ready) return `${is}: readiness probe reporting 503`
  }
  if ((flags.has('bird-live') || flags.has('bird6-live')) && !parts?.birds.length) return 'bird/confd is not live: exit status 1'
  if (!flags.has('bird-ready') && !flags.has('bird6-ready')) return undefined
  if (!parts?.birds.length) return 'BIRD is not ready: Error querying BIRD: unable to connect to BIRDv4 socket: dial unix /var/run/calico/bird.ctl: connect: connection refused'
  const sessions = parts.birds.filter((b) => flags.has(b.version === 4 ? 'bird-ready' : 'bird6-ready')).flatMap((b) => b.peers)
  const down = sessions.filter((s) => s.state !== 'Established').map((s) => s.address)
  const since = node.clock.wall() - node.machine.fs.stat(NODENAME_FILE).mtime
  if (down.length === 0 || (since >= THRESHOLD && down.length < sessions.length)) return undefined
  return `BIRD is not ready: BGP not established with ${down.join(',')}`
}

/** calico-ipam -upgrade: there never were host-local addresses. */
const upgradeIpam: Program = function* (process) {
  const say = (line: number, message: string): string => calicoLine(process.clock.wall(), process.pid, `ipam_plugin.go ${line}`, message)
  yield* process.printError(say(78, 'migrating from host-local to calico-ipam...') + say(66, 'checking host-local IPAM data dir dir existence...') + say(70, 'host-local IPAM data dir dir not found; no migration necessary, successfully exiting...') + say(84, 'migration from host-local to calico-ipam complete'))
  return 0
}

/** /opt/cni/bin/install (cni-plugin/pkg/install): the plugin's executables and its configuration, onto the node. */
const installCni: Program = function* (process) {
  const { fs, env } = process
  const lines: string[] = []
  const say = (line: number, message: string): unknown => lines.push(calicoLine(process.clock.wall(), process.pid, `cni-installer/install.go ${line}`, message))
  for (const name of ['calico', 'calico-ipam', 'portmap', 'loopback', 'host-local', 'bandwidth', 'tuning', 'flannel']) {
    const path = `/host/opt/cni/bin/${name}`
    if (!fs.exists(path)) fs.installProgram(path, 'cni-plugin')
    say(165, `Installed ${path}`)
  }
  say(170, 'Wrote Calico CNI binaries to /host/opt/cni/bin')
  say(175, 'CNI plugin version: v3.30.3')
  const kubeconfig = '/etc/cni/net.d/calico-kubeconfig'
  const text = (env.get('CNI_NETWORK_CONFIG') ?? '').replaceAll('__KUBERNETES_NODE_NAME__', env.get('KUBERNETES_NODE_NAME') ?? '').replaceAll('__CNI_MTU__', env.get('CNI_MTU') ?? '0').replaceAll('__KUBECONFIG_FILEPATH__', kubeconfig)
  fs.writeFile('/host/etc/cni/net.d/calico-kubeconfig', `# Kubeconfig file for Calico CNI plugin. Installed by calico/node.\napiVersion: v1\nkind: Config\nclusters:\n- name: local\n  cluster:\n    server: https://${env.get('KUBERNETES_SERVICE_HOST') ?? ''}:${env.get('KUBERNETES_SERVICE_PORT') ?? ''}\nusers:\n- name: calico\ncontexts:\n- name: calico-context\n  context:\n    cluster: local\n    user: calico\ncurrent-context: calico-context\n`)
  fs.writeFile(`/host${CALICO_CONFLIST}`, `${text}\n`)
  say(320, `Created /host${CALICO_CONFLIST}`)
  say(343, 'Done configuring CNI.  Sleep= false')
  yield* process.printError(lines.join(''))
  return 0
}
