import { describe, expect, it } from 'vitest'
import { Clock } from '../clock.ts'
import { parseClusterConfig } from '../config.ts'
import { ApiServer } from './api-server.ts'
import { decodeBase64 } from './base64.ts'
import { decodeUtf8 } from '../text.ts'
import { StatusError, type WatchEvent, type WatchOptions } from './client.ts'
import { startControllerManager } from './controllers/index.ts'
import type { EndpointSlice, Event, KubeObject, Namespace, Pod, PodDisruptionBudget, Status } from './types.ts'

function server(options: { watchList?: boolean } = {}): { clock: Clock; api: ApiServer } {
  const clock = new Clock({ seed: 1 })
  return { clock, api: new ApiServer(clock, { freeze: true, ...options }) }
}

function managed(): { clock: Clock; api: ApiServer } {
  const made = server()
  startControllerManager(made.clock, made.api, parseClusterConfig({}))
  made.clock.settle()
  return made
}

function refusal(run: () => unknown): StatusError['status'] {
  try {
    run()
  } catch (error) {
    if (error instanceof StatusError) return error.status
    throw error
  }
  throw new Error('it was not refused')
}

const pod = (name: string, labels: object = {}, metadata: object = {}): object => ({ metadata: { name, labels, ...metadata }, spec: { containers: [{ name: 'web', image: 'nginx' }] } })
const settings = (name: string, metadata: object = {}): object => ({ metadata: { name, ...metadata } })

function running(api: ApiServer, name: string, labels: object = {}, metadata: object = {}): Pod {
  api.create('pods', 'default', pod(name, labels, metadata))
  api.update('pods', 'default', name, { metadata: { name }, target: { kind: 'Node', name: 'node-1' } }, { subresource: 'binding' })
  const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
  return api.patch<Pod>('pods', 'default', name, 'application/merge-patch+json', { status }, { subresource: 'status' })
}

describe('pages of a list', () => {
  it('are all of the version of the first, whatever happens meanwhile', () => {
    const { api } = server()
    for (const name of ['a', 'b', 'c', 'd', 'e']) api.create('secrets', 'default', settings(name))
    const first = api.list('secrets', { namespace: 'default', limit: 2 })
    expect(first.items.map((o) => o.metadata.name)).toEqual(['a', 'b'])
    expect(first.remainingItemCount).toBe(3)
    expect(decodeUtf8(decodeBase64(first.continue!.padEnd(Math.ceil(first.continue!.length / 4) * 4, '=')) as Uint8Array)).toBe(`{"v":"meta.k8s.io/v1","rv":${first.resourceVersion},"start":"b\\u0000"}`)
    api.delete('secrets', 'default', 'c')
    api.create('secrets', 'default', settings('cc'))
    api.patch('secrets', 'default', 'd', 'application/merge-patch+json', { data: { changed: 'eWVz' } })
    const second = api.list('secrets', { namespace: 'default', limit: 2, continue: first.continue! })
    expect(second.items.map((o) => o.metadata.name)).toEqual(['c', 'd'])
    expect((second.items[1] as { data?: object }).data).toBeUndefined()
    expect(second.resourceVersion).toBe(first.resourceVersion)
    const third = api.list('secrets', { namespace: 'default', limit: 2, continue: second.continue! })
    expect([third.items.map((o) => o.metadata.name), third.continue, third.remainingItemCount]).toEqual([['e'], undefined, undefined])
  })

  it('do not say how many are left when there is a selector', () => {
    const { api } = server()
    for (const name of ['a', 'b', 'c', 'd']) api.create('secrets', 'default', settings(name, { labels: { odd: String(name === 'a' || name === 'c') } }))
    const first = api.list('secrets', { namespace: 'default', limit: 1, labelSelector: 'odd=true' })
    expect([first.items.length, first.remainingItemCount]).toEqual([1, undefined])
    expect(api.list('secrets', { namespace: 'default', limit: 1, labelSelector: 'odd=true', continue: first.continue! }).items[0]!.metadata.name).toBe('c')
  })

  it('are gone when etcd was compacted; another list goes on', () => {
    const { api, clock } = server()
    for (const name of ['a', 'b', 'c']) api.create('secrets', 'default', settings(name))
    const first = api.list('secrets', { namespace: 'default', limit: 1 })
    for (let i = 0; i < 3; i++) {
      clock.runFor(301_000)
      api.create('secrets', 'default', settings(`x${i}`))
    }
    const gone = refusal(() => api.list('secrets', { namespace: 'default', limit: 1, continue: first.continue! }))
    expect(gone).toMatchObject({ code: 410, reason: 'Expired' })
    expect(gone.message).toMatch(/^The provided continue parameter is too old to display a consistent list result\. You can start a new list without the continue parameter, or use/)
    const rest = api.list('secrets', { namespace: 'default', continue: (gone.metadata as { continue: string }).continue })
    expect(rest.items.map((o) => o.metadata.name)).toEqual(['b', 'c', 'x0', 'x1', 'x2'])
    expect(refusal(() => api.list('secrets', { resourceVersion: first.resourceVersion, resourceVersionMatch: 'Exact' })).message).toBe('The resourceVersion for the provided list is too old.')
  })

  it('refuse tokens that nobody gave', () => {
    const { api } = server()
    const why = (token: string, more: object = {}): string => refusal(() => api.list('pods', { continue: token, ...more })).message
    expect(why('%%')).toBe('invalid continue token: continue key is not valid: illegal base64 data at input byte 0')
    expect(why('e30')).toMatch(/^invalid continue token: continue key is not valid: server does not recognize this encoded version/)
    const climbing = btoa('{"v":"meta.k8s.io/v1","rv":1,"start":"../secrets"}').replace(/=/g, '')
    expect(why(climbing)).toBe('invalid continue token: continue key is not valid: ../secrets')
  })
})

describe('resourceVersion of a list', () => {
  it('is the latest, any, not older, or exactly that one', () => {
    const { api } = server()
    const { resourceVersion } = api.create('secrets', 'default', settings('a')).metadata
    api.create('secrets', 'default', settings('b'))
    const names = (options: object): string[] => api.list('secrets', { namespace: 'default', ...options }).items.map((o) => o.metadata.name)
    expect(names({ resourceVersion: '0' })).toEqual(['a', 'b'])
    expect(names({ resourceVersion })).toEqual(['a', 'b'])
    expect(names({ resourceVersion, limit: 5 })).toEqual(['a'])
    expect(names({ resourceVersion, resourceVersionMatch: 'Exact' })).toEqual(['a'])
    expect(names({ resourceVersion, resourceVersionMatch: 'NotOlderThan', limit: 5 })).toEqual(['a', 'b'])
  })

  it('has its rules', () => {
    const { api } = server()
    const why = (options: object): Status => refusal(() => api.list('pods', options))
    const prefix = 'ListOptions.meta.k8s.io "" is invalid: '
    expect(why({ resourceVersionMatch: 'Exact' }).message).toBe(`${prefix}resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided`)
    expect(why({ resourceVersionMatch: 'Exact', resourceVersion: '0' }).message).toBe(`${prefix}resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"`)
    expect(why({ resourceVersionMatch: 'x', resourceVersion: '1' }).message).toBe(`${prefix}resourceVersionMatch: Unsupported value: "x": supported values: "Exact", "NotOlderThan", ""`)
    expect(why({ resourceVersion: 'x' }).message).toBe('invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax')
    expect(why({ resourceVersion: '9999' })).toMatchObject({
      code: 504, reason: 'Timeout', message: expect.stringMatching(/^Timeout: Too large resource version: 9999, current: \d+$/), details: { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }], retryAfterSeconds: 1 },
    })
  })

  it('field selectors are those of the kind', () => {
    const { api } = server()
    const why = (resource: string, fieldSelector: string): string => refusal(() => api.list(resource, { fieldSelector })).message
    expect(why('nodes', 'metadata.namespace=x')).toBe('field label not supported: metadata.namespace')
    expect(why('configmaps', 'toString=x')).toBe('"toString" is not a known field selector: only "metadata.name", "metadata.namespace"')
    expect(why('pods', 'x')).toBe("invalid selector: 'x'; can't understand 'x'")
  })
})

describe('a Lease', () => {
  it('lasts for a while', () => {
    const { api } = server()
    const lease = (spec: object): unknown => api.create('leases', 'default', { metadata: { name: 'l' }, spec })
    expect(refusal(() => lease({ leaseDurationSeconds: 0, leaseTransitions: -1 })).message).toBe(
      'Lease.coordination.k8s.io "l" is invalid: [spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0, spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0]',
    )
    expect(lease({ leaseDurationSeconds: 1, leaseTransitions: 0 })).toMatchObject({ spec: { leaseDurationSeconds: 1 } })
  })
})

describe('a security context', () => {
  it('that contradicts itself is shown as Go shows it', () => {
    const { api } = server()
    const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'a', image: 'a', securityContext: { privileged: true, allowPrivilegeEscalation: false } }] } }
    expect(refusal(() => api.create('pods', 'default', pod)).message).toMatch(/core\.SecurityContext\{Capabilities:\(\*core\.Capabilities\)\(nil\), Privileged:\(\*bool\)\(0x[0-9a-f]+\), .*AppArmorProfile:\(\*core\.AppArmorProfile\)\(nil\)\}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true$/)
  })
})

describe('an EndpointSlice', () => {
  it('loses the topology of v1beta1 without a word', () => {
    const { api } = server()
    const slice = { metadata: { name: 'x' }, addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'], zone: 'a', deprecatedTopology: { 'topology.kubernetes.io/zone': 'b', rack: '1' } }], ports: [] }
    const { endpoints } = api.create<EndpointSlice>('endpointslices', 'default', slice)
    expect(endpoints).toEqual([{ addresses: ['10.0.0.1'], conditions: {}, zone: 'a' }])
    expect(api.patch<EndpointSlice>('endpointslices', 'default', 'x', 'application/merge-patch+json', { endpoints: [{ addresses: ['10.0.0.2'], deprecatedTopology: { rack: '2' } }] }).endpoints).toEqual([{ addresses: ['10.0.0.2'], conditions: {} }])
  })

  it('names its nodes, zones, protocols and domains as v1.33 wants them', () => {
    const { api } = server()
    const why = (spec: object): string => refusal(() => api.create('endpointslices', 'default', { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'x' }, addressType: 'IPv4', ...spec })).message
    expect(why({ addressType: 'FQDN', endpoints: [{ addresses: ['a'] }] })).toBe('EndpointSlice.discovery.k8s.io "x" is invalid: endpoints[0].addresses[0]: Invalid value: "a": should be a domain with at least two segments separated by dots')
    expect(why({ endpoints: [{ addresses: ['0.0.0.0'] }] })).toContain('may not be unspecified (0.0.0.0)')
    expect(why({ endpoints: [{ addresses: ['1.2.3.4'], hints: { forZones: [{ name: 'a' }, { name: 'a' }] } }] })).toContain('endpoints[0].hints.forZones[1].name: Duplicate value: "a"')
    expect(why({ endpoints: [{ addresses: ['1.2.3.4'], nodeName: 'A_' }] })).toContain('endpoints[0].nodeName: Invalid value: "A_"')
    expect(why({ endpoints: [], ports: [{ port: 80, appProtocol: 'x y' }] })).toContain('ports[0].appProtocol: Invalid value: "x y"')
  })
})

describe('a watch', () => {
  function follow(made: { clock: Clock; api: ApiServer }, options: WatchOptions): string[] {
    const seen: string[] = []
    made.api.watch('secrets', options, (e: WatchEvent) => {
      if (e.type === 'ERROR') seen.push(`ERROR ${e.status.message}`)
      else if (e.type === 'BOOKMARK') seen.push(`BOOKMARK ${e.resourceVersion}${e.annotations ? ` ${JSON.stringify(e.annotations)}` : ''}`)
      else seen.push(`${e.type} ${e.object.metadata.name}`)
    })
    made.clock.settle()
    return seen
  }

  it('has bookmarks once a minute, when asked for', () => {
    const made = server()
    const plain = follow(made, {})
    const marked = follow(made, { allowWatchBookmarks: true })
    made.api.create('secrets', 'default', settings('a'))
    made.clock.runFor(60_000)
    made.api.create('secrets', 'default', settings('b'))
    made.clock.runFor(60_000)
    expect(plain).toEqual(['ADDED a', 'ADDED b'])
    expect(marked).toEqual(['ADDED a', `BOOKMARK ${made.api.store.version - 1}`, 'ADDED b', `BOOKMARK ${made.api.store.version}`])
  })

  it('from a version that is yet to come hears only of what is newer', () => {
    const made = server()
    const version = made.api.store.version + 2
    const seen = follow(made, { resourceVersion: String(version), allowWatchBookmarks: true })
    for (const name of ['a', 'b']) made.api.create('secrets', 'default', settings(name))
    expect(made.api.store.version).toBe(version)
    made.clock.runFor(60_000)
    expect(seen).toEqual([])
    made.api.create('secrets', 'default', settings('c'))
    made.clock.runFor(60_000)
    expect(seen).toEqual(['ADDED c', `BOOKMARK ${version + 1}`])
  })

  it('starts with everything and its end, where the feature is switched on', () => {
    const options = { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: true }
    const off = server()
    expect(refusal(() => follow(off, options)).message).toBe('ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled')
    const on = server({ watchList: true })
    on.api.create('secrets', 'default', settings('a'))
    expect(follow(on, options)).toEqual(['ADDED a', `BOOKMARK ${on.api.store.version} {"k8s.io/initial-events-end":"true"}`])
    const late = follow(on, { ...options, resourceVersion: '999' })
    on.clock.runFor(3000)
    expect(late).toEqual([`ERROR Timeout: Too large resource version: 999, current: ${on.api.store.version}`])
  })

  it('ends when its time is over', () => {
    const made = server()
    let ended = 0
    const seen = follow(made, { timeoutSeconds: 5, onEnd: () => ended++ })
    made.clock.runFor(5000)
    made.api.create('secrets', 'default', settings('a'))
    made.clock.settle()
    expect([seen, ended]).toEqual([[], 1])
  })
})

describe('deletes', () => {
  it('keep to their preconditions', () => {
    const { api } = server()
    const { uid, resourceVersion } = api.create('configmaps', 'default', settings('a')).metadata
    const why = (preconditions: object): Status => refusal(() => api.delete('configmaps', 'default', 'a', { preconditions }))
    expect(why({ uid: 'x' })).toMatchObject({
      code: 409, reason: 'Conflict', details: { kind: 'ConfigMap', name: 'a' },
      message: `Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (x) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    })
    expect(why({ resourceVersion: '1' }).message).toBe(
      `Operation cannot be fulfilled on ConfigMap "a": the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    )
    expect(refusal(() => api.delete('configmaps', 'default', 'a', { propagationPolicy: 'x' as never })).message).toBe(
      'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "x": supported values: "Foreground", "Background", "Orphan", "nil"',
    )
  })

  it('of Jobs leave their Pods when nothing else is said, with a warning', () => {
    const { api } = server()
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'busybox' }] } }
    const heard: string[] = []
    const onWarning = (text: string): number => heard.push(text)
    for (const name of ['a', 'b', 'c']) api.create('jobs', 'default', { metadata: { name }, spec: { template } })
    expect(api.delete('jobs', 'default', 'a', { onWarning })).toMatchObject({ metadata: { finalizers: ['orphan'] } })
    expect(heard).toEqual(['child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning'])
    expect(api.delete('jobs', 'default', 'b', { propagationPolicy: 'Background', onWarning })).toMatchObject({ status: 'Success' })
    api.create('replicationcontrollers', 'default', { metadata: { name: 'r' }, spec: { selector: { a: 'b' }, template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'busybox' }] } } } })
    expect(api.delete('replicationcontrollers', 'default', 'r', { onWarning })).toMatchObject({ metadata: { finalizers: ['orphan'] } })
    expect(heard).toHaveLength(1)
    api.deleteCollection('jobs', { namespace: 'default' }, { onWarning })
    expect(heard).toHaveLength(2)
  })

  it('wait for finalizers, and a name stays taken until then', () => {
    const { api } = server()
    api.create('configmaps', 'default', settings('a', { finalizers: ['example.com/keep'] }))
    expect(api.delete('configmaps', 'default', 'a')).toMatchObject({ kind: 'ConfigMap', metadata: { deletionGracePeriodSeconds: 0 } })
    expect(refusal(() => api.create('configmaps', 'default', settings('a'))).message).toBe('object is being deleted: configmaps "a" already exists')
    expect(refusal(() => api.patch('configmaps', 'default', 'a', 'application/merge-patch+json', { metadata: { finalizers: ['example.com/keep', 'example.com/more'] } })).message).toMatch(
      /metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers \[\]string{"example.com\/more"}/,
    )
    api.patch('configmaps', 'default', 'a', 'application/merge-patch+json', { metadata: { finalizers: null } })
    expect(refusal(() => api.get('configmaps', 'default', 'a')).code).toBe(404)
  })

  it('can only shorten the time of a Pod', () => {
    const { api, clock } = server()
    running(api, 'web')
    expect((api.delete('pods', 'default', 'web', { gracePeriodSeconds: 60 }) as Pod).metadata).toMatchObject({ deletionTimestamp: '2026-01-05T08:01:00Z', deletionGracePeriodSeconds: 60 })
    clock.runFor(10_000)
    expect((api.delete('pods', 'default', 'web', { gracePeriodSeconds: 90 }) as Pod).metadata.deletionGracePeriodSeconds).toBe(60)
    expect((api.delete('pods', 'default', 'web', { gracePeriodSeconds: 20 }) as Pod).metadata).toMatchObject({ deletionTimestamp: '2026-01-05T08:00:20Z', deletionGracePeriodSeconds: 20 })
    clock.runFor(30_000)
    expect((api.delete('pods', 'default', 'web', { gracePeriodSeconds: 5 }) as Pod).metadata).toMatchObject({ deletionTimestamp: '2026-01-05T08:00:40Z', deletionGracePeriodSeconds: 1 })
  })

  it('of a namespace mark it only', () => {
    const { api } = server()
    api.create('namespaces', undefined, { metadata: { name: 'shop' } })
    const { metadata, status } = api.delete('namespaces', undefined, 'shop') as Namespace
    expect([metadata.deletionTimestamp, metadata.deletionGracePeriodSeconds, status.phase]).toEqual(['2026-01-05T08:00:00Z', undefined, 'Terminating'])
  })
})

describe('the garbage collector', () => {
  const owned = (name: string, owner: KubeObject, block = true): object =>
    settings(name, { ownerReferences: [{ apiVersion: 'v1', kind: owner.kind, name: owner.metadata.name, uid: owner.metadata.uid, blockOwnerDeletion: block }] })

  it('tells of an owner in another namespace, and deletes what has none', () => {
    const { api, clock } = managed()
    api.create('namespaces', undefined, { metadata: { name: 'shop' } })
    clock.settle()
    const owner = api.create('configmaps', 'shop', settings('owner'))
    clock.settle()
    api.create('configmaps', 'default', owned('stray', owner))
    clock.settle()
    expect(refusal(() => api.get('configmaps', 'default', 'stray')).code).toBe(404)
    const told = api.list<Event>('events', { namespace: 'default', fieldSelector: 'reason=OwnerRefInvalidNamespace' }).items
    expect(told.map((e) => e.message)).toEqual([`ownerRef [v1/ConfigMap, namespace: default, name: owner, uid: ${owner.metadata.uid}] does not exist in namespace "default"`])
    expect(told[0]!.source).toEqual({ component: 'garbage-collector-controller' })
  })

  it('leaves what only the cluster has and points into a namespace', () => {
    const { api, clock } = managed()
    const owner = api.create('configmaps', 'default', settings('owner'))
    api.create('namespaces', undefined, owned('shop', owner))
    api.delete('configmaps', 'default', 'owner')
    clock.settle()
    expect(api.get('namespaces', undefined, 'shop').metadata.deletionTimestamp).toBeUndefined()
  })

  it('lets an owner go in the foreground as soon as nothing blocks it', () => {
    const { api, clock } = managed()
    const owner = api.create('configmaps', 'default', settings('owner'))
    api.create('configmaps', 'default', { ...owned('held', owner), metadata: { ...(owned('held', owner) as KubeObject).metadata, finalizers: ['example.com/keep'] } })
    clock.settle()
    expect(api.delete('configmaps', 'default', 'owner', { propagationPolicy: 'Foreground' })).toMatchObject({ metadata: { finalizers: ['foregroundDeletion'] } })
    clock.settle()
    const held = api.get('configmaps', 'default', 'held')
    expect([held.metadata.deletionTimestamp !== undefined, api.get('configmaps', 'default', 'owner').metadata.deletionTimestamp !== undefined]).toEqual([true, true])
    api.patch('configmaps', 'default', 'held', 'application/merge-patch+json', { metadata: { ownerReferences: held.metadata.ownerReferences!.map((o) => ({ ...o, blockOwnerDeletion: false })) } })
    clock.settle()
    expect(refusal(() => api.get('configmaps', 'default', 'owner')).code).toBe(404)
  })

  it('cuts circles', () => {
    const { api, clock } = managed()
    const a = api.create('configmaps', 'default', settings('a'))
    const b = api.create('configmaps', 'default', owned('b', a))
    clock.settle()
    api.patch('configmaps', 'default', 'a', 'application/merge-patch+json', (owned('a', b) as { metadata: object }))
    clock.settle()
    api.delete('configmaps', 'default', 'a', { propagationPolicy: 'Foreground' })
    clock.settle()
    expect(api.list('configmaps', { namespace: 'default' }).items.map((o) => o.metadata.name)).toEqual(['kube-root-ca.crt'])
  })
})

describe('evictions', () => {
  const evict = (api: ApiServer, name: string, options: object = {}): Status => api.createSubresource('pods', 'default', name, 'eviction', { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: 'default' } }, options)

  it('without a budget delete the Pod, which says why', () => {
    const { api } = server()
    running(api, 'web')
    expect(evict(api, 'web', { dryRun: true }).status).toBe('Success')
    expect(api.get('pods', 'default', 'web').metadata.deletionTimestamp).toBeUndefined()
    expect(evict(api, 'web')).toMatchObject({ kind: 'Status', status: 'Success', code: 201 })
    const { metadata, status } = api.get<Pod>('pods', 'default', 'web')
    expect(metadata.deletionTimestamp).toBe('2026-01-05T08:00:30Z')
    expect(status.conditions!.find((c) => c.type === 'DisruptionTarget')).toMatchObject({ status: 'True', reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' })
    expect(refusal(() => api.createSubresource('pods', 'default', 'web', 'eviction', { metadata: { name: 'other' } })).message).toBe('name in URL does not match name in Eviction object')
    expect(refusal(() => evict(api, 'gone')).message).toBe('pods "gone" not found')
  })

  it('are granted as the budget allows', () => {
    const { api, clock } = managed()
    for (const name of ['a', 'b', 'c']) running(api, name, { app: 'web' })
    api.create('poddisruptionbudgets', 'default', { metadata: { name: 'budget' }, spec: { minAvailable: 2, selector: { matchLabels: { app: 'web' } } } })
    const tooSoon = refusal(() => evict(api, 'a'))
    expect(tooSoon).toMatchObject({ code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds: 10, causes: [{ reason: 'DisruptionBudget', message: 'The disruption budget budget is still being processed by the server.' }] } })
    clock.settle()
    const budget = (): PodDisruptionBudget['status'] => api.get<PodDisruptionBudget>('poddisruptionbudgets', 'default', 'budget').status
    expect(budget()).toMatchObject({ currentHealthy: 3, desiredHealthy: 2, expectedPods: 3, disruptionsAllowed: 1, observedGeneration: 1, conditions: [{ type: 'DisruptionAllowed', status: 'True', reason: 'SufficientPods' }] })
    evict(api, 'a')
    expect(budget()).toMatchObject({ disruptionsAllowed: 0, disruptedPods: { a: '2026-01-05T08:00:00Z' } })
    const refused = refusal(() => evict(api, 'b'))
    expect(refused).toMatchObject({
      code: 429, message: "Cannot evict pod as it would violate the pod's disruption budget.",
      details: { causes: [{ reason: 'DisruptionBudget', message: 'The disruption budget budget needs 2 healthy pods and has 3 currently' }] },
    })
    clock.settle()
    expect(budget()).toMatchObject({ currentHealthy: 2, disruptionsAllowed: 0, conditions: [{ status: 'False', reason: 'InsufficientPods' }] })
    expect(budget().disruptedPods).toBeUndefined()
    // A Pod that is not ready is nobody's loss while enough others are.
    api.patch('pods', 'default', 'c', 'application/merge-patch+json', { status: { conditions: [{ type: 'Ready', status: 'False' }] } }, { subresource: 'status' })
    running(api, 'd', { app: 'web' })
    clock.settle()
    expect(evict(api, 'c').status).toBe('Success')
  })

  it('of percentages ask the controllers, and say when there are none', () => {
    const { api, clock } = managed()
    running(api, 'alone', { app: 'web' })
    api.create('poddisruptionbudgets', 'default', { metadata: { name: 'budget' }, spec: { maxUnavailable: '50%', selector: { matchLabels: { app: 'web' } } } })
    clock.settle()
    const reasons = api.list<Event>('events', { namespace: 'default', fieldSelector: 'involvedObject.name=budget' }).items
    expect(reasons[0]).toMatchObject({ reason: 'UnmanagedPods', type: 'Warning', source: { component: 'controllermanager' } })
    expect(reasons[0]!.message).toContain('(selector: &LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{},})')
    expect(api.get<PodDisruptionBudget>('poddisruptionbudgets', 'default', 'budget').status).toMatchObject({ expectedPods: 0, disruptionsAllowed: 0 })
  })
})

describe('other subresources', () => {
  it('ephemeralcontainers only takes more of them', () => {
    const { api } = server()
    running(api, 'web')
    const add = (containers: object[]): Pod => api.patch<Pod>('pods', 'default', 'web', 'application/strategic-merge-patch+json', { spec: { ephemeralContainers: containers } }, { subresource: 'ephemeralcontainers' })
    expect(add([{ name: 'debug', image: 'busybox', targetContainerName: 'web' }]).spec.ephemeralContainers).toMatchObject([{ name: 'debug', imagePullPolicy: 'Always', terminationMessagePolicy: 'File' }])
    expect(refusal(() => add([{ name: 'debug', image: 'other' }])).message).toMatch(/^Pod "web" is invalid: spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be changed\n/)
    expect(refusal(() => add([{ name: 'web', image: 'x' }])).message).toContain('spec.ephemeralContainers[0].name: Duplicate value: "web"')
    expect(refusal(() => add([{ name: 'more', image: 'x', ports: [{ containerPort: 80 }], targetContainerName: 'no' }])).message).toMatch(
      /spec.ephemeralContainers\[0\].targetContainerName: Not found: "no", spec.ephemeralContainers\[0\].ports: Forbidden: cannot be set for an Ephemeral Container/,
    )
    expect(refusal(() => api.create('pods', 'default', { ...pod('new'), spec: { containers: [{ name: 'a', image: 'a' }], ephemeralContainers: [{ name: 'b', image: 'b' }] } })).message).toContain('spec.ephemeralContainers: Forbidden: cannot be set on create')
  })

  it('token is a JWT with the right claims', () => {
    const { api, clock } = server()
    api.create('serviceaccounts', 'default', { metadata: { name: 'robot' } })
    const made = api.createSubresource<KubeObject & { spec: { audiences: string[]; expirationSeconds: number }; status: { token: string } }>('serviceaccounts', 'default', 'robot', 'token', { spec: { expirationSeconds: 600 } })
    const [header, claims, signature] = made.status.token.split('.')
    expect(JSON.parse(atob(header!))).toMatchObject({ alg: 'RS256', kid: expect.any(String) })
    const issued = Math.floor(clock.wall() / 1000)
    const { uid } = api.get('serviceaccounts', 'default', 'robot').metadata
    expect(JSON.parse(atob(claims!))).toMatchObject({
      aud: ['https://kubernetes.default.svc.cluster.local'], exp: issued + 600, iat: issued, nbf: issued, iss: 'https://kubernetes.default.svc.cluster.local',
      'kubernetes.io': { namespace: 'default', serviceaccount: { name: 'robot', uid } }, sub: 'system:serviceaccount:default:robot',
    })
    expect(signature).toHaveLength(342)
    expect(refusal(() => api.createSubresource('serviceaccounts', 'default', 'robot', 'token', { spec: { expirationSeconds: 5 } })).message).toBe(
      'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes',
    )
  })

  it('that are not simulated say so, others have no such method', () => {
    const { api } = server()
    running(api, 'web')
    expect(refusal(() => api.createSubresource('pods', 'default', 'web', 'proxy', {})).message).toMatch(/^podhop: not simulated: pods\/proxy/)
    expect(refusal(() => api.createSubresource('pods', 'default', 'web', 'status', {}))).toMatchObject({ code: 405, message: 'the server does not allow this method on the requested resource' })
  })
})

describe('what is too large', () => {
  it('is refused by the server, or by etcd', () => {
    const { api } = server()
    const annotated = (bytes: number): unknown => api.create('customresourcedefinitions', undefined, { metadata: { name: 'x' }, spec: { group: 'x'.repeat(bytes) } })
    expect(refusal(() => annotated(3 * 1024 * 1024))).toMatchObject({ code: 413, reason: 'RequestEntityTooLarge', message: 'Request entity too large: limit is 3145728' })
    const big = { metadata: { name: 'big' }, rules: Array.from({ length: 20 }, (_, i) => ({ apiGroups: [''], resources: [`${i}${'ü'.repeat(40_000)}`], verbs: ['get'] })) }
    expect(refusal(() => api.create('clusterroles', undefined, big))).toMatchObject({ code: 500, reason: '', message: 'etcdserver: request is too large' })
    expect(api.create('clusterroles', undefined, big, { dryRun: true }).metadata.name).toBe('big')
  })
})

describe('a dry run', () => {
  it('leaves no trace, not even in the names that come later', () => {
    const make = (dryRun: boolean): string[] => {
      const { api } = server()
      const made = (): string => {
        const { metadata } = api.create('pods', 'default', { metadata: { generateName: 'web-' }, spec: { containers: [{ name: 'a', image: 'a' }] } }, {})
        return `${metadata.name} ${metadata.uid}`
      }
      if (dryRun) {
        const before = api.store.version
        api.create('pods', 'default', { metadata: { generateName: 'web-' }, spec: { containers: [{ name: 'a', image: 'a' }] } }, { dryRun: true })
        api.create('services', 'default', { metadata: { name: 'web' }, spec: { type: 'NodePort', ports: [{ port: 80 }] } }, { dryRun: true })
        api.create('namespaces', undefined, { metadata: { name: 'shop' } }, { dryRun: true })
        expect(api.store.version).toBe(before)
      }
      const service = api.create('services', 'default', { metadata: { name: 'web' }, spec: { type: 'NodePort', ports: [{ port: 80 }] } })
      return [made(), JSON.stringify((service as unknown as { spec: object }).spec)]
    }
    expect(make(true)).toEqual(make(false))
  })
})

describe('events.k8s.io/v1', () => {
  it('has the Events of core/v1 under its own names, both ways', () => {
    const { clock, api } = managed()
    const seen: WatchEvent[] = []
    api.watch('events.events.k8s.io', { namespace: 'default' }, (event) => seen.push(event))
    const regarding = { kind: 'Pod', name: 'web', namespace: 'default' }
    const written = { metadata: { name: 'web.1', namespace: 'default' }, eventTime: '2026-01-05T08:00:00.000000Z', regarding, reason: 'Slow', note: 'it is slow', type: 'Warning', action: 'Look', reportingController: 'example.com/eye', reportingInstance: 'eye-1' }
    api.create('events.events.k8s.io', 'default', written)
    expect(api.get('events', 'default', 'web.1')).toMatchObject({ apiVersion: 'v1', involvedObject: regarding, message: 'it is slow', reportingComponent: 'example.com/eye' })
    api.patch('events.events.k8s.io', 'default', 'web.1', 'application/merge-patch+json', { note: 'no more' })
    clock.settle()
    expect(api.get('events', 'default', 'web.1')).toMatchObject({ message: 'no more' })
    expect(seen.map((event) => 'object' in event && event.object)).toMatchObject([{ apiVersion: 'events.k8s.io/v1', regarding, note: 'it is slow' }, { note: 'no more' }])
    expect(api.table('events.events.k8s.io', { fieldSelector: 'regarding.name=web,reportingController=example.com/eye' }).rows[0]!.cells.slice(1, 4)).toEqual(['Warning', 'Slow', 'pod/web'])
    expect(refusal(() => api.create('events.events.k8s.io', 'default', { metadata: { name: 'x', namespace: 'default' }, regarding })).message).toContain('eventTime: Required value')
    api.delete('events.events.k8s.io', 'default', 'web.1')
    expect(api.list('events', { namespace: 'default' }).items).toEqual([])
  })
})

describe('a kind that is only asked', () => {
  it('cannot be listed, watched or got', () => {
    const { api } = server()
    const no = 'the server does not allow this method on the requested resource'
    expect([() => api.list('subjectaccessreviews'), () => api.table('subjectaccessreviews'), () => api.watch('subjectaccessreviews', {}, () => undefined)].map((run) => refusal(run).message)).toEqual([no, no, no])
    expect(refusal(() => api.get('subjectaccessreviews', undefined, 'x')).code).toBe(404)
  })

  it('answers from the bindings there are', () => {
    const { api } = server()
    api.create('roles', 'default', { metadata: { name: 'look' }, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] })
    api.create('rolebindings', 'default', { metadata: { name: 'eyes' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'look' }, subjects: [{ kind: 'ServiceAccount', name: 'robot' }] })
    const asked = (user: string, verb: string): unknown => (api.create('subjectaccessreviews', undefined, { spec: { user, resourceAttributes: { verb, resource: 'pods', namespace: 'default' } } }) as KubeObject & { status: unknown }).status
    expect(asked('system:serviceaccount:default:robot', 'get')).toEqual({ allowed: true, reason: 'RBAC: allowed by RoleBinding "eyes/default" of Role "look" to ServiceAccount "robot/default"' })
    expect(asked('system:serviceaccount:default:robot', 'list')).toEqual({ allowed: false })
    expect(asked('system:serviceaccount:other:robot', 'get')).toEqual({ allowed: false })
  })
})
