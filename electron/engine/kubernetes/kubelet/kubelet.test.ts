import { describe, expect, it } from 'vitest'
import { CallbackFile, createCluster, createTerminal, decodeUtf8, encodeUtf8, parseClusterConfig, type Cluster, type Pod, type Process, type Task } from '../../cluster.ts'
import { BytesFile } from '../../machine/files.ts'
import type { ForwardCall } from '../client.ts'
import { expand } from './expansion.ts'
import { goDuration } from './go-duration.ts'

/** A box with a few words that containers of these stories say; the shell's own programs are in rooms above. */
function* box(process: Process): Task<number> {
  const [, word, ...rest] = process.argv
  switch (word) {
    case 'exit': return Number(rest[0])
    case 'say':
      yield* process.print(`${rest.join(' ')}\n`)
      return 0
    case 'write':
      process.fs.writeFile(rest[0]!, rest[1]!)
      return 0
    case 'echo-input': {
      for (;;) {
        const line = yield* process.readLine()
        if (line === null) return 0
        yield* process.print(`got ${line}\n`)
      }
    }
    case 'stay': {
      process.onSignal('SIGTERM', () => process.exit(0))
      for (;;) yield* process.sleep(1_000)
    }
    default:
      // deaf to SIGTERM, as a first process without a handler is
      for (;;) yield* process.sleep(1_000)
  }
}

function born(): Cluster {
  const cluster = createCluster(parseClusterConfig({}))
  cluster.programs.register('busybox', box)
  cluster.settle()
  return cluster
}

function run(cluster: Cluster, name: string, spec: { [key: string]: unknown; containers: object[] }, metadata: object = {}): void {
  const image = (c: object): object => ({ image: 'busybox', name: 'main', ...c })
  const init = (spec['initContainers'] as object[] | undefined)?.map(image)
  cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, ...metadata }, spec: { ...spec, ...(init ? { initContainers: init } : {}), containers: spec.containers.map(image) } })
}

const get = (cluster: Cluster, name: string): Pod => cluster.client.get<Pod>('pods', 'default', name)
const busybox = (...args: string[]): { command: string[] } => ({ command: ['/bin/busybox', ...args] })

function log(cluster: Cluster, name: string, container?: string, more: object = {}): string {
  let text = ''
  let refused: Error | undefined
  cluster.client.logs('default', name, { ...(container ? { container } : {}), ...more }, { onLine: (line) => (text += `${line}\n`), onRefused: (error) => (refused = error), onEnd: () => undefined })
  cluster.clock.runFor(5)
  if (refused) throw refused
  return text
}

describe('a container', () => {
  it('gets variables from all sources, in values, command and args', () => {
    const cluster = born()
    cluster.client.create('configmaps', 'default', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'conf' }, data: { color: 'green', size: 'xl' } })
    cluster.client.create('secrets', 'default', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'pass' }, stringData: { word: 'hush' } })
    run(cluster, 'web', {
      restartPolicy: 'Never',
      containers: [{
        command: ['/bin/busybox', 'say'],
        args: ['$(GREETING)', '$(UNKNOWN)', '$$(GREETING)'],
        envFrom: [{ configMapRef: { name: 'conf' }, prefix: 'C_' }],
        env: [
          { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
          { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'conf', key: 'color' } } },
          { name: 'WORD', valueFrom: { secretKeyRef: { name: 'pass', key: 'word' } } },
          { name: 'GREETING', value: 'hello from $(NAME): $(COLOR) $(WORD) $(C_size)' },
          { name: 'API', value: '$(KUBERNETES_SERVICE_HOST):$(KUBERNETES_SERVICE_PORT_HTTPS)' },
        ],
      }, { name: 'other', ...busybox('stay'), env: [{ name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }] }],
    })
    cluster.settle()
    expect(log(cluster, 'web', 'main')).toBe('hello from web: green hush xl $(UNKNOWN) $(GREETING)\n')
    const env = cluster.container('default', 'web', 'other')!.env
    expect(env.get('IP')).toBe(get(cluster, 'web').status.podIP)
    expect(env.get('KUBERNETES_SERVICE_HOST')).toBe('10.96.0.1')
    expect(env.get('KUBERNETES_PORT_443_TCP')).toBe('tcp://10.96.0.1:443')
    expect([...env.keys()].slice(0, 2)).toEqual(['PATH', 'HOSTNAME'])
  })

  it('whose ConfigMap is missing waits for it', () => {
    const cluster = born()
    run(cluster, 'web', { containers: [{ ...busybox('stay'), env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'late', key: 'a' } } }] }] })
    cluster.settle()
    expect(get(cluster, 'web').status.containerStatuses![0]!.state!.waiting).toEqual({ reason: 'CreateContainerConfigError', message: 'configmap "late" not found' })
    cluster.client.create('configmaps', 'default', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'late' }, data: { a: '1' } })
    cluster.clock.runFor(60_000)
    expect(get(cluster, 'web').status.phase).toBe('Running')
  })

  it('finds the files that the kubelet writes', () => {
    const cluster = born()
    run(cluster, 'web', { hostname: 'box', subdomain: 'boxes', hostAliases: [{ ip: '192.0.2.7', hostnames: ['old', 'older'] }], containers: [busybox('stay')] })
    cluster.settle()
    const { fs, hostname } = cluster.container('default', 'web')!
    const { podIP } = get(cluster, 'web').status
    expect(hostname).toBe('box')
    expect(fs.readText('/etc/resolv.conf')).toBe('search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n')
    expect(fs.readText('/etc/hosts')).toBe(
      '# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n' +
        `${podIP}\tbox.boxes.default.svc.cluster.local\tbox\n\n# Entries added by HostAliases.\n192.0.2.7\told\tolder\n`,
    )
  })

  it('ends as its restart policy says', () => {
    const cluster = born()
    run(cluster, 'good', { restartPolicy: 'OnFailure', containers: [busybox('exit', '0')] })
    run(cluster, 'bad', { restartPolicy: 'Never', containers: [busybox('exit', '3')] })
    run(cluster, 'again', { restartPolicy: 'OnFailure', containers: [busybox('exit', '3')] })
    cluster.settle()
    expect(get(cluster, 'good').status.phase).toBe('Succeeded')
    expect(get(cluster, 'good').status.containerStatuses![0]!.state!.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' })
    expect(get(cluster, 'bad').status.phase).toBe('Failed')
    expect(get(cluster, 'bad').status.containerStatuses![0]!.state!.terminated).toMatchObject({ exitCode: 3, reason: 'Error' })
    expect(cluster.podNetwork('default', 'bad')).toBeUndefined()
    expect(get(cluster, 'again').status.phase).toBe('Running')
  })

  it('that crashes is restarted at once, then at the first look after 10, 20, 40… seconds', () => {
    const cluster = born()
    run(cluster, 'bad', { containers: [{ ...busybox('exit', '1'), imagePullPolicy: 'IfNotPresent' }] })
    const starts: number[] = []
    let last = -1
    cluster.client.watch<Pod>('pods', { namespace: 'default' }, (event) => {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED') return
      const status = event.object.status.containerStatuses?.[0]
      if (!status?.state?.terminated || status.restartCount === last) return
      last = status.restartCount
      starts.push(cluster.clock.now)
    })
    cluster.clock.runFor(400_000)
    const gaps = starts.slice(1).map((at, i) => Math.round((at - starts[i]!) / 1000))
    expect(gaps[0]).toBe(1)
    // the kubelet looks every 10 to 15 s (backOffPeriod, workerBackOffPeriodJitterFactor)
    for (const [i, least] of [10, 20, 40, 80, 160].entries()) {
      expect(gaps[i + 1]).toBeGreaterThanOrEqual(least)
      expect(gaps[i + 1]).toBeLessThan(least + 16)
    }
  })

  it('has a log that can be read from before its restart', () => {
    const cluster = born()
    run(cluster, 'web', { containers: [{ name: 'main', ...busybox('say', 'hello') }, { name: 'other', ...busybox('stay') }] })
    cluster.settle()
    expect(log(cluster, 'web', 'main', { previous: true })).toBe('hello\n')
    expect(() => log(cluster, 'web', 'other', { previous: true })).toThrow('previous terminated container "other" in pod "web" not found')
    expect(log(cluster, 'web', 'main', { timestamps: true })).toMatch(/^2026-01-05T08:00:\d\d(\.\d+)?Z hello\n$/)
  })
})

describe('init containers', () => {
  it('run one after the other before the others, and sidecars stay', () => {
    const cluster = born()
    run(cluster, 'web', {
      initContainers: [{ name: 'first', ...busybox('write', '/shared/first', '1'), volumeMounts: [{ name: 'v', mountPath: '/shared' }] }, { name: 'side', ...busybox('stay'), restartPolicy: 'Always' }],
      containers: [{ ...busybox('stay'), volumeMounts: [{ name: 'v', mountPath: '/data' }] }],
      volumes: [{ name: 'v', emptyDir: {} }],
    })
    cluster.settle()
    const { status } = get(cluster, 'web')
    expect(status.phase).toBe('Running')
    expect(status.initContainerStatuses!.map((c) => [c.name, c.ready, c.started])).toEqual([['first', true, false], ['side', true, true]])
    expect(cluster.container('default', 'web', 'main')!.fs.readText('/data/first')).toBe('1')
  })

  it('that fail keep the Pod from starting', () => {
    const cluster = born()
    run(cluster, 'web', { initContainers: [{ name: 'first', ...busybox('exit', '1') }], containers: [busybox('stay')] })
    cluster.settle()
    const { status } = get(cluster, 'web')
    expect(status.phase).toBe('Pending')
    expect(status.containerStatuses![0]!.state!.waiting!.reason).toBe('PodInitializing')
    expect(status.conditions!.find((c) => c.type === 'Initialized')).toMatchObject({ status: 'False', reason: 'ContainersNotInitialized', message: 'containers with incomplete status: [first]' })
  })
})

describe('volumes', () => {
  it('of a ConfigMap show its keys, read-only, and follow it', () => {
    const cluster = born()
    cluster.client.create('configmaps', 'default', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'page' }, data: { 'index.html': 'one\n', other: 'x' } })
    run(cluster, 'web', { containers: [{ image: 'nginx', volumeMounts: [{ name: 'v', mountPath: '/usr/share/nginx/html' }] }], volumes: [{ name: 'v', configMap: { name: 'page', items: [{ key: 'index.html', path: 'index.html' }] } }] })
    cluster.settle()
    const { fs } = cluster.container('default', 'web')!
    expect(fs.readDirectory('/usr/share/nginx/html').filter((name) => !name.startsWith('..'))).toEqual(['index.html'])
    expect(() => fs.writeFile('/usr/share/nginx/html/index.html', 'mine')).toThrow('Read-only file system')
    cluster.client.patch('configmaps', 'default', 'page', 'application/merge-patch+json', { data: { 'index.html': 'two\n' } })
    cluster.clock.runFor(61_000)
    expect(fs.readText('/usr/share/nginx/html/index.html')).toBe('two\n')
  })

  it('are shared by the Pod’s containers and outlive their restarts', () => {
    const cluster = born()
    const mount = { volumeMounts: [{ name: 'v', mountPath: '/data' }] }
    run(cluster, 'web', { containers: [{ name: 'a', ...busybox('stay'), ...mount }, { name: 'b', ...busybox('stay'), ...mount }], volumes: [{ name: 'v', emptyDir: {} }] })
    cluster.settle()
    cluster.container('default', 'web', 'a')!.fs.writeFile('/data/note', 'hi')
    cluster.container('default', 'web', 'b')!.fs.appendFile('/data/note', ' there')
    cluster.container('default', 'web', 'a')!.processes.get(1)!.signal('SIGKILL')
    cluster.settle()
    expect(cluster.container('default', 'web', 'a')!.fs.readText('/data/note')).toBe('hi there')
  })
})

describe('a Pod that is deleted', () => {
  it('gets SIGTERM, and SIGKILL when its grace period is over', () => {
    const cluster = born()
    run(cluster, 'polite', { containers: [busybox('stay')] })
    run(cluster, 'deaf', { containers: [busybox()], terminationGracePeriodSeconds: 20 })
    cluster.settle()
    const gone = (name: string): number => {
      const began = cluster.clock.now
      cluster.client.delete('pods', 'default', name)
      cluster.settle()
      expect(() => get(cluster, name)).toThrow('not found')
      return cluster.clock.now - began
    }
    expect(gone('polite')).toBeLessThan(500)
    expect(Math.floor(gone('deaf') / 1000)).toBe(20)
  })

  it('runs its preStop hook first', () => {
    const cluster = born()
    run(cluster, 'web', { containers: [{ ...busybox('stay'), lifecycle: { preStop: { exec: { command: ['/bin/busybox', 'write', '/data/bye', 'x'] } } }, volumeMounts: [{ name: 'v', mountPath: '/data' }] }], volumes: [{ name: 'v', hostPath: { path: '/srv/v' } }] })
    cluster.settle()
    const node = cluster.nodes.get(get(cluster, 'web').spec.nodeName!)!
    cluster.client.delete('pods', 'default', 'web')
    cluster.settle()
    expect(node.fs.readText('/srv/v/bye')).toBe('x')
  })
})

describe('exec, attach and port-forward', () => {
  function output(cluster: Cluster): { file: CallbackFile; text: () => string } {
    let text = ''
    return { file: new CallbackFile(cluster.clock, (bytes) => (text += decodeUtf8(bytes))), text: () => text }
  }

  it('exec gives output and exit code', () => {
    const cluster = born()
    run(cluster, 'web', { containers: [busybox('stay')] })
    cluster.settle()
    const { file, text } = output(cluster)
    const results: unknown[] = []
    cluster.client.exec('default', 'web', { command: ['/bin/busybox', 'say', 'hi'], tty: false, stdout: file }).onExit((r) => results.push(r))
    cluster.client.exec('default', 'web', { command: ['/bin/busybox', 'exit', '5'], tty: false }).onExit((r) => results.push(r))
    cluster.settle()
    expect(text()).toBe('hi\n')
    expect(results).toEqual(expect.arrayContaining([{ code: 0 }, { code: 5 }]))
  })

  it('exec with stdin reads to its end; with a terminal keys are echoed', () => {
    const cluster = born()
    run(cluster, 'web', { containers: [busybox('stay')] })
    cluster.settle()
    const plain = output(cluster)
    cluster.client.exec('default', 'web', { command: ['/bin/busybox', 'echo-input'], tty: false, stdin: new BytesFile(encodeUtf8('a\nb\n')), stdout: plain.file })
    cluster.settle()
    expect(plain.text()).toBe('got a\ngot b\n')
    const tty = output(cluster)
    const mine = createTerminal(cluster.clock)
    mine.canonical = false
    mine.echo = false
    cluster.client.exec('default', 'web', { command: ['/bin/busybox', 'echo-input'], tty: true, stdin: mine.open(), stdout: tty.file, columns: 80, rows: 24 })
    cluster.clock.runFor(10)
    mine.input('x\r')
    cluster.clock.runFor(10)
    expect(tty.text()).toBe('x\r\ngot x\r\n')
  })

  it('exec of what is not there gives runc’s words', () => {
    const cluster = born()
    run(cluster, 'web', { containers: [busybox('stay')] })
    cluster.settle()
    let result: object | undefined
    cluster.client.exec('default', 'web', { command: ['nope'], tty: false }).onExit((r) => (result = r))
    cluster.settle()
    expect(result).toEqual({ error: expect.stringMatching(/^error executing command in container: failed to exec in container: failed to start exec "[0-9a-f]{64}": OCI runtime exec failed: exec failed: unable to start container process: exec: "nope": executable file not found in \$PATH: unknown$/) })
  })

  it('attach reaches the first process', () => {
    const cluster = born()
    run(cluster, 'web', { containers: [{ ...busybox('echo-input'), stdin: true, stdinOnce: true }], restartPolicy: 'Never' })
    cluster.settle()
    const { file, text } = output(cluster)
    let result: object | undefined
    cluster.client.attach('default', 'web', { tty: false, stdin: new BytesFile(encodeUtf8('one\n')), stdout: file }).onExit((r) => (result = r))
    cluster.settle()
    expect(text()).toBe('got one\n')
    expect(result).toEqual({ code: 0 })
    expect(get(cluster, 'web').status.phase).toBe('Succeeded')
  })

  it('port-forward connects inside the sandbox, and says why when it cannot', () => {
    const cluster = born()
    run(cluster, 'web', { containers: [{ image: 'nginx' }] })
    cluster.settle()
    let answer = ''
    const open = (): ForwardCall => {
      const refused: string[] = []
      const call = cluster.client.openForward('default', 'web', { onOpen: () => undefined, onRefused: (why) => refused.push(why), onLost: () => undefined })
      cluster.clock.runFor(5)
      expect(refused).toEqual([])
      return call
    }
    const call = open()
    const connection = call.connect(80, { onData: (data) => (answer += decodeUtf8(data)) })
    connection.send(encodeUtf8('GET / HTTP/1.0\r\n\r\n'))
    let problem = ''
    call.connect(81, { onClose: (error) => (problem = error?.message ?? '') })
    cluster.settle()
    expect(answer).toMatch(/^HTTP\/1.1 200 OK/)
    cluster.client.delete('pods', 'default', 'web')
    cluster.settle()
    run(cluster, 'web', { containers: [{ image: 'nginx' }] })
    cluster.settle()
    // who holds on to a sandbox that is gone does not get another one of the name
    let gone = ''
    call.connect(80, { onClose: (error) => (gone = error?.message ?? '') })
    cluster.clock.runFor(5)
    expect(gone).toMatch(/^error forwarding port 80 to pod ([0-9a-f]{64}), uid : failed to find sandbox "\1" in store: not found$/)
    expect(problem).toMatch(/^error forwarding port 81 to pod [0-9a-f]{64}, uid : failed to execute portforward in network namespace "\/var\/run\/netns\/cni-[-0-9a-f]+": failed to connect to localhost:81 inside namespace "[0-9a-f]{64}", IPv4: dial tcp4 127.0.0.1:81: connect: connection refused/)
  })
})

describe('texts', () => {
  it('$(VAR) is expanded as upstream does', () => {
    const lookup = (name: string): string | undefined => ({ A: '1' })[name]
    expect(['$(A)', '$(B)', '$$(A)', '$A', '$(A', 'x$', '$$$(A)'].map((t) => expand(t, lookup))).toEqual(['1', '$(B)', '$(A)', '$A', '$(A', 'x$', '$1'])
  })

  it('durations look like Go’s', () => {
    expect([0, 420, 1253, 10_000, 80_000, 300_000].map(goDuration)).toEqual(['0s', '420ms', '1.253s', '10s', '1m20s', '5m0s'])
  })
})

describe('a Pod that was deleted', () => {
  it('ends as Succeeded or Failed, as its containers ended, whatever its restart policy', () => {
    const cluster = born()
    run(cluster, 'polite', { containers: [busybox('stay')] })
    run(cluster, 'deaf', { containers: [busybox()], terminationGracePeriodSeconds: 5 })
    cluster.settle()
    const phases: Record<string, string[]> = { polite: [], deaf: [] }
    cluster.client.watch<Pod>('pods', { namespace: 'default' }, (event) => {
      if (event.type === 'MODIFIED') phases[event.object.metadata.name]!.push(event.object.status.phase!)
    })
    for (const name of ['polite', 'deaf']) cluster.client.delete('pods', 'default', name)
    cluster.settle()
    expect(phases['polite']!.at(-1)).toBe('Succeeded')
    expect(phases['deaf']!.at(-1)).toBe('Failed')
  })
})

describe('the log of a container whose image cannot be had', () => {
  it('is refused with the state that it is in', () => {
    const cluster = born()
    run(cluster, 'web', { containers: [{ image: 'nope/nope' }] })
    const refusals = new Set<string>()
    for (let i = 0; i < 300; i++) {
      cluster.clock.runFor(100)
      const reason = get(cluster, 'web').status.containerStatuses?.[0]?.state?.waiting?.reason
      try {
        if (reason?.includes('Image')) log(cluster, 'web')
      } catch (error) {
        refusals.add(`${reason}: ${(error as Error).message}`)
      }
    }
    expect([...refusals].sort()).toEqual([
      `ErrImagePull: container "main" in pod "web" is waiting to start: image can't be pulled`,
      'ImagePullBackOff: container "main" in pod "web" is waiting to start: trying and failing to pull image',
    ])
  })
})
