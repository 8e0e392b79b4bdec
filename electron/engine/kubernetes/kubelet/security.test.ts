import { describe, expect, it } from 'vitest'
import { Story } from './stories.samples.ts'

const { does } = Story

function waiting(story: Story): object | undefined {
  return story.pod().status.containerStatuses![0]!.state!.waiting
}

describe('a container that must not be root', () => {
  it('does not start as root', () => {
    const story = new Story()
    story.run('web', { securityContext: { runAsNonRoot: true }, containers: [{}] })
    const where = `(pod: "web_default(${story.pod().metadata.uid})", container: main)`
    expect(waiting(story)).toEqual({ reason: 'CreateContainerConfigError', message: `container has runAsNonRoot and image will run as root ${where}` })
    expect(story.events('web', ['Failed'])).toEqual([`Warning Failed Error: container has runAsNonRoot and image will run as root ${where}`])
    story.run('zero', { containers: [{ securityContext: { runAsNonRoot: true, runAsUser: 0 } }] })
    expect(story.pod('zero').status.containerStatuses![0]!.state!.waiting!.message).toMatch(/^container's runAsUser breaks non-root policy \(pod: /)
    story.run('named', { containers: [{ image: 'curlimages/curl', securityContext: { runAsNonRoot: true } }] })
    expect(story.pod('named').status.containerStatuses![0]!.state!.waiting!.message).toMatch(/^container has runAsNonRoot and image has non-numeric user \(curl_user\), cannot verify user is non-root /)
    story.run('fine', { containers: [{ securityContext: { runAsNonRoot: true, runAsUser: 1000 } }] })
    expect(story.state('main', 'fine')).toBe('running, ready')
  })
})

describe('a read-only root', () => {
  it('takes nothing, what is mounted does', () => {
    const story = new Story()
    story.run('web', { containers: [{ securityContext: { readOnlyRootFilesystem: true }, volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }] }], volumes: [{ name: 'tmp', emptyDir: {} }] })
    const { fs } = story.cluster.container('default', 'web')!
    for (const path of ['/note', '/etc/note', '/bin/busybox']) expect(() => fs.writeFile(path, 'x')).toThrow('Read-only file system')
    expect(() => fs.remove('/bin/busybox')).toThrow('Read-only file system')
    fs.writeFile('/tmp/note', 'x')
    expect(fs.readText('/tmp/note')).toBe('x')
  })
})

describe('sysctls', () => {
  it('that are safe are set in the Pod’s network namespace', () => {
    const story = new Story()
    story.run('web', { securityContext: { sysctls: [{ name: 'net.ipv4.ip_local_port_range', value: '1024 2048' }] }, containers: [{}] })
    expect(story.cluster.podNetwork('default', 'web')!.sysctl('net.ipv4.ip_local_port_range')).toMatch(/^1024\s2048$/)
  })
})

describe('processes', () => {
  it('of one container are not another’s', () => {
    const story = new Story()
    story.run('web', { containers: [{ name: 'a' }, { name: 'b' }] })
    expect(story.cluster.container('default', 'web', 'a')!.processes.size).toBe(1)
  })

  it('are shared if the Pod says so: process 1 is the pause container’s', () => {
    const story = new Story()
    story.run('web', { shareProcessNamespace: true, containers: [{ name: 'a' }, { name: 'b', ...does('deaf') }] })
    const a = story.cluster.container('default', 'web', 'a')!
    const names = [...a.processes.values()].map((p) => p.argv.join(' '))
    expect(names).toEqual(['/pause', '/bin/busybox stay', '/bin/busybox deaf'])
    expect(a.fs.readText('/proc/3/cmdline')).toContain('deaf')
    // it is not process 1: what it does not handle kills it
    a.processes.get(3)!.signal('SIGTERM')
    story.pass(3)
    expect(story.state('b')).toBe('running, ready, restarted 1')
    expect(story.state('a')).toBe('running, ready')
  })

  it('of the machine are seen with hostPID', () => {
    const story = new Story()
    story.run('web', { hostPID: true, nodeName: 'worker-1', containers: [{}] })
    expect(story.cluster.container('default', 'web')!.processes).toBe(story.cluster.nodes.get('worker-1')!.processes)
    story.delete()
    story.cluster.settle()
    expect(story.gone()).toBe(true)
  })
})
