import { describe, expect, it } from 'vitest'
import type { Pod } from '../../engine/kubernetes/types.ts'
import { bench, type Bench } from './testing.samples.ts'

/** A cluster without agents in which bound Pods are running, and go a while after they were deleted. */
function lab(): Bench {
  const made = bench()
  const { api, clock } = made
  for (const name of ['worker-1', 'worker-2']) api.create('nodes', undefined, { metadata: { name } })
  api.watch<Pod>('pods', {}, (event) => {
    if (event.type !== 'MODIFIED' || !event.object.metadata.deletionTimestamp || event.object.metadata.deletionGracePeriodSeconds === 0) return
    const { name, uid } = event.object.metadata
    clock.schedule(2500, () => {
      if (api.list<Pod>('pods', { namespace: 'default', fieldSelector: `metadata.name=${name}` }).items[0]?.metadata.uid === uid) api.delete('pods', 'default', name, { gracePeriodSeconds: 0 })
    })
  })
  return made
}

function pod({ api }: Bench, name: string, more: { owner?: string; emptyDir?: boolean; labels?: object } = {}): void {
  const owner = more.owner ? api.get(more.owner === 'DaemonSet' ? 'daemonsets' : 'replicasets', 'default', 'owner') : undefined
  const ownerReferences = owner ? [{ apiVersion: 'apps/v1', kind: more.owner, name: 'owner', uid: owner.metadata.uid, controller: true }] : []
  const volumes = more.emptyDir ? [{ name: 'scratch', emptyDir: {} }] : []
  api.create('pods', 'default', { metadata: { name, ownerReferences, labels: more.labels ?? {} }, spec: { containers: [{ name: 'c', image: 'c' }], volumes } })
  api.update('pods', 'default', name, { metadata: { name }, target: { kind: 'Node', name: 'worker-1' } }, { subresource: 'binding' })
  api.patch('pods', 'default', name, 'application/merge-patch+json', { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } }, { subresource: 'status' })
}

function owner({ api }: Bench, resource: 'daemonsets' | 'replicasets'): void {
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'c' }] } }
  api.create(resource, 'default', { metadata: { name: 'owner' }, spec: { selector: { matchLabels: { a: 'b' } }, template } })
}

describe('kubectl drain', () => {
  it('cordons, evicts and waits', () => {
    const b = lab()
    owner(b, 'replicasets')
    pod(b, 'web', { owner: 'ReplicaSet' })
    const { stdout, stderr, code } = b.run('kubectl drain worker-1')
    expect([stdout, stderr, code]).toEqual(['node/worker-1 cordoned\nevicting pod default/web\npod/web evicted\nnode/worker-1 drained\n', '', 0])
    expect(b.run('kubectl drain worker-1').stdout).toBe('node/worker-1 already cordoned\nnode/worker-1 drained\n')
    expect(b.run('kubectl uncordon worker-1').stdout).toBe('node/worker-1 uncordoned\n')
  })

  it('says what keeps it, and takes it when told so', () => {
    const b = lab()
    owner(b, 'daemonsets')
    pod(b, 'agent', { owner: 'DaemonSet' })
    pod(b, 'bare')
    pod(b, 'cache', { emptyDir: true })
    const refused = b.run('kubectl drain worker-1')
    const why = [
      'cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): default/agent',
      'cannot delete cannot delete Pods that declare no controller (use --force to override): default/bare',
      'cannot delete Pods with local storage (use --delete-emptydir-data to override): default/cache',
    ]
    expect(refused.stdout).toBe('node/worker-1 cordoned\n')
    expect(refused.stderr).toBe(`error: unable to drain node "worker-1" due to error: [${why.join(', ')}], continuing command...\nThere are pending nodes to be drained:\n worker-1\n${why.join('\n')}\n`)
    expect(refused.code).toBe(1)
    const forced = b.run('kubectl drain worker-1 --ignore-daemonsets --delete-emptydir-data --force')
    expect(forced.stderr).toBe('Warning: ignoring DaemonSet-managed Pods: default/agent; deleting Pods that declare no controller: default/bare, default/cache\n')
    expect(forced.stdout).toBe('node/worker-1 already cordoned\nevicting pod default/bare\nevicting pod default/cache\npod/bare evicted\npod/cache evicted\nnode/worker-1 drained\n')
  })

  it('waits for budgets, until its time is over', () => {
    const b = lab()
    pod(b, 'web', { labels: { app: 'web' } })
    b.api.create('poddisruptionbudgets', 'default', { metadata: { name: 'budget' }, spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } } })
    const status = { currentHealthy: 1, desiredHealthy: 1, disruptionsAllowed: 0, expectedPods: 1, observedGeneration: 1 }
    b.api.patch('poddisruptionbudgets', 'default', 'budget', 'application/merge-patch+json', { status }, { subresource: 'status' })
    const { stderr, stdout, code } = b.run('kubectl drain worker-1 --force --timeout 7s')
    const refused = `error when evicting pods/"web" -n "default" (will retry after 5s): Cannot evict pod as it would violate the pod's disruption budget.\n`
    const over = 'error when evicting pods/"web" -n "default": global timeout reached: 7s'
    expect(stdout).toBe('node/worker-1 cordoned\n' + 'evicting pod default/web\n'.repeat(3))
    expect(stderr).toBe(
      `Warning: deleting Pods that declare no controller: default/web\n${refused}${refused}There are pending pods in node "worker-1" when an error occurred: ${over}\npod/web\n` +
        `error: unable to drain node "worker-1" due to error: ${over}, continuing command...\nThere are pending nodes to be drained:\n worker-1\n${over}\n`,
    )
    expect(code).toBe(1)
    expect(b.run('kubectl drain worker-1 --force --disable-eviction 2>/dev/null').stdout).toBe('node/worker-1 already cordoned\npod/web deleted\nnode/worker-1 drained\n')
  })

  it('changes nothing in a dry run', () => {
    const b = lab()
    pod(b, 'web')
    const spec = (): string => b.run('kubectl get node worker-1 -o jsonpath={.spec}').stdout
    const before = spec()
    expect(b.run('kubectl drain worker-1 --force --dry-run=client 2>/dev/null').stdout).toBe('node/worker-1 cordoned (dry run)\nevicting pod default/web (dry run)\nnode/worker-1 drained (dry run)\n')
    expect(b.run('kubectl drain worker-1 --force --dry-run=server 2>/dev/null').stdout).toBe('node/worker-1 cordoned (server dry run)\nevicting pod default/web (server dry run)\nnode/worker-1 drained (server dry run)\n')
    expect(spec()).toBe(before)
    expect(b.run('kubectl get pod web -o name').stdout).toBe('pod/web\n')
    expect(b.run('kubectl drain').stderr).toBe("error: USAGE: drain NODE [flags]\nSee 'kubectl drain -h' for help and examples\n")
    expect(b.run('kubectl drain nowhere').stderr).toBe('Error from server (NotFound): nodes "nowhere" not found\n')
    expect(b.run("kubectl drain worker-1 --pod-selector 'a b'").stderr).toBe('error: --pod-selector=<pod_selector> must be a valid label selector\n')
  })
})

describe('kubectl create token', () => {
  it('prints the token alone', () => {
    const b = bench()
    b.api.create('serviceaccounts', 'default', { metadata: { name: 'robot' } })
    expect(b.run('kubectl create token robot').stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]{342}$/)
    expect(b.run('kubectl create token robot --duration 10m -o jsonpath={.spec}').stdout).toBe('{"audiences":["https://kubernetes.default.svc.cluster.local"],"boundObjectRef":null,"expirationSeconds":600}')
    expect(b.run('kubectl create token nobody').stderr).toBe('error: failed to create token: serviceaccounts "nobody" not found\n')
    expect(b.run('kubectl create token robot --bound-object-kind Job').stderr).toBe('error: supported --bound-object-kind values are Node, Pod, Secret\n')
  })
})

describe('kubectl delete', () => {
  it('has its quarrels with its flags', () => {
    const b = bench()
    const stderr = (flags: string): string => b.run(`kubectl delete cm ${flags}`).stderr
    expect(stderr('x --now --grace-period 3')).toBe('error: --now and --grace-period cannot be specified together\n')
    expect(stderr('x --force --grace-period 3')).toBe('error: --force and --grace-period greater than 0 cannot be specified together\n')
    expect(stderr('x --cascade=never')).toBe('error: invalid cascade value (never). Must be "background", "foreground", or "orphan"\n')
    b.run('kubectl create cm x')
    expect(b.run('kubectl delete cm x --cascade=false --wait=false')).toMatchObject({ stdout: 'configmap "x" deleted\n', stderr: 'warning: --cascade=false is deprecated (boolean value) and can be replaced with --cascade=orphan.\n' })
    expect(stderr('--raw /api/v1')).toBe('Error from server (NotFound): the server could not find the requested resource\n')
  })
})
