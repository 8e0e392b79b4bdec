import { anyOf, isSystemError, PullError, sleep, type ContainerView, type SandboxView, type Task } from '../../../engine/cluster.ts'
import { runOn } from '../run-on.ts'
import { ago, Fatal, HelpWanted, humanSize, NotSimulated, parseFlags, RpcError, type Client } from './client.ts'
import { containerAnnotations, containerInfo, containerLabels, containerStatus, podAnnotations, podLabels, sandboxInfo, sandboxStatus } from './objects.ts'
import { CONTAINER_FLAGS, filteredImages, goTime, imageJson, isImage, POD_FLAGS, section, selectContainers, selectPods } from './list.ts'

/** The commands of crictl that look at one thing, or change it (cri-tools v1.33). */

const INSPECT = 'template= '

export function* inspect(client: Client, words: readonly string[]): Task<void> {
  const flags = parseFlags(words, INSPECT + CONTAINER_FLAGS)
  const found = flags.args.length > 0 ? flags.args.map((id) => wrapped('get the status of containers: get container status', () => client.container(id, 'ContainerStatus'))) : selectContainers(client, flags, true)
  if (found.length === 0) return yield* nothingFound(client)
  const format = flags.value('output') ?? 'json'
  if (format === 'table') {
    if (!flags.has('quiet')) throw new NotSimulated('crictl inspect -o table without -q (use -q, or -o yaml)')
    for (const c of found) {
      const { createdAt, startedAt, finishedAt, exitCode, running } = c
      const wall = client.wall
      const over = running ? '' : `Finished: ${ago(wall - finishedAt)}\nExit Code: ${exitCode}\n`
      yield* client.print(`ID: ${c.id}\nName: ${c.name}\n${c.attempt ? `Attempt: ${c.attempt}\n` : ''}State: ${running ? 'CONTAINER_RUNNING' : 'CONTAINER_EXITED'}\nCreated: ${ago(wall - createdAt)}\nStarted: ${ago(wall - startedAt)}\n${over}${section('Labels', containerLabels(c))}${section('Annotations', containerAnnotations(c))}`)
    }
    return
  }
  yield* client.status(found.map((c) => ({ status: containerStatus(c), info: flags.has('quiet') ? {} : { info: containerInfo(client.view, c) } })), format, flags.value('template'))
}

function* nothingFound(client: Client): Task<never> {
  yield* client.log('error', 'No IDs provided or nothing found per filter')
  throw new HelpWanted()
}

export function* inspectPod(client: Client, words: readonly string[]): Task<void> {
  const flags = parseFlags(words, INSPECT + POD_FLAGS)
  const found = flags.args.length > 0 ? flags.args.map((id) => wrapped('get the status of pod sandboxes: get pod sandbox status', () => client.sandbox(id, 'PodSandboxStatus'))) : selectPods(client, flags)
  if (found.length === 0) return yield* nothingFound(client)
  const format = flags.value('output') ?? 'json'
  if (format === 'table') {
    if (!flags.has('quiet')) throw new NotSimulated('crictl inspectp -o table without -q (use -q, or -o yaml)')
    for (const s of found) {
      const { name, namespace, uid, annotations } = s.pod.metadata
      const [ip = '', ...more] = s.hostNetwork ? [] : s.ips
      yield* client.print(`ID: ${s.id}\nName: ${name}\nUID: ${annotations?.['kubernetes.io/config.hash'] ?? uid}\nNamespace: ${namespace}\nAttempt: ${s.attempt}\nStatus: ${s.ready ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY'}\nCreated: ${goTime(s.createdAt)}\nIP Addresses: ${ip}\n${more.map((each) => `Additional IP: ${each}\n`).join('')}${section('Labels', podLabels(s))}${section('Annotations', podAnnotations(s))}`)
    }
    return
  }
  yield* client.status(found.map((s) => ({ status: sandboxStatus(s), info: flags.has('quiet') ? {} : { info: sandboxInfo(client.view, s) } })), format, flags.value('template'))
}

export function* inspectImage(client: Client, words: readonly string[]): Task<void> {
  const flags = parseFlags(words, 'output,o= quiet,q template= name= filter,f=')
  const all = client.view.runtime.images.present()
  const names = flags.args.length > 0 ? flags.args : filteredImages(client, flags, flags.value('name')).map((i) => i.id)
  if (names.length === 0) return yield* nothingFound(client)
  const table = flags.value('output') === 'table'
  if (table && !flags.has('quiet')) throw new NotSimulated('crictl inspecti -o table without -q (use -q, or -o yaml)')
  let text = ''
  const statuses = names.map((name) => {
    const image = all.find((i) => isImage(i.reference, name) || i.id.replace('sha256:', '').startsWith(name.replace('sha256:', '')))
    if (!image) throw new Fatal(`no such image "${name}" present`)
    text += `ID: ${image.id}\nTag: ${image.reference}\nDigest: ${image.digest}\nSize: ${humanSize(image.size)}\n`
    const config = { Cmd: image.command, Entrypoint: image.entrypoint, Env: Object.entries(image.environment).map(([k, v]) => `${k}=${v}`), ExposedPorts: Object.fromEntries(image.exposedPorts.map((p) => [p, {}])), WorkingDir: image.workingDirectory }
    return { status: imageJson(image), info: flags.has('quiet') ? {} : { info: { chainID: image.id, imageSpec: { architecture: 'amd64', config, os: 'linux' } } } }
  })
  if (table) return yield* client.print(text)
  yield* client.status(statuses, flags.value('output') ?? 'json', flags.value('template'))
}

function wrapped<T>(what: string, find: () => T): T {
  try {
    return find()
  } catch (error) {
    if (error instanceof RpcError) throw Object.assign(error, { message: `${what}: ${error.message}` })
    throw error
  }
}

export function* stopPods(client: Client, words: readonly string[]): Task<void> {
  const { args } = parseFlags(words, '')
  if (args.length === 0) throw new HelpWanted()
  for (const id of args) {
    const found = wrapped(`stopping the pod sandbox "${id}"`, () => client.sandbox(id, 'StopPodSandbox'))
    yield* stopPod(client, found, id)
  }
}

/** containerd kills its containers, then takes its network away. */
function* stopPod(client: Client, sandbox: SandboxView, id: string): Task<void> {
  client.view.runtime.stopSandbox(sandbox)
  yield* client.process.sleep(200, { background: false })
  yield* client.print(`Stopped sandbox ${id}\n`)
}

export function* removePods(client: Client, words: readonly string[]): Task<void> {
  const flags = parseFlags(words, 'force,f all,a')
  const ids = flags.has('all') ? client.view.runtime.sandboxes().map((s) => s.id) : flags.args
  if (ids.length === 0 && flags.has('all')) return yield* client.log('info', 'No pods to remove')
  if (ids.length === 0) throw new HelpWanted()
  const problems: string[] = []
  for (const id of ids) {
    const sandbox = wrapped(`getting sandbox status of pod "${id}"`, () => client.sandbox(id, 'PodSandboxStatus'))
    if (sandbox.ready && !flags.has('force')) {
      problems.push(`pod sandbox "${id}" is running, please stop it first`)
      continue
    }
    if (sandbox.ready) yield* stopPod(client, sandbox, id)
    client.view.runtime.removeSandbox(sandbox)
    yield* client.print(`Removed sandbox ${id}\n`)
  }
  if (problems.length > 0) throw new Fatal(problems.length === 1 ? problems[0]! : `[${problems.join(', ')}]`)
}

export function* stop(client: Client, words: readonly string[]): Task<void> {
  const flags = parseFlags(words, 'timeout,t=')
  if (flags.args.length === 0) throw new Fatal('ID cannot be empty')
  for (const id of flags.args) {
    yield* stopContainer(client, wrapped(`stopping the container "${id}"`, () => client.container(id, 'StopContainer')), Number(flags.value('timeout') ?? 0))
    yield* client.print(`${id}\n`)
  }
}

/** Without a timeout the signal is SIGKILL at once (containerd's StopContainer). */
function* stopContainer(client: Client, { run }: ContainerView, timeout: number): Task<void> {
  if (!run) return
  const { clock } = client.process
  const over = (): Task<void> => (function* () {
    while (!run.process.status) yield client.process.changed(run.process)
  })()
  if (timeout > 0) {
    run.signal(run.stopSignal)
    const deadline = clock.now + timeout * 1000
    while (!run.process.status && clock.now < deadline) yield anyOf(client.process.changed(run.process), sleep(clock, deadline - clock.now))
  }
  if (!run.process.status) run.signal('SIGKILL')
  yield* over()
}

export function* remove(client: Client, words: readonly string[]): Task<void> {
  const flags = parseFlags(words, 'force,f keep-logs,k all,a')
  const ids = flags.has('all') ? client.view.runtime.containers().map((c) => c.id) : flags.args
  if (ids.length === 0 && flags.has('all')) return yield* client.log('info', 'No containers to remove')
  if (ids.length === 0) throw new HelpWanted()
  const problems: string[] = []
  for (const id of ids) {
    const container = wrapped(`getting container status "${id}"`, () => client.container(id, 'ContainerStatus'))
    if (container.running && !flags.has('force')) {
      problems.push(`container "${id}" is running, please stop it first`)
      continue
    }
    if (container.running) {
      yield* stopContainer(client, container, 0)
      yield* client.print(`${id}\n`)
    }
    client.view.runtime.removeContainer(container)
    yield* client.print(`${id}\n`)
  }
  if (problems.length > 0) throw new Fatal(problems.length === 1 ? problems[0]! : `[${problems.join(', ')}]`)
}

export function* pull(client: Client, words: readonly string[]): Task<void> {
  const { args: [name, ...more] } = parseFlags(words, 'creds= auth= annotation,a= pod-config= pull-timeout,pt=')
  if (name === undefined) throw new Fatal('image name cannot be empty')
  if (more.length > 0) throw new HelpWanted()
  try {
    const image = yield* client.view.runtime.images.pull(name)
    yield* client.print(`Image is up to date for ${image.id}\n`)
  } catch (error) {
    if (!(error instanceof PullError)) throw error
    throw Object.assign(new RpcError('PullImage', 'NotFound', '', `image="${name}"`), { message: `pulling image: ${error.message}` })
  }
}

export function* removeImages(client: Client, words: readonly string[]): Task<void> {
  const flags = parseFlags(words, 'all,a prune,q')
  const { images } = client.view.runtime
  const used = new Set(client.view.runtime.containers().map((c) => c.image?.reference))
  const all = images.present()
  const chosen = flags.has('prune') ? all.filter((i) => !used.has(i.reference) && !i.reference.includes('/pause:')) : flags.has('all') ? all : flags.args.map((name) => {
    const image = all.find((i) => isImage(i.reference, name) || i.id.replace('sha256:', '').startsWith(name.replace('sha256:', '')))
    if (!image) throw new Fatal(`no such image ${name}`)
    return image
  })
  if (chosen.length === 0 && !flags.has('all') && !flags.has('prune')) throw new HelpWanted()
  // pruning nothing says nothing, unless there is no image at all
  if (all.length === 0) return yield* client.log('info', 'No images to remove')
  for (const image of chosen) {
    images.remove(image)
    yield* client.print(`Deleted: ${image.reference}\n`)
  }
}

export function* exec(client: Client, words: readonly string[]): Task<number> {
  const flags = parseFlags(words, 'sync,s timeout= tty,t interactive,i transport,r= name= pod,p= image= state= label= latest,l last,n= quiet,q ignore-errors,e parallel,x')
  if (flags.args.length === 0) throw new HelpWanted()
  if (flags.has('ignore-errors') && !flags.has('quiet')) yield* client.log('warning', 'The `--ignore-errors` option has been set all errors returned by the command will be ignored.')
  const chosen = ['name', 'pod', 'image', 'state', 'label', 'latest', 'last'].some((f) => flags.has(f) || flags.value(f) !== undefined)
  const containers = chosen ? selectContainers(client, flags) : [client.container(flags.args[0] ?? '', 'ExecSync')]
  const argv = chosen ? flags.args : flags.args.slice(1)
  if (containers.length === 0) yield* client.log('error', 'No containers found per filter flags')
  if (argv.length === 0 || containers.length === 0) throw new HelpWanted()
  for (const { id, run } of containers) {
    if (!run) throw new RpcError('Exec', 'Unknown', `container is in CONTAINER_EXITED state`, `containerID="${id}"`)
    if (chosen && !flags.has('quiet')) yield* client.print(`${id}:\n`)
    let code: number
    try {
      code = yield* runOn(client.process, run.machine, { argv: [...argv], cwd: run.process.cwd, user: run.process.user })
    } catch (error) {
      if (!isSystemError(error)) throw error
      throw new Fatal(`execing command in container ${id}: error executing command in container: failed to exec in container: failed to start exec: OCI runtime exec failed: exec failed: unable to start container process: exec: "${argv[0]}": ${error.code === 'ENOENT' ? (argv[0]!.includes('/') ? `stat ${argv[0]}: no such file or directory` : 'executable file not found in $PATH') : 'permission denied'}: unknown`)
    }
    if (code !== 0 && !flags.has('ignore-errors')) {
      if (flags.has('sync')) throw new Fatal('non-zero exit code', code)
      throw new Fatal(`execing command in container ${id}: command terminated with exit code ${code}`)
    }
  }
  return 0
}

export function* logs(client: Client, words: readonly string[]): Task<void> {
  const flags = parseFlags(words, 'follow,f previous,p reopen,r tail= limit-bytes= since= timestamps,t stream,s=')
  const [id] = flags.args
  if (id === undefined) throw new Fatal('ID cannot be empty')
  if (flags.args.length > 1) throw new HelpWanted()
  for (const each of ['stream', 'limit-bytes', 'reopen']) if (flags.value(each) !== undefined) throw new NotSimulated(`crictl logs --${each} (use --tail or --since)`)
  const container = client.container(id, 'ContainerStatus')
  const { record, run, attempt } = container
  if (flags.has('previous') && attempt === 0) throw new Fatal(`previous terminated container ${container.name} not found`)
  const log = flags.has('previous') ? record.previousLog : run ? run.log : record.run ? record.previousLog : record.log
  if (!log) return
  const tail = flags.value('tail')
  const since = seconds(client, flags.value('since'))
  const queue: string[] = []
  let ended = false
  let wake: (() => void) | undefined
  const end = log.read({ follow: flags.has('follow'), timestamps: flags.has('timestamps'), ...(tail === undefined || Number(tail) < 0 ? {} : { tailLines: Number(tail) }), ...(since === undefined ? {} : { sinceSeconds: since }) }, {
    onLine: (line) => {
      queue.push(`${line}\n`)
      wake?.()
    },
    onEnd: () => {
      ended = true
      wake?.()
    },
  })
  client.process.onExit(end)
  for (;;) {
    if (queue.length > 0) yield* client.print(queue.splice(0).join(''))
    else if (ended) return
    else {
      yield (resume) => {
        wake = resume
        return () => (wake = undefined)
      }
    }
  }
}

function seconds(client: Client, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const unit = { h: 3600, m: 60, s: 1 }
  if (/^(\d+[hms])+$/.test(text)) return [...text.matchAll(/(\d+)([hms])/g)].reduce((sum, [, n, u]) => sum + Number(n) * unit[u as 'h'], 0)
  const at = Date.parse(/[zZ]|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`)
  if (Number.isNaN(at)) throw new Fatal(`failed to parse value as time or duration: "${text}"`)
  return (client.wall - at) / 1000
}
