import { describe, expect, it } from 'vitest'
import { Story } from './stories.samples.ts'

const { does } = Story

describe('a container that cannot run', () => {
  it('for want of its command is a RunContainerError, then in back-off', () => {
    const story = new Story()
    const seen: string[] = []
    story.cluster.client.watch('pods', { namespace: 'default' }, () => {
      const state = story.gone() ? '' : story.state()
      if (state && state !== seen.at(-1)) seen.push(state)
    })
    story.run('web', { containers: [{ command: ['nope'] }] })
    story.pass(5)
    expect(seen.filter((s) => s.includes('Error') || s.includes('Back'))).toEqual(['waiting RunContainerError', 'waiting RunContainerError, restarted 1', 'waiting CrashLoopBackOff, restarted 1'])
    const text = 'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "nope": executable file not found in $PATH: unknown'
    expect(story.pod().status.containerStatuses![0]!.lastState!.terminated).toMatchObject({ exitCode: 128, reason: 'StartError', message: text, startedAt: '1970-01-01T00:00:00Z' })
    expect(story.events('web', ['Failed'])).toEqual([`Warning Failed Error: ${text}`])
  })

  it('and is not to be restarted stays what it is', () => {
    const story = new Story()
    story.run('web', { restartPolicy: 'Never', containers: [{ command: ['nope'] }] })
    expect(story.state()).toBe('terminated StartError 128')
    expect(story.pod().status.phase).toBe('Failed')
  })
})

describe('a container with a limit of memory', () => {
  const stress = (bytes: string): object => ({ image: 'polinux/stress', command: ['stress', '--vm', '1', '--vm-bytes', bytes, '--timeout', '5s'], resources: { limits: { memory: '100Mi' } } })

  it('is killed by the kernel for more, and by nobody for less', () => {
    const story = new Story()
    story.run('more', { restartPolicy: 'Never', containers: [stress('150M')] })
    story.run('less', { restartPolicy: 'Never', containers: [stress('50M')] })
    story.pass(20)
    const ended = (name: string): object => story.pod(name).status.containerStatuses![0]!.state!.terminated!
    expect(ended('more')).toMatchObject({ exitCode: 137, reason: 'OOMKilled' })
    expect(ended('less')).toMatchObject({ exitCode: 0, reason: 'Completed' })
  })
})

describe('what a container leaves behind', () => {
  it('is what it wrote to its termination message file', () => {
    const story = new Story()
    story.run('web', { restartPolicy: 'Never', containers: [{ ...does('last-words', '/var/my/end', 'so long'), terminationMessagePath: '/var/my/end' }] })
    expect(story.pod().status.containerStatuses![0]!.state!.terminated).toMatchObject({ exitCode: 1, reason: 'Error', message: 'so long' })
  })

  it('or the end of its log, if that is wished', () => {
    const story = new Story()
    story.run('web', { restartPolicy: 'Never', containers: [{ ...does('say', 'no', 'luck'), env: [{ name: 'CODE', value: '3' }], terminationMessagePolicy: 'FallbackToLogsOnError' }] })
    expect(story.pod().status.containerStatuses![0]!.state!.terminated).toMatchObject({ exitCode: 3, message: 'no luck\n' })
  })
})

describe('lifecycle hooks', () => {
  it('after the start keep the container from running until they are done', () => {
    const story = new Story()
    story.run('web', { containers: [{ lifecycle: { postStart: { sleep: { seconds: 5 } } } }] })
    const [status] = story.pod().status.containerStatuses!
    expect(story.state()).toBe('running, ready')
    const ready = story.pod().status.conditions!.find((c) => c.type === 'Ready')!.lastTransitionTime as unknown as string
    expect(Date.parse(ready) - Date.parse(status!.state!.running!.startedAt as unknown as string)).toBe(5_000)
  })

  it('that fail cost the container', () => {
    const story = new Story()
    story.run('web', { containers: [{ lifecycle: { postStart: { exec: { command: ['/bin/busybox', 'exit', '4'] } } } }] })
    expect(story.events('web', ['FailedPostStartHook', 'Killing'])).toEqual(['Warning FailedPostStartHook PostStartHook failed', 'Normal Killing FailedPostStartHook'])
    story.pass(1)
    expect(story.state()).toMatch(/^waiting (PostStartHookError|CrashLoopBackOff)/)
  })

  it('reach a server of the Pod by HTTP', () => {
    const story = new Story()
    story.run('web', { containers: [{ ...does('serve', '80'), lifecycle: { preStop: { httpGet: { path: '/bye', port: 80 } } } }] })
    const { fs } = story.cluster.container('default', 'web')!
    story.delete()
    story.cluster.settle()
    expect(fs.readText('/heard')).toMatch(/^GET \/bye HTTP\/1\.1\r\n/)
    expect(story.events('web', ['FailedPreStopHook'])).toEqual([])
  })

  it('before the stop take from the grace period, and two seconds are left after SIGTERM', () => {
    const story = new Story()
    story.run('web', { terminationGracePeriodSeconds: 10, containers: [{ ...does('deaf'), lifecycle: { preStop: { sleep: { seconds: 9 } } } }] })
    const began = story.cluster.clock.now
    story.delete()
    story.cluster.settle()
    expect(story.gone()).toBe(true)
    expect(Math.floor((story.cluster.clock.now - began) / 1000)).toBe(11)
  })

  it('that fail before the stop are told, and the container stops all the same', () => {
    const story = new Story()
    story.run('web', { containers: [{ lifecycle: { preStop: { exec: { command: ['/bin/busybox', 'exit', '1'] } } } }] })
    story.delete()
    story.cluster.settle()
    expect(story.gone()).toBe(true)
    expect(story.events('web', ['FailedPreStopHook', 'Killing'])).toEqual(['Normal Killing Stopping container main', 'Warning FailedPreStopHook PreStopHook failed'])
  })
})

describe('sidecars', () => {
  const sidecar = { restartPolicy: 'Always' }

  it('start in order, each when the one before has passed its startup probe', () => {
    const story = new Story()
    story.run('web', {
      initContainers: [{ name: 'first', ...sidecar, ...does('serve', '81'), startupProbe: { tcpSocket: { port: 81 }, initialDelaySeconds: 7 } }, { name: 'second', ...does('exit', '0') }],
      containers: [{}],
    })
    const { initContainerStatuses: init, containerStatuses: main } = story.pod().status
    const at = (time: unknown): number => Date.parse(time as string)
    expect(story.pod().status.phase).toBe('Running')
    expect(at(init![1]!.state!.terminated!.startedAt) - at(init![0]!.state!.running!.startedAt)).toBeGreaterThanOrEqual(7_000)
    expect(at(main![0]!.state!.running!.startedAt)).toBeGreaterThanOrEqual(at(init![1]!.state!.terminated!.finishedAt))
  })

  it('are restarted when they end, whatever the Pod’s policy, and hold up nothing', () => {
    const story = new Story()
    story.run('web', { restartPolicy: 'Never', initContainers: [{ name: 'side', ...sidecar }], containers: [{}] })
    story.cluster.container('default', 'web', 'side')!.processes.get(1)!.signal('SIGKILL')
    story.pass(3)
    expect(story.state('side')).toBe('running, ready, restarted 1')
    expect(story.state()).toBe('running, ready')
    expect(story.condition('Initialized')).toEqual({ status: 'True' })
  })

  it('stop when the Pod’s own containers have ended, so that a Job can end', () => {
    const story = new Story()
    story.run('web', { restartPolicy: 'Never', initContainers: [{ name: 'side', ...sidecar }], containers: [does('nap', '2000')] })
    story.pass(5)
    expect(story.pod().status.phase).toBe('Succeeded')
    expect(story.state('side')).toBe('terminated Completed 0')
    expect(story.events('web', ['Killing'])).toEqual(['Normal Killing Stopping container side'])
  })

  it('stop last, the one that started last first', () => {
    const story = new Story()
    const hook = (ms: string): object => ({ lifecycle: { preStop: { exec: { command: ['/bin/busybox', 'nap', ms] } } } })
    story.run('web', { initContainers: [{ name: 'a', ...sidecar }, { name: 'b', ...sidecar }], containers: [hook('3000')] })
    const ends: string[] = []
    for (const name of ['a', 'b', 'main']) story.cluster.container('default', 'web', name)!.processes.get(1)!.onExit(() => ends.push(name))
    story.delete()
    story.cluster.settle()
    expect(ends).toEqual(['main', 'b', 'a'])
  })
})

describe('a Pod', () => {
  it('that lives longer than its deadline fails', () => {
    const story = new Story()
    story.run('web', { activeDeadlineSeconds: 30, containers: [{}] })
    story.pass(25)
    expect(story.pod().status.phase).toBe('Running')
    story.pass(10)
    const { phase, reason, message } = story.pod().status
    expect({ phase, reason, message }).toEqual({ phase: 'Failed', reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' })
    expect(story.events('web', ['DeadlineExceeded', 'Killing'])).toEqual(['Normal DeadlineExceeded Pod was active on the node longer than the specified deadline', 'Normal Killing Stopping container main'])
    expect(story.cluster.podNetwork('default', 'web')).toBeUndefined()
  })

  it('whose image is changed gets a new container', () => {
    const story = new Story()
    story.run('web', { containers: [{}] })
    story.cluster.client.patch('pods', 'default', 'web', 'application/json-patch+json', [{ op: 'replace', path: '/spec/containers/0/image', value: 'busybox:1.36' }])
    story.pass(3)
    expect(story.state()).toBe('running, ready, restarted 1')
    expect(story.pod().status.containerStatuses![0]!.image).toBe('docker.io/library/busybox:1.36')
    expect(story.events('web', ['Killing'])).toEqual(['Normal Killing Container main definition changed, will be restarted'])
  })

  it('is ready when its gates say so too', () => {
    const story = new Story()
    story.run('web', { readinessGates: [{ conditionType: 'example.com/lb' }], containers: [{}] })
    expect(story.condition('Ready')).toEqual({ status: 'False', reason: 'ReadinessGatesNotReady', message: 'corresponding condition of pod readiness gate "example.com/lb" does not exist.' })
    story.cluster.client.patch('pods', 'default', 'web', 'application/strategic-merge-patch+json', { status: { conditions: [{ type: 'example.com/lb', status: 'True' }] } }, { subresource: 'status' } as object)
    story.cluster.settle()
    expect(story.condition('Ready')).toEqual({ status: 'True' })
  })

  it('shows what its containers have of the node, and whom they run as', () => {
    const story = new Story()
    story.run('web', { securityContext: { runAsUser: 1000, fsGroup: 2000 }, containers: [{ resources: { requests: { cpu: '100m' }, limits: { memory: '64Mi' } } }] })
    expect(story.pod().status.containerStatuses![0]).toMatchObject({
      allocatedResources: { cpu: '100m', memory: '64Mi' },
      resources: { limits: { memory: '64Mi' }, requests: { cpu: '100m', memory: '64Mi' } },
      user: { linux: { uid: 1000, gid: 0, supplementalGroups: [0, 2000] } },
    })
  })
})
