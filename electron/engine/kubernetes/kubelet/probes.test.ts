import { describe, expect, it } from 'vitest'
import { Story } from './stories.samples.ts'

const { does } = Story
const READY = { periodSeconds: 5, failureThreshold: 1 }

/** The events of a readiness probe of a server that is asked on port 80. */
function asked(command: object, probe: object, seconds = 12): { story: Story; events: string[]; ip: string } {
  const story = new Story()
  story.run('web', { containers: [{ ...command, readinessProbe: { ...READY, ...probe } }] })
  story.pass(seconds)
  return { story, events: story.events('web', ['Unhealthy', 'ProbeWarning']), ip: story.pod().status.podIP! }
}

describe('an HTTP probe', () => {
  it('sends what a kubelet sends, with the headers that were asked for', () => {
    const { story } = asked(does('serve', '80'), { httpGet: { path: '/healthz?full=1', port: 80, httpHeaders: [{ name: 'Host', value: 'shop.example.com' }, { name: 'X-Probe', value: 'yes' }] } })
    expect(story.state()).toBe('running, ready')
    expect(story.file('/heard')).toMatch(/^GET \/healthz\?full=1 HTTP\/1\.1\r\nHost: shop\.example\.com\r\nUser-Agent: kube-probe\/1\.33\r\nAccept: \*\/\*\r\nX-Probe: yes\r\nConnection: close\r\n\r\n/)
  })

  it('fails with the status, the refusal or the silence', () => {
    const status = asked(does('serve', '80', '503 Service Unavailable'), { httpGet: { port: 80 } })
    expect(status.events).toEqual(['Warning Unhealthy Readiness probe failed: HTTP probe failed with statuscode: 503'])
    const refused = asked(does('stay'), { httpGet: { port: 80 } })
    expect(refused.events).toEqual([`Warning Unhealthy Readiness probe failed: Get "http://${refused.ip}:80/": dial tcp ${refused.ip}:80: connect: connection refused`])
    const silent = asked(does('serve', '80', 'mute'), { httpGet: { port: 80 } })
    expect(silent.events).toEqual([`Warning Unhealthy Readiness probe failed: Get "http://${silent.ip}:80/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`])
    expect(silent.story.condition('Ready')).toEqual({ status: 'False', reason: 'ContainersNotReady', message: 'containers with unready status: [main]' })
  })

  it('follows a redirect to the same host, and takes one that leads away for success', () => {
    const here = asked(does('serve', '80', '302 Found', 'Location: :not an address'), { httpGet: { port: 80 } })
    expect(here.story.state()).toBe('running')
    const away = asked(does('serve', '80', '301 Moved Permanently', 'Location: http://example.com/'), { httpGet: { port: 80 } })
    expect(away.story.state()).toBe('running, ready')
    expect(away.events).toEqual(['Warning ProbeWarning Readiness probe warning: Probe terminated redirects, Response body: '])
    const loop = asked(does('serve', '80', '302 Found', 'Location: /again'), { httpGet: { port: 80 } })
    expect(loop.events).toEqual([`Warning Unhealthy Readiness probe failed: Get "http://${loop.ip}:80/again": stopped after 10 redirects`])
  })

  it('by HTTPS of a server that speaks HTTP says so', () => {
    const { events, ip } = asked(does('serve', '80', '400 Bad Request'), { httpGet: { port: 80, scheme: 'HTTPS' } })
    expect(events).toEqual([`Warning Unhealthy Readiness probe failed: Get "https://${ip}:80/": http: server gave HTTP response to HTTPS client`])
  })

  it('of a port by its name', () => {
    const { story } = asked({ ...does('serve', '8080'), ports: [{ name: 'web', containerPort: 8080 }] }, { httpGet: { port: 'web' } })
    expect(story.state()).toBe('running, ready')
    const unknown = asked(does('serve', '8080'), { httpGet: { port: 'web' } })
    expect(unknown.events).toEqual(['Warning Unhealthy Readiness probe errored and resulted in unknown state: strconv.Atoi: parsing "web": invalid syntax'])
    expect(unknown.story.state()).toBe('running')
  })
})

describe('a TCP probe', () => {
  it('is content with a connection', () => {
    expect(asked(does('serve', '80', 'mute'), { tcpSocket: { port: 80 } }).story.state()).toBe('running, ready')
    const { events, ip } = asked(does('stay'), { tcpSocket: { port: 81 } })
    expect(events).toEqual([`Warning Unhealthy Readiness probe failed: dial tcp ${ip}:81: connect: connection refused`])
  })
})

describe('a gRPC probe', () => {
  const agnhost = (...args: string[]): object => ({ image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', command: ['/agnhost', 'grpc-health-checking', ...args] })
  const failed = (text: string): string[] => [`Warning Unhealthy Readiness probe failed: ${text}`]

  it('asks the health service', () => {
    expect(asked(agnhost(), { grpc: { port: 5000 } }).story.state()).toBe('running, ready')
    expect(asked(agnhost('--service', 'shop'), { grpc: { port: 5000, service: 'shop' } }).story.state()).toBe('running, ready')
    expect(asked(agnhost('--delay-unhealthy-sec', '0'), { grpc: { port: 5000 } }).events).toEqual(failed('service unhealthy (responded with "NOT_SERVING")'))
    expect(asked(agnhost(), { grpc: { port: 5000, service: 'shop' } }).events).toEqual(failed('error: health rpc probe failed: rpc error: code = NotFound desc = unknown service'))
  })

  it('of a port where nobody listens, or nobody answers, ends with its time', () => {
    const refused = asked(agnhost(), { grpc: { port: 5001 }, timeoutSeconds: 2 })
    expect(refused.events).toEqual(failed(`timeout: failed to connect service "${refused.ip}:5001" within 2s: context deadline exceeded`))
    expect(asked(does('serve', '5000', 'mute'), { grpc: { port: 5000 } }).events).toEqual(failed('timeout: health rpc did not complete within 1s'))
  })
})

describe('an exec probe', () => {
  it('tells what the command said, that it took too long, or that it is not there', () => {
    const failed = asked({ env: [{ name: 'CODE', value: '1' }] }, { exec: { command: ['/bin/busybox', 'say', 'not yet'] } })
    expect(failed.events).toEqual(['Warning Unhealthy Readiness probe failed: not yet\n'])
    const late = asked({}, { exec: { command: ['/bin/busybox', 'nap', '5000'] } })
    expect(late.events).toEqual(['Warning Unhealthy Readiness probe failed: command timed out: "/bin/busybox nap 5000" timed out after 1s'])
    const absent = asked({}, { exec: { command: ['nope'] } })
    expect(absent.events[0]).toMatch(/^Warning Unhealthy Readiness probe errored and resulted in unknown state: .*exec: "nope": executable file not found in \$PATH: unknown$/)
  })
})

describe('a liveness probe', () => {
  it('that fails often enough replaces the container, within its own grace period', () => {
    const story = new Story()
    const livenessProbe = { exec: { command: ['/bin/busybox', 'exit', '1'] }, periodSeconds: 2, failureThreshold: 2, terminationGracePeriodSeconds: 3 }
    story.run('web', { terminationGracePeriodSeconds: 600, containers: [{ ...does('deaf'), livenessProbe }] })
    story.pass(12)
    expect(story.state()).toMatch(/restarted 1$/)
    expect(story.events('web', ['Killing'])).toEqual(['Normal Killing Container main failed liveness probe, will be restarted'])
    expect(story.pod().status.containerStatuses![0]!.lastState!.terminated).toMatchObject({ exitCode: 137, reason: 'Error' })
  })

  it('of a Pod that is never restarted ends it', () => {
    const story = new Story()
    story.run('web', { restartPolicy: 'Never', containers: [{ ...does('deaf'), livenessProbe: { tcpSocket: { port: 1 }, periodSeconds: 1, failureThreshold: 1, terminationGracePeriodSeconds: 2 } }] })
    story.pass(10)
    expect(story.events('web', ['Killing'])).toEqual(['Normal Killing Container main failed liveness probe'])
    expect(story.pod().status.phase).toBe('Failed')
  })

  it('waits for the startup probe', () => {
    const story = new Story()
    story.run('web', {
      containers: [{
        ...does('serve', '80'),
        startupProbe: { exec: { command: ['/bin/busybox', 'exit', '1'] }, periodSeconds: 1, failureThreshold: 5, terminationGracePeriodSeconds: 1 },
        livenessProbe: { exec: { command: ['/bin/busybox', 'exit', '1'] }, periodSeconds: 1, failureThreshold: 1 },
      }],
    })
    story.pass(20)
    expect(new Set(story.events('web', ['Unhealthy', 'Killing']))).toEqual(new Set(['Warning Unhealthy Startup probe failed: ', 'Normal Killing Container main failed startup probe, will be restarted']))
  })
})
