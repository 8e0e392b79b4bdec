import { accountOf } from '../../programs/account.ts'
import { reachApi } from '../../programs/api-way.ts'
import type { KubeObject, Node } from '../../kubernetes/types.ts'
import type { Program } from '../../machine/types.ts'
import { Output, untilSignal } from '../../programs/output.ts'
import type { SystemServices } from '../../programs/types.ts'
import { autoHostEndpoints } from './auto-host-endpoints.ts'
import { calicoResource, findObject, type BlockAffinity, type IpamBlock } from './datastore.ts'
import { blockName, Ipam } from './ipam.ts'
import { calicoLine, untilDone } from './log.ts'

/** calico-kube-controllers: what a Node that has gone had of blocks and addresses becomes free (kube-controllers/pkg/controllers/node). */
export function kubeControllers(services: SystemServices): Record<string, Program> {
  const live = new Set<object>()
  const controllers: Program = function* (process) {
    const out = new Output(process, 1)
    const log = (source: string, message: string): void => out.write(calicoLine(process.clock.wall(), process.pid, `kube-controllers/${source}`, message))
    log('main.go 99', 'Loaded configuration from environment config=&config.Config{LogLevel:"info", WorkloadEndpointWorkers:1, ProfileWorkers:1, PolicyWorkers:1, NodeWorkers:1, Kubeconfig:"", DatastoreType:"kubernetes"}')
    const client = accountOf(process, yield* reachApi(process, services), ({ type, list, error }) => out.write(calicoLine(process.clock.wall(), process.pid, 'reflector.go 166', `Failed to watch ${type}: ${list === undefined ? error : `failed to list ${type}: ${list}`}`, 'ERROR')), { manager: 'calico-kube-controllers', onlyLists: true })
    const ipam = new Ipam(client)
    yield* untilDone(process, () => {
      client.list(calicoResource('ipamblocks'))
      if (!findObject(client, calicoResource('kubecontrollersconfigurations'), undefined, 'default')) {
        client.create(calicoResource('kubecontrollersconfigurations'), undefined, {
          apiVersion: 'crd.projectcalico.org/v1', kind: 'KubeControllersConfiguration', metadata: { name: 'default' },
          spec: { controllers: { loadBalancer: { assignIPs: 'AllServices' }, namespace: { reconcilerPeriod: '5m0s' }, node: { hostEndpoint: { autoCreate: 'Disabled' }, leakGracePeriod: '15m0s', reconcilerPeriod: '5m0s', syncLabels: 'Enabled' }, policy: { reconcilerPeriod: '5m0s' }, serviceAccount: { reconcilerPeriod: '5m0s' }, workloadEndpoint: { reconcilerPeriod: '5m0s' } }, healthChecks: 'Enabled', logSeverityScreen: 'Info', prometheusMetricsPort: 9094 },
        })
      }
    }, (message) => log('main.go 121', `Failed to reach apiserver error=${message}`))
    const release = (node: string): void => {
      try {
        const handles = new Set<string>()
        const own: IpamBlock[] = []
        for (const block of client.list<IpamBlock>(calicoResource('ipamblocks')).items) {
          for (const { handle_id: handle, secondary } of block.spec.attributes) if (handle !== undefined && secondary?.['node'] === node) handles.add(handle)
          if (block.spec.affinity === `host:${node}`) own.push(block)
        }
        for (const handle of handles) ipam.release(handle)
        for (const { spec: { cidr } } of own) {
          const left = findObject<IpamBlock>(client, calicoResource('ipamblocks'), undefined, blockName(cidr))
          if (left && left.spec.allocations.every((a) => a === null)) client.delete(calicoResource('ipamblocks'), undefined, blockName(cidr))
          else if (left) client.update(calicoResource('ipamblocks'), undefined, blockName(cidr), { ...left, spec: { ...left.spec, affinity: undefined } })
        }
        for (const { metadata, spec } of client.list<BlockAffinity & KubeObject>(calicoResource('blockaffinities')).items) if (spec.node === node) client.delete(calicoResource('blockaffinities'), undefined, metadata.name)
        log('ipam.go 1032', `Cleaned up IPAM affinity for deleted node node="${node}"`)
      } catch (error) {
        log('ipam.go 1036', `Failed to clean up node error=${(error as Error).message} node="${node}"`)
      }
    }
    const stop = client.watch<Node>('nodes', {}, (event) => {
      if (event.type === 'DELETED') release(event.object.metadata.name)
    })
    const stopEndpoints = autoHostEndpoints(client, (error) => log('hostendpoints.go 312', `failed to sync host endpoints error=${error.message}`))
    live.add(process.machine)
    process.onExit(() => {
      live.delete(process.machine)
      stop()
      stopEndpoints()
    })
    log('main.go 165', 'Starting status report routine')
    log('main.go 174', 'Starting controller ControllerType="Node"')
    log('main.go 174', 'Starting controller ControllerType="LoadBalancer"')
    yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    yield* out.flush()
    return 0
  }
  const status: Program = function* (process) {
    if (live.has(process.machine)) return 0
    yield* process.printError('initialized to false\n')
    return 1
  }
  return { 'calico-kube-controllers': controllers, 'calico-check-status': status }
}
