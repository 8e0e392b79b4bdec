import type { ContainerView, SandboxView, Task } from '../../../engine/cluster.ts'
import { goJson } from '../../kubectl/json.ts'
import { toYaml } from '../../kubectl/yaml.ts'
import { ago, Fatal, HelpWanted, humanSize, parseFlags, type Client, type Flags } from './client.ts'
import { containerAnnotations, containerJson, containerLabels, podAnnotations, podLabels, sandboxJson } from './objects.ts'

/** crictl pods, ps and images (cri-tools v1.33, cmd/crictl/sandbox.go, container.go, image.go). */

export const SHORT = 13

function matcher(pattern: string | undefined): (text: string) => boolean {
  if (!pattern) return () => true
  try {
    const expression = new RegExp(pattern)
    return (text) => expression.test(text)
  } catch {
    // an expression that cannot be read matches nothing
    return () => false
  }
}

function selector(flags: Flags): (labels: Readonly<Record<string, string>>) => boolean {
  const wanted = flags.values('label').map((word) => {
    const pair = word.split('=')
    if (pair.length !== 2) throw new Fatal(`incorrectly specified label: ${word}`)
    return pair as [string, string]
  })
  return (labels) => wanted.every(([key, value]) => labels[key] === value)
}

/** --latest and --last. */
function newest<T>(all: readonly T[], flags: Flags): T[] {
  const last = flags.has('latest') ? 1 : Number(flags.value('last') ?? 0)
  return last > 0 ? all.slice(0, last) : [...all]
}

export const POD_FLAGS = 'id= name= namespace= state,s= label= verbose,v quiet,q output,o= latest,l last,n= no-trunc'

export function selectPods(client: Client, flags: Flags): SandboxView[] {
  const state = flags.value('state')?.toLowerCase()
  if (state !== undefined && !['ready', 'notready'].includes(state)) throw new Fatal('listing pod sandboxes: list pod sandboxes: --state should be ready or notready')
  const [name, namespace, labels] = [matcher(flags.value('name')), matcher(flags.value('namespace')), selector(flags)]
  return newest(client.view.runtime.sandboxes().filter((s) => name(s.pod.metadata.name) && namespace(s.pod.metadata.namespace) && labels(podLabels(s)) && s.id.startsWith(flags.value('id') ?? '') && (state === undefined || s.ready === (state === 'ready'))), flags)
}

export function* pods(client: Client, words: readonly string[]): Task<void> {
  const flags = parseFlags(words, POD_FLAGS)
  const found = selectPods(client, flags)
  if (yield* structured(client, flags, { items: found.map(sandboxJson) })) return
  if (flags.has('quiet')) return yield* client.print(found.map((s) => `${s.id}\n`).join(''))
  const id = (text: string): string => (flags.has('no-trunc') ? text : text.slice(0, SHORT))
  if (!flags.has('verbose')) {
    const rows = found.map((s) => [id(s.id), ago(client.wall - s.createdAt), s.ready ? 'Ready' : 'NotReady', s.pod.metadata.name, s.pod.metadata.namespace, String(s.attempt), '(default)'])
    return yield* client.table([['POD ID', 'CREATED', 'STATE', 'NAME', 'NAMESPACE', 'ATTEMPT', 'RUNTIME'], ...rows])
  }
  for (const s of found) {
    const { name, namespace, uid } = s.pod.metadata
    yield* client.print(`ID: ${s.id}\nName: ${name}\nUID: ${uid}\nNamespace: ${namespace}\n${s.attempt ? `Attempt: ${s.attempt}\n` : ''}Status: ${s.ready ? 'Ready' : 'NotReady'}\nCreated: ${goTime(s.createdAt)}\n${section('Labels', podLabels(s))}${section('Annotations', podAnnotations(s))}Runtime: (default)\n\n`)
  }
}

export function section(title: string, map: Readonly<Record<string, string>>): string {
  return `${title}:\n${Object.keys(map).sort().map((key) => `\t${key} -> ${map[key]}\n`).join('')}`
}

/** time.Time's String in UTC. */
export function goTime(wall: number): string {
  const digits = String(Math.floor((wall % 1000) * 1e6)).padStart(9, '0').replace(/0+$/, '')
  return `${new Date(Math.floor(wall / 1000) * 1000).toISOString().slice(0, 19).replace('T', ' ')}${digits ? `.${digits}` : ''} +0000 UTC`
}

export const CONTAINER_FLAGS = 'verbose,v id= name= pod,p= image= state,s= label= quiet,q output,o= all,a latest,l last,n= no-trunc resolve-image-path,r namespace='

export function selectContainers(client: Client, flags: Flags, all = flags.has('all')): ContainerView[] {
  const state = flags.value('state')?.toLowerCase()
  if (state !== undefined && !['created', 'running', 'exited', 'unknown'].includes(state)) throw new Fatal('listing containers: list containers: --state should be one of created, running, exited or unknown')
  const limited = flags.has('latest') || Number(flags.value('last') ?? 0) > 0
  const [name, namespace, labels] = [matcher(flags.value('name')), matcher(flags.value('namespace')), selector(flags)]
  const image = flags.value('image')
  return newest(client.view.runtime.containers().filter((c) => {
    if (!limited && (state === undefined ? !all && !c.running : state !== (c.running ? 'running' : 'exited'))) return false
    if (image !== undefined && !(c.image && (c.image.id.includes(image) || isImage(c.image.reference, image)))) return false
    return name(c.name) && namespace(c.sandbox.pod.metadata.namespace) && labels(containerLabels(c)) && c.id.startsWith(flags.value('id') ?? '') && c.sandbox.id.startsWith(flags.value('pod') ?? '')
  }), flags)
}

/** Whether a name as people write it is this canonical one's. */
export function isImage(reference: string, name: string): boolean {
  return [name, `${name}:latest`].some((each) => [each, `docker.io/${each}`, `docker.io/library/${each}`].includes(reference))
}

export function* ps(client: Client, words: readonly string[]): Task<void> {
  const flags = parseFlags(words, CONTAINER_FLAGS)
  if (flags.args.length > 0) throw new HelpWanted()
  const found = selectContainers(client, flags)
  if (yield* structured(client, flags, { containers: found.map(containerJson) })) return
  if (flags.has('quiet')) return yield* client.print(found.map((c) => `${c.id}\n`).join(''))
  if (flags.has('verbose')) {
    for (const c of found) yield* client.print(`ID: ${c.id}\nPodID: ${c.sandbox.id}\nNamespace: ${c.sandbox.pod.metadata.namespace}\nName: ${c.name}\nAttempt: ${c.attempt}\nState: ${c.running ? 'Running' : 'Exited'}\nImage: ${c.image?.id ?? ''}\nCreated: ${ago(client.wall - c.createdAt)}\n${section('Labels', containerLabels(c))}${section('Annotations', containerAnnotations(c))}\n`)
    return
  }
  const short = (text: string): string => (flags.has('no-trunc') ? text : text.slice(0, SHORT))
  const rows = found.map((c) => {
    const image = c.image ? (flags.has('resolve-image-path') ? c.image.reference : flags.has('no-trunc') ? c.image.id : short(c.image.id.replace('sha256:', ''))) : ''
    return [short(c.id), image, ago(client.wall - c.createdAt), c.running ? 'Running' : 'Exited', c.name, String(c.attempt), short(c.sandbox.id), c.sandbox.pod.metadata.name, c.sandbox.pod.metadata.namespace]
  })
  yield* client.table([['CONTAINER', 'IMAGE', 'CREATED', 'STATE', 'NAME', 'ATTEMPT', 'POD ID', 'POD', 'NAMESPACE'], ...rows])
}

type PresentImage = ReturnType<Client['view']['runtime']['images']['present']>[number]

/** Image. */
export function imageJson(image: PresentImage): Record<string, unknown> {
  const { uid, name } = image.user
  return {
    id: image.id, repoTags: [image.reference], repoDigests: [image.digest], size: String(image.size), uid: /^\d+$/.test(name) || uid !== 0 ? { value: String(uid) } : null, username: '', spec: null, pinned: image.reference.startsWith('registry.k8s.io/pause:'),
  }
}

/** By name, then by --filter, one after the other (filterImagesList). */
export function filteredImages(client: Client, flags: Flags, wanted: string | undefined): PresentImage[] {
  const all = client.view.runtime.images.present().sort((a, b) => (a.reference < b.reference ? -1 : 1))
  let found = wanted === undefined || wanted === '' ? all : all.filter((i) => isImage(i.reference, wanted) || isImage(i.reference.replace(/:[^:/]*$/, ''), wanted))
  const upTo = (images: PresentImage[], name: string): PresentImage[] => {
    const at = images.findIndex((i) => (!name.includes(':') ? i.id.startsWith(name) : name.includes('@') ? i.digest.startsWith(name) : i.reference === name))
    return name.includes('@') && !name.includes(':') ? [] : at < 0 ? images : images.slice(0, at)
  }
  for (const filter of found.length > 0 ? flags.values('filter') : []) {
    const [key, value = ''] = filter.split(/=(.*)/s) as [string, string?]
    if (key === 'before') found = upTo(found.reverse(), value).reverse()
    else if (key === 'since') found = upTo(found, value)
    else if (key === 'dangling') found = value === 'false' ? found : []
    else if (key === 'reference') {
      let pattern: RegExp
      try {
        pattern = new RegExp(value)
      } catch {
        throw new Fatal(`listing images: filter images: error parsing regexp: ${value}`)
      }
      found = found.filter((i) => pattern.test(i.digest.split('@')[0]!))
    } else throw new Fatal(`listing images: filter images: unknown filter flag: ${filter}`)
  }
  return found
}

export function* images(client: Client, words: readonly string[]): Task<void> {
  const flags = parseFlags(words, 'verbose,v quiet,q filter,f= output,o= digests no-trunc pinned')
  if (flags.args.length > 1) throw new HelpWanted()
  const found = filteredImages(client, flags, flags.args[0])
  if (yield* structured(client, flags, { images: found.map(imageJson) })) return
  if (flags.has('quiet')) return yield* client.print(found.map((i) => `${i.id}\n`).join(''))
  if (flags.has('verbose')) {
    return yield* client.print(found.map((i) => {
      const { uid } = imageJson(i) as { uid: { value: string } | null }
      return `ID: ${i.id}\nRepoTags: ${i.reference}\nRepoDigests: ${i.digest}\nSize: ${i.size}\n${uid ? `Uid: &Int64Value{Value:${uid.value},}\n` : ''}${i.reference.startsWith('registry.k8s.io/pause:') ? 'Pinned: true\n' : ''}\n`
    }).join(''))
  }
  const rows = found.map((i) => {
    const colon = i.reference.lastIndexOf(':')
    const digest = i.digest.split('@')[1]!
    return [
      i.reference.slice(0, colon), i.reference.slice(colon + 1), ...(flags.has('digests') ? [flags.has('no-trunc') ? digest : digest.replace('sha256:', '').slice(0, SHORT)] : []),
      flags.has('no-trunc') ? i.id : i.id.replace('sha256:', '').slice(0, SHORT), humanSize(i.size), ...(flags.has('pinned') ? [String(i.reference.startsWith('registry.k8s.io/pause:'))] : []),
    ]
  })
  yield* client.table([['IMAGE', 'TAG', ...(flags.has('digests') ? ['DIGEST'] : []), 'IMAGE ID', 'SIZE', ...(flags.has('pinned') ? ['PINNED'] : [])], ...rows])
}

/** -o json and yaml; false: a table is wanted. */
function* structured(client: Client, flags: Flags, value: unknown): Task<boolean> {
  const format = flags.value('output') ?? 'table'
  if (format === 'json') yield* client.print(`${goJson(value, '  ')}\n`)
  else if (format === 'yaml') yield* client.print(`${toYaml(value)}\n`)
  else if (format === 'table' || format === '') return false
  else throw new Fatal(`unsupported output format "${format}"`)
  return true
}
