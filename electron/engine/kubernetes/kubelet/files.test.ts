import { describe, expect, it } from 'vitest'
import { permits } from '../../machine/open.ts'
import { Story } from './stories.samples.ts'

const { does } = Story
const CLUSTER = 'default.svc.cluster.local svc.cluster.local cluster.local'

describe('/etc/resolv.conf', () => {
  const resolv = (spec: object): string => {
    const story = new Story()
    story.run('web', { containers: [{}], ...spec })
    return story.file('/etc/resolv.conf')
  }

  it('follows dnsPolicy', () => {
    expect(resolv({})).toBe(`search ${CLUSTER}\nnameserver 10.96.0.10\noptions ndots:5\n`)
    expect(resolv({ dnsPolicy: 'Default' })).toBe('nameserver 192.0.2.53\n')
    expect(resolv({ hostNetwork: true })).toBe('nameserver 192.0.2.53\n')
    expect(resolv({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' })).toBe(`search ${CLUSTER}\nnameserver 10.96.0.10\noptions ndots:5\n`)
    expect(resolv({ dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.1'], searches: ['a.example'], options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }] } })).toBe('search a.example\nnameserver 192.0.2.1\noptions ndots:2 edns0\n')
  })

  it('takes dnsConfig beside it, without what is there already', () => {
    expect(resolv({ dnsConfig: { nameservers: ['192.0.2.1', '10.96.0.10'], searches: ['cluster.local', 'corp.example'], options: [{ name: 'ndots', value: '1' }] } })).toBe(`search ${CLUSTER} corp.example\nnameserver 10.96.0.10\nnameserver 192.0.2.1\noptions ndots:1\n`)
  })

  it('keeps to libc’s limits, and an event says what was left', () => {
    const story = new Story()
    const searches = Array.from({ length: 31 }, (_, i) => `s${i}.example`)
    story.run('web', { dnsConfig: { nameservers: ['192.0.2.1', '192.0.2.2', '192.0.2.3'], searches }, containers: [{}] })
    const kept = `${CLUSTER} ${searches.slice(0, 29).join(' ')}`
    expect(story.file('/etc/resolv.conf')).toBe(`search ${kept}\nnameserver 10.96.0.10\nnameserver 192.0.2.1\nnameserver 192.0.2.2\noptions ndots:5\n`)
    expect(story.events('web', ['DNSConfigForming'])).toEqual([
      'Warning DNSConfigForming Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 192.0.2.1 192.0.2.2',
      `Warning DNSConfigForming Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${kept}`,
    ])
  })
})

describe('the host name', () => {
  it('is the whole one if the Pod says so', () => {
    const story = new Story()
    story.run('web', { hostname: 'box', subdomain: 'boxes', setHostnameAsFQDN: true, containers: [{}] })
    const fqdn = 'box.boxes.default.svc.cluster.local'
    expect(story.cluster.container('default', 'web')!.hostname).toBe(fqdn)
    expect(story.file('/etc/hostname')).toBe(`${fqdn}\n`)
    expect(story.file('/etc/hosts')).toContain(`${story.pod().status.podIP}\t${fqdn}\tbox\n`)
  })

  it('is the node’s in its network, and its hosts file too', () => {
    const story = new Story()
    story.run('web', { hostNetwork: true, nodeName: 'worker-1', hostAliases: [{ ip: '192.0.2.7', hostnames: ['old'] }], containers: [{}] })
    expect(story.cluster.container('default', 'web')!.hostname).toBe('worker-1')
    expect(story.file('/etc/hosts')).toMatch(/^# Kubernetes-managed hosts file \(host network\)\.\n127\.0\.0\.1\tlocalhost\n[^]*\n# Entries added by HostAliases\.\n192\.0\.2\.7\told\n$/)
  })
})

describe('volumes', () => {
  const NOT_YET = ['FailedMount']
  const shown = (names: string[]): string[] => names.filter((name) => !name.startsWith('..'))

  it('change all at one moment, through ..data; a part by subPath never does', () => {
    const story = new Story()
    story.create('configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { a: '1', b: '2' } })
    const volumes = [{ name: 'v', configMap: { name: 'c' } }, { name: 'me', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } }]
    story.run('web', { containers: [{ ...does('stay'), volumeMounts: [{ name: 'v', mountPath: '/v' }, { name: 'v', mountPath: '/one', subPath: 'a' }, { name: 'me', mountPath: '/me' }] }], volumes }, { labels: { app: 'web' } })
    const { fs } = story.cluster.container('default', 'web')!
    const first = fs.readLink('/v/..data')
    expect(first).toMatch(/^\.\.2026_01_05_08_00_\d\d\.\d+$/)
    expect([fs.readLink('/v/a'), fs.stat('/v').mode, fs.stat('/me').mode]).toEqual(['..data/a', 0o777, 0o1777])
    story.cluster.client.patch('configmaps', 'default', 'c', 'application/merge-patch+json', { data: { a: 'new', b: null, c: '3' } })
    story.cluster.client.patch('pods', 'default', 'web', 'application/merge-patch+json', { metadata: { labels: { app: 'other' } } })
    story.pass(1)
    expect(fs.readText('/me/labels')).toBe('app="other"')
    story.pass(90)
    expect([fs.readText('/v/a'), fs.readText('/one'), shown(fs.readDirectory('/v'))]).toEqual(['new', '1', ['a', 'c']])
    expect([fs.exists(`/v/${first}`), fs.readLink('/v/..data') === first]).toEqual([false, false])
  })

  it('whose object is missing hold the Pod up in ContainerCreating until it is there', () => {
    const story = new Story()
    story.run('web', { containers: [{ volumeMounts: [{ name: 'v', mountPath: '/v' }] }], volumes: [{ name: 'v', configMap: { name: 'late' } }] })
    expect(story.state()).toBe('waiting ContainerCreating')
    expect(story.events('web', NOT_YET)).toEqual(['Warning FailedMount MountVolume.SetUp failed for volume "v" : configmap "late" not found'])
    story.create('configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'late' }, data: { a: '1' } })
    story.pass(20)
    expect(story.file('/v/a')).toBe('1')
  })

  it('of optional objects are empty without them', () => {
    const story = new Story()
    story.run('web', { containers: [{ volumeMounts: [{ name: 'v', mountPath: '/v' }] }], volumes: [{ name: 'v', secret: { secretName: 'never', optional: true } }] })
    expect(shown(story.cluster.container('default', 'web')!.fs.readDirectory('/v'))).toEqual([])
  })

  it('of an optional object that comes late have it within a minute and a half, and lose it with it', () => {
    const story = new Story()
    story.run('web', { containers: [{ ...does('stay'), volumeMounts: [{ name: 'v', mountPath: '/v' }] }], volumes: [{ name: 'v', configMap: { name: 'late', optional: true } }] })
    const files = (): string[] => shown(story.cluster.container('default', 'web')!.fs.readDirectory('/v'))
    story.create('configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'late' }, data: { a: '1' } })
    story.pass(90)
    expect(files()).toEqual(['a'])
    story.cluster.client.delete('configmaps', 'default', 'late')
    story.pass(90)
    expect(files()).toEqual([])
  })

  it('of an object that is made anew have the new one; while it is gone, the old', () => {
    const story = new Story()
    const make = (data: Record<string, string>): void => void story.create('configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data })
    make({ a: '1' })
    story.run('web', { containers: [{ ...does('stay'), volumeMounts: [{ name: 'v', mountPath: '/v' }] }], volumes: [{ name: 'v', configMap: { name: 'c' } }] })
    story.cluster.client.delete('configmaps', 'default', 'c')
    story.pass(90)
    expect(story.file('/v/a')).toBe('1')
    make({ a: '2' })
    story.pass(90)
    expect(story.file('/v/a')).toBe('2')
  })

  it('of one source or many have their modes', () => {
    const story = new Story()
    story.create('configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { run: '#!/bin/sh\n', other: 'x' } })
    story.create('secrets', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { key: 'hush' } })
    const sources = [
      { configMap: { name: 'c', items: [{ key: 'run', path: 'bin/run', mode: 0o755 }] } }, { secret: { name: 's' } },
      { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }, { path: 'cpu', resourceFieldRef: { containerName: 'main', resource: 'limits.cpu', divisor: '1m' } }] } },
      { serviceAccountToken: { path: 'token' } },
    ]
    story.run('web', { containers: [{ resources: { limits: { cpu: '250m' } }, volumeMounts: [{ name: 'v', mountPath: '/v' }] }], volumes: [{ name: 'v', projected: { defaultMode: 0o440, sources } }] }, { labels: { app: 'web', tier: 'front' } })
    const { fs } = story.cluster.container('default', 'web')!
    expect(shown(fs.readDirectory('/v'))).toEqual(['bin', 'cpu', 'key', 'labels', 'token'])
    expect([fs.stat('/v/bin/run').mode & 0o777, fs.stat('/v/key').mode & 0o777]).toEqual([0o755, 0o440])
    expect([fs.readText('/v/labels'), fs.readText('/v/cpu'), fs.readText('/v/key')]).toEqual(['app="web"\ntier="front"', '250', 'hush'])
  })

  it('of the host are what they are said to be', () => {
    const failed = (type: string, path: string): string[] => {
      const story = new Story()
      story.run('web', { containers: [{ volumeMounts: [{ name: 'v', mountPath: '/v' }] }], volumes: [{ name: 'v', hostPath: { path, type } }] })
      return [...new Set(story.events('web', NOT_YET))]
    }
    const says = (path: string, what: string): string[] => [`Warning FailedMount MountVolume.SetUp failed for volume "v" : hostPath type check failed: ${path} is not a ${what}`]
    expect(failed('Directory', '/srv/none')).toEqual(says('/srv/none', 'directory'))
    expect(failed('Directory', '/etc/hostname')).toEqual(says('/etc/hostname', 'directory'))
    expect(failed('File', '/etc')).toEqual(says('/etc', 'file'))
    expect(failed('Socket', '/run/x.sock')).toEqual(says('/run/x.sock', 'socket file'))
    expect(failed('CharDevice', '/etc/hostname')).toEqual(says('/etc/hostname', 'character device'))
    expect(failed('DirectoryOrCreate', '/srv/new')).toEqual([])
  })

  it('show a part by subPath, also one that names the Pod', () => {
    const story = new Story()
    const env = [{ name: 'ME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }]
    story.run('web', { nodeName: 'worker-1', containers: [{ ...does('stay'), env, volumeMounts: [{ name: 'v', mountPath: '/mine', subPathExpr: 'logs/$(ME)' }] }], volumes: [{ name: 'v', hostPath: { path: '/srv/all' } }] })
    story.cluster.container('default', 'web')!.fs.writeFile('/mine/a', '1')
    expect(story.cluster.nodes.get('worker-1')!.fs.readText('/srv/all/logs/web/a')).toBe('1')
    story.run('lost', { containers: [{ volumeMounts: [{ name: 'v', mountPath: '/mine', subPathExpr: '$(NOBODY)' }] }], volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }] })
    expect(story.state('main', 'lost')).toBe('waiting CreateContainerConfigError')
  })

  it('belong to the Pod’s group', () => {
    const story = new Story()
    story.run('web', { securityContext: { fsGroup: 2000, runAsUser: 1000 }, containers: [{ volumeMounts: [{ name: 'v', mountPath: '/v' }] }], volumes: [{ name: 'v', emptyDir: {} }] })
    expect(story.cluster.container('default', 'web')!.fs.stat('/v')).toMatchObject({ gid: 2000, mode: 0o2777 })
  })

  it('have a token that is its user’s alone', () => {
    const story = new Story()
    const token = (name: string, securityContext: object): object => {
      story.run(name, { securityContext, containers: [{ ...does('stay'), volumeMounts: [{ name: 'v', mountPath: '/v' }] }], volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }] })
      const { fs } = story.cluster.container('default', name)!
      const { uid, gid, mode, size } = fs.stat('/v/token')
      return { uid, gid, mode, whole: size === fs.readText('/v/token').length, directory: fs.stat('/v').size }
    }
    expect(token('anybody', {})).toEqual({ uid: 0, gid: 0, mode: 0o644, whole: true, directory: 100 })
    expect(token('user', { runAsUser: 1000 })).toEqual({ uid: 1000, gid: 0, mode: 0o600, whole: true, directory: 100 })
    expect(token('group', { fsGroup: 2000 })).toEqual({ uid: 0, gid: 2000, mode: 0o640, whole: true, directory: 100 })
  })

  it('are read by whoever is in that group', () => {
    const story = new Story()
    story.create('secrets', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { key: 'hush' } })
    const securityContext = { runAsUser: 1000, fsGroup: 2000, supplementalGroups: [4000, 100] }
    story.run('web', { securityContext, containers: [{ ...does('stay'), volumeMounts: [{ name: 'v', mountPath: '/v' }] }], volumes: [{ name: 'v', secret: { secretName: 's', defaultMode: 0o400 } }] })
    const { user } = story.cluster.container('default', 'web')!
    expect(user).toEqual({ uid: 1000, gid: 0, name: '1000', groups: [100, 2000, 4000] })
    const stat = story.cluster.container('default', 'web')!.fs.stat('/v/key')
    expect([stat.gid, permits(user, stat, 'read'), permits({ ...user, groups: [] }, stat, 'read')]).toEqual([2000, true, false])
  })
})

describe('resources of a running Pod', () => {
  it('can be changed by pods/resize, without a restart unless the container wishes one', () => {
    const story = new Story()
    const resources = { requests: { cpu: '100m', memory: '64Mi' } }
    story.run('web', { containers: [{ name: 'a', resources }, { name: 'b', resources, resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] }] })
    const patch = (name: string, requests: object): void => {
      story.cluster.client.patch('pods', 'default', 'web', 'application/strategic-merge-patch+json', { spec: { containers: [{ name, resources: { requests } }] } }, { subresource: 'resize' })
      story.pass(5)
    }
    patch('a', { cpu: '200m' })
    expect(story.state('a')).toBe('running, ready')
    expect(story.pod().status.containerStatuses![0]).toMatchObject({ allocatedResources: { cpu: '200m', memory: '64Mi' }, resources: { requests: { cpu: '200m' } } })
    patch('b', { memory: '128Mi' })
    expect(story.state('b')).toBe('running, ready, restarted 1')
    expect(story.events('web', ['Killing'])).toEqual(['Normal Killing Container b resize requires restart, will be restarted'])
  })

  it('are not changed to what the node has not', () => {
    const story = new Story()
    story.run('web', { containers: [{ resources: { requests: { cpu: '100m' } } }] })
    const patch = (cpu: string): void => {
      story.cluster.client.patch('pods', 'default', 'web', 'application/strategic-merge-patch+json', { spec: { containers: [{ name: 'main', resources: { requests: { cpu } } }] } }, { subresource: 'resize' })
      story.pass(1)
    }
    patch('64')
    expect(story.condition('PodResizePending')).toEqual({ status: 'True', reason: 'Infeasible', message: "Node didn't have enough capacity: cpu, requested: 64000, capacity: 4000" })
    expect(story.pod().status.containerStatuses![0]).toMatchObject({ allocatedResources: { cpu: '100m' } })
    patch('200m')
    expect(story.pod().status.conditions!.some((c) => c.type === 'PodResizePending')).toBe(false)
    expect(story.pod().status.containerStatuses![0]).toMatchObject({ allocatedResources: { cpu: '200m' } })
  })
})
